/**
 * The Python to compare with: the tests, `npm run bench` and `dgsam parity` in a clone use the same one.
 *
 * Its torch is the LibTorch that the addon was built against, so results can be compared bit for bit. Where that came
 * without its Python dependencies (our cache), an environment in the cache folder adds them, once.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { cacheFolder } from "../../install/cache.mjs";
import { withLock } from "../../install/lock.mjs";
import { readRecord } from "../../install/record.mjs";

/** What the tests import besides torch. */
const EXTRA = ["numpy", "expecttest", "pytorch_optimizer"];

/** Where they come from. The versions of `ALONE` are installed without dependencies: these name torch, which pip would fetch again. */
const REQUIREMENTS = ["numpy", "expecttest"];
const ALONE = ["pytorch_optimizer==3.8.1"];

/**
 * Whether a Python imports torch of a version, and other modules.
 * @param {string} python @param {string} version @param {string[]} modules
 */
function works(python, version, modules) {
  const script = `import ${["torch", ...modules].join(", ")}; print(torch.__version__)`;
  const { status, stdout } = spawnSync(python, ["-c", script], { encoding: "utf8" });
  return status === 0 && stdout.trim() === version;
}

/** @param {string} command @param {string[]} args */
function run(command, args) {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 4).join(" ")} ...: ${stderr?.trim().split("\n").at(-1) ?? "did not start"}`);
}

/**
 * The requirements that a torch package names in its metadata, without extras.
 * @param {string} packages
 */
function requirements(packages) {
  const info = readdirSync(packages).find((name) => /^torch-.*\.dist-info$/.test(name));
  if (info === undefined) return [];
  const metadata = readFileSync(path.join(packages, info, "METADATA"), "utf8");
  return [...metadata.matchAll(/^Requires-Dist: ([^;\n]+)(;[^\n]*)?$/gm)]
    .filter(([, , marker]) => marker === undefined || !/extra ==|nvidia|win32|Windows/.test(marker))
    .map(([, requirement = ""]) => requirement.trim());
}

/**
 * Makes a virtual environment around a torch package that lies without its dependencies, unless it was made before.
 * @param {string} torch the package's folder @param {string} version @param {string[]} modules
 */
async function environmentFor(torch, version, modules) {
  const packages = path.dirname(torch);
  const folder = path.join(cacheFolder(process.env), `oracle-${version}`);
  const python = path.join(folder, "bin", "python");
  await withLock(folder, async () => {
    if (existsSync(python) && works(python, version, modules)) return;
    rmSync(folder, { recursive: true, force: true });
    run("python3", ["-m", "venv", folder]);
    const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run(python, [...install, ...requirements(packages), ...REQUIREMENTS]);
    run(python, [...install, "--no-deps", ...ALONE]);
    const library = readdirSync(path.join(folder, "lib")).find((name) => name.startsWith("python")) ?? "";
    writeFileSync(path.join(folder, "lib", library, "site-packages", "dgsam-torch.pth"), `${packages}\n`);
    if (!works(python, version, modules)) throw new Error(`the torch in ${packages} does not work with python3`);
  });
  return python;
}

/**
 * Finds or makes the Python: the one that `DGSAM_PYTHON` names, else `python3`, else an environment of our own.
 *
 * @param {string[]} [modules] what it must import besides torch; by default what the tests do
 * @returns {Promise<string>} its interpreter
 * @throws {Error} saying why there is none
 */
export async function findOracle(modules = EXTRA) {
  const record = readRecord();
  if (record === null) throw new Error("the addon has not been built");
  const { root, version } = record.libtorch;
  const named = process.env["DGSAM_PYTHON"] || undefined;
  if (named !== undefined) {
    if (works(named, version, modules)) return named;
    throw new Error(`DGSAM_PYTHON: ${named} cannot import ${[`torch ${version}`, ...modules].join(", ")}`);
  }
  if (works("python3", version, modules)) return "python3";
  if (!existsSync(path.join(root, "__init__.py"))) throw new Error(`the addon's LibTorch in ${root} came without Python`);
  return environmentFor(root, version, modules);
}
