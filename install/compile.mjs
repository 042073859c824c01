/** Compiles lib/ to dist/ in a clone; an installed package has dist/ and no lib/. */

import { existsSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { InstallError } from "./errors.mjs";
import { IS_CLONE, ROOT } from "./record.mjs";
import { run } from "./run.mjs";
import { hashInputs, isStamped, stamp } from "./stamp.mjs";

const LIB = path.join(ROOT, "lib");
const DIST = path.join(ROOT, "dist");

/** @param {(line: string) => void} log */
export async function compileTypeScript(log) {
  if (!IS_CLONE) return;
  const file = path.join(DIST, ".compiled");
  const hash = hashInputs(ROOT, ["lib", "tsconfig.json", "package-lock.json"]);
  if (isStamped(file, hash)) return;
  const tsc = findCompiler();
  if (tsc === null) {
    log("TypeScript is not installed (npm left out devDependencies): lib/ is not compiled. To do so: npm run setup");
    return;
  }
  log("Compiling TypeScript");
  const result = await run(process.execPath, [tsc, "-p", ROOT]);
  if (!result.ok) throw new InstallError("ERR_ADDON", `lib/ does not compile:\n${result.stdout}${result.stderr}`);
  removeOrphans();
  stamp(file, hash);
}

function findCompiler() {
  try {
    return createRequire(import.meta.url).resolve("typescript/bin/tsc");
  } catch {
    return null;
  }
}

/** Deletes what was compiled from sources that are gone: it would be published, and found by stale imports. */
function removeOrphans() {
  for (const name of readdirSync(DIST, { recursive: true, encoding: "utf8" })) {
    const source = name.replace(/(\.d\.ts|\.js|\.js\.map)$/, ".ts");
    if (source !== name && !existsSync(path.join(LIB, source))) rmSync(path.join(DIST, name));
  }
}
