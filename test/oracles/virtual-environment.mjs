/** Virtual environments of Python in our cache folder: made once, kept, and made anew when they no longer work. */

import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import path from "node:path";
import { cacheFolder } from "../../install/cache.mjs";
import { withLock } from "../../install/lock.mjs";

/** @param {string} command @param {string[]} args */
function run(command, args) {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 4).join(" ")} ...: ${stderr?.trim().split("\n").at(-1) ?? "did not start"}`);
}

/**
 * Finds an environment, or makes it with `python3`.
 *
 * @param {string} name its folder in the cache
 * @param {(python: string) => boolean} works whether its interpreter can do what it is for
 * @param {(pip: (...args: string[]) => void, folder: string) => void} fill installs what it needs
 * @returns {Promise<string>} its interpreter
 * @throws {Error} saying why there is none
 */
export async function virtualEnvironment(name, works, fill) {
  const folder = path.join(cacheFolder(process.env), name);
  const python = path.join(folder, "bin", "python");
  await withLock(folder, async () => {
    if (existsSync(python) && works(python)) return;
    rmSync(folder, { recursive: true, force: true });
    run("python3", ["-m", "venv", folder]);
    fill((...args) => run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...args]), folder);
    if (!works(python)) throw new Error(`what was installed in ${folder} does not work with python3`);
  });
  return python;
}
