/** Compiles lib/ to dist/ in a clone; an installed package has dist/ and no lib/. */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { ROOT } from "./record.mjs";
import { run } from "./run.mjs";
import { hashInputs, isStamped, stamp } from "./stamp.mjs";

/** @param {(line: string) => void} log */
export async function compileTypeScript(log) {
  if (!existsSync(path.join(ROOT, "lib"))) return;
  const file = path.join(ROOT, "dist", ".compiled");
  const hash = hashInputs(ROOT, ["lib", "tsconfig.json", "package-lock.json"]);
  if (isStamped(file, hash)) return;
  log("Compiling TypeScript");
  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  const result = await run(process.execPath, [tsc, "-p", ROOT]);
  if (!result.ok) throw new Error(`TypeScript does not compile:\n${result.stdout}${result.stderr}`);
  stamp(file, hash);
}
