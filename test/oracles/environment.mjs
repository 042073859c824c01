/**
 * The Python to compare with: the tests, `npm run bench` and `dgsam parity` in a clone use the same one.
 *
 * Its torch is the LibTorch that the addon was built against, so results can be compared bit for bit. Where that came
 * without its Python dependencies (our cache), an environment in the cache folder adds them, once.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { readRecord } from "../../install/record.mjs";
import { virtualEnvironment } from "./virtual-environment.mjs";

/** What the tests import besides torch. */
const EXTRA = ["numpy", "expecttest", "pytorch_optimizer", "torchvision_for_cpu"];

/** Where they come from. The versions of `ALONE` are installed without dependencies: these name torch, which pip would fetch again. */
const REQUIREMENTS = ["numpy", "expecttest", "pillow"];
const ALONE = ["pytorch_optimizer==3.8.1", "torchvision==0.28.0"];

/** Where our own Python modules lie that the tests' scripts import. */
const OWN = path.dirname(fileURLToPath(import.meta.url));

/**
 * Whether a Python imports torch of a version, and other modules.
 * @param {string} python @param {string} version @param {string[]} modules
 */
function works(python, version, modules) {
  const script = `import ${["torch", ...modules].join(", ")}; print(torch.__version__)`;
  const { status, stdout } = spawnSync(python, ["-c", script], { encoding: "utf8", cwd: OWN });
  return status === 0 && stdout.trim() === version;
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
function environmentFor(torch, version, modules) {
  const packages = path.dirname(torch);
  return virtualEnvironment(`oracle-${version}`, (python) => works(python, version, modules), (pip, folder) => {
    pip(...requirements(packages), ...REQUIREMENTS);
    pip("--no-deps", ...ALONE);
    const library = readdirSync(path.join(folder, "lib")).find((name) => name.startsWith("python")) ?? "";
    writeFileSync(path.join(folder, "lib", library, "site-packages", "dgsam-torch.pth"), `${packages}\n`);
  });
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
