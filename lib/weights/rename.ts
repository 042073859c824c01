/** Key maps: names of weights in one code base turned into those of another. */

import { isPlainObject } from "../checks.js";
import { argumentError, describeValue, DgsamError } from "../errors.js";
import type { StateDict } from "../nn/index.js";

/**
 * A function from a key to the new one, or to null to leave the tensor out; or a table of prefixes. Of a table the longest prefix
 * that fits is replaced by its value, null leaves the tensor out, and keys that no prefix fits stay as they are:
 * `{ "module.": "", "head.": null }`.
 */
export type KeyMap = ((key: string) => string | null) | Readonly<Record<string, string | null>>;

/** The dict under its new keys. @throws DgsamError `ERR_ARGUMENT` when two tensors come to have one key */
export function renamed(name: string, dict: Readonly<StateDict>, map: KeyMap | undefined): StateDict {
  if (map === undefined) return { ...dict };
  const rename = typeof map === "function" ? map : prefixMap(name, map);
  const sources = new Map<string, string>();
  for (const key of Object.keys(dict)) {
    const target: unknown = rename(key);
    if (target === null) continue;
    if (typeof target !== "string")
      throw new DgsamError("ERR_ARGUMENT", `${name}: rename(${JSON.stringify(key)}): expected a string, or null to leave it out, got ${describeValue(target)}`);
    const other = sources.get(target);
    if (other !== undefined)
      throw new DgsamError("ERR_ARGUMENT", `${name}: rename gives ${JSON.stringify(other)} and ${JSON.stringify(key)} one key, ${JSON.stringify(target)}`);
    sources.set(target, key);
  }
  return Object.fromEntries([...sources].map(([target, key]) => [target, dict[key]!] as const));
}

function prefixMap(name: string, table: unknown): (key: string) => string | null {
  if (!isPlainObject(table) || !Object.values(table).every((each) => each === null || typeof each === "string"))
    throw argumentError(`${name}: rename`, "a function, or an object of prefixes and their replacements, strings or null", table);
  const prefixes = Object.entries(table as Record<string, string | null>).sort(([a], [b]) => b.length - a.length);
  return (key) => {
    const found = prefixes.find(([prefix]) => key.startsWith(prefix));
    if (found === undefined) return key;
    const [prefix, replacement] = found;
    return replacement === null ? null : replacement + key.slice(prefix.length);
  };
}
