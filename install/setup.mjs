/**
 * `npm run setup`: everything a clone needs, in order, each step only when its inputs changed: modules, LibTorch and the
 * addon, the compiled TypeScript. Plain Node, since nothing is installed yet when it starts.
 */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { hashInputs, isStamped, stamp } from "./stamp.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const log = (/** @type {string} */ line) => console.error(line);

function installModules() {
  const file = path.join(ROOT, "node_modules", ".dgsam-modules");
  const hash = hashInputs(ROOT, ["package.json", "package-lock.json"]);
  if (isStamped(file, hash)) return;
  log("Installing modules");
  // The package's own install script comes next, from here; those of others are not needed.
  const { status } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0 || !existsSync(path.join(ROOT, "node_modules"))) throw new Error("npm ci failed; its message is above");
  stamp(file, hash);
}

try {
  installModules();
  const { buildAddon } = await import("./build.mjs");
  await buildAddon({ log });
  const { compileTypeScript } = await import("./compile.mjs");
  await compileTypeScript(log);
} catch (error) {
  console.error(`dgsam: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}
