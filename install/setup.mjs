/**
 * `npm run setup`: everything a clone needs, in order, each step only when its inputs changed: modules, LibTorch and the
 * addon, the compiled TypeScript. Plain Node, since nothing is installed yet when it starts.
 *
 * --without-addon leaves LibTorch and the addon out, for commands that must also work where those cannot be had.
 */

import { InstallError } from "./errors.mjs";
import { withLock } from "./lock.mjs";
import { installModules } from "./modules.mjs";
import { assertSupportedNode, assertSupportedPlatform } from "./platform.mjs";
import { ROOT } from "./record.mjs";

const withoutAddon = process.argv.includes("--without-addon");
const log = (/** @type {string} */ line) => console.error(line);

try {
  assertSupportedNode();
  if (!withoutAddon) assertSupportedPlatform();
  await withLock(ROOT, async () => {
    await installModules(ROOT, log);
    // These use modules, so they are loaded after the modules are there.
    const { buildAddon } = await import("./build.mjs");
    const { compileTypeScript } = await import("./compile.mjs");
    if (!withoutAddon) await buildAddon({ log, keep: true });
    await compileTypeScript(log);
  }, { onWait: () => log("Another set-up of this clone is at work: waiting for it") });
} catch (error) {
  console.error(`dgsam: ${error instanceof InstallError ? error.message : error instanceof Error ? error.stack : error}`);
  process.exitCode = 1;
}
