/**
 * Finds or makes the Python that the tests compare with: `DGSAM_PYTHON` is its interpreter afterwards, unset without one.
 *
 * Its torch is the LibTorch that the addon was built against, so results can be compared bit for bit. Where that came
 * without its Python dependencies (our cache), an environment in the cache folder adds them, once.
 * DGSAM_REQUIRE_ORACLE=1, which .ci/run sets, makes a missing oracle an error.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { cacheFolder } from "../../install/cache.mjs";
import { readRecord } from "../../install/record.mjs";

/** What the tests import besides torch. */
const EXTRA = ["numpy", "expecttest"];

function works(python: string): boolean {
  return spawnSync(python, ["-c", "import torch, numpy, expecttest"], { stdio: "ignore" }).status === 0;
}

function run(command: string, args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 4).join(" ")} ...: ${stderr?.trim().split("\n").at(-1) ?? "did not start"}`);
}

/** The requirements that a torch package names in its metadata, without extras. */
function requirements(packages: string): string[] {
  const info = readdirSync(packages).find((name) => /^torch-.*\.dist-info$/.test(name));
  if (info === undefined) return [];
  const metadata = readFileSync(path.join(packages, info, "METADATA"), "utf8");
  return [...metadata.matchAll(/^Requires-Dist: ([^;\n]+)(;[^\n]*)?$/gm)]
    .filter(([, , marker]) => marker === undefined || !/extra ==|nvidia|win32|Windows/.test(marker))
    .map(([, requirement]) => requirement!.trim());
}

function environmentFor(torch: string, version: string): string {
  const folder = path.join(cacheFolder(process.env), `oracle-${version}`);
  const python = path.join(folder, "bin", "python");
  if (existsSync(python) && works(python)) return python;
  rmSync(folder, { recursive: true, force: true });
  const packages = path.dirname(torch);
  run("python3", ["-m", "venv", folder]);
  run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...requirements(packages), ...EXTRA]);
  const library = readdirSync(path.join(folder, "lib")).find((name) => name.startsWith("python"))!;
  writeFileSync(path.join(folder, "lib", library, "site-packages", "dgsam-torch.pth"), `${packages}\n`);
  if (!works(python)) throw new Error(`the torch in ${packages} does not work in ${folder}`);
  return python;
}

function findOracle(): string {
  const named = process.env["DGSAM_PYTHON"] || undefined;
  if (named !== undefined) {
    if (works(named)) return named;
    throw new Error(`DGSAM_PYTHON: ${named} cannot import torch, numpy and expecttest`);
  }
  if (works("python3")) return "python3";
  const record = readRecord();
  if (record === null || path.basename(record.libtorch.root) !== "torch") throw new Error("the addon's LibTorch is no Python package");
  return environmentFor(record.libtorch.root, record.libtorch.version);
}

export default function setup(): void {
  try {
    process.env["DGSAM_PYTHON"] = findOracle();
  } catch (error) {
    if (process.env["DGSAM_REQUIRE_ORACLE"] === "1") throw error;
    console.warn(`No PyTorch to compare with: tests against it are skipped (${(error as Error).message})`);
    delete process.env["DGSAM_PYTHON"];
  }
}
