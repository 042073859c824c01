/**
 * What npm runs after it has unpacked the package (package.json, "install"; binding.gyp calls it too). In a clone, whose
 * lib/ is not compiled yet, it compiles as well.
 */

import { buildAddon } from "./build.mjs";
import { compileTypeScript } from "./compile.mjs";
import { InstallError } from "./errors.mjs";

const log = (/** @type {string} */ line) => console.error(line);
try {
  await buildAddon({ log });
  await compileTypeScript(log);
} catch (error) {
  console.error(`dgsam: ${error instanceof InstallError ? error.message : error instanceof Error ? error.stack : error}`);
  process.exitCode = 1;
}
