/** How modules print: as PyTorch's do, the tree of submodules with what each was made with. */

import { inspect } from "node:util";

/** What printing needs of a module. */
interface Printable {
  namedChildren(): Map<string, Printable>;
}

// Every module has these; they say nothing about how it was made.
const MODES = new Set(["training", "runningStats"]);

function isSetting(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every((each) => typeof each === "number" || typeof each === "string" || each === null);
  return typeof value === "number" || typeof value === "string" || typeof value === "boolean";
}

/** `"Linear(inFeatures: 4, outFeatures: 3)"`, with one line per submodule where there are any. */
export function formatModule(module: Printable, open: ReadonlySet<Printable> = new Set()): string {
  const name = module.constructor.name;
  if (open.has(module)) return `${name}(...)`;
  const within = new Set([...open, module]);
  const settings = Object.entries(module).filter(([key, value]) => !MODES.has(key) && isSetting(value)).map(([key, value]) => `${key}: ${inspect(value)}`);
  const children = [...module.namedChildren()].map(([key, child]) => `(${key}): ${formatModule(child, within)}`);
  if (children.length === 0) return `${name}(${settings.join(", ")})`;
  const lines = [...(settings.length > 0 ? [settings.join(", ")] : []), ...children];
  return `${name}(\n${lines.join("\n").replace(/^/gm, "  ")}\n)`;
}
