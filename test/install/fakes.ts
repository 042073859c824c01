/** Stand-ins for LibTorch folders, wheels, commands and machines. */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { Host } from "../../install/platform.mjs";
import { which } from "../../install/run.mjs";

export const LINUX: Host = { platform: "linux", arch: "x64", libc: "glibc" };

/** A folder that is deleted when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "dgsam-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface FakeLibTorch {
  /** Of the headers. */
  headers?: string | null;
  /** What `version.py` says; null for none, as in an archive. */
  version?: string | null;
  /** The CUDA version in `version.py`. */
  cuda?: string | null;
  /** What `build-version` of an archive says. */
  buildVersion?: string;
  abi?: "cxx11" | "pre-cxx11" | "foreign";
  /** The folder of the libraries below the root. */
  lib?: string;
  libraries?: string[];
}

const CONSTRUCTOR = "_ZN3c105ErrorC2ENS_14SourceLocationE";
const ABI = { cxx11: `${CONSTRUCTOR}NSt7__cxx1112basic_string`, "pre-cxx11": `${CONSTRUCTOR}Ss`, foreign: "" };

/** Writes a folder that looks like LibTorch from outside; nothing in it can be loaded. */
export function makeLibTorch(root: string, options: FakeLibTorch = {}): string {
  const { headers = "2.13.0", version = null, cuda = null, buildVersion, abi = "cxx11", lib = "lib" } = options;
  if (headers !== null) {
    const [major, minor, patch] = headers.split(".");
    const folder = path.join(root, "include/torch/headeronly");
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, "version.h"), `#define TORCH_VERSION_MAJOR ${major}\n#define TORCH_VERSION_MINOR ${minor}\n#define TORCH_VERSION_PATCH ${patch}\n`);
  }
  mkdirSync(path.join(root, lib), { recursive: true });
  for (const name of options.libraries ?? ["torch", "torch_cpu", "c10"])
    writeFileSync(path.join(root, lib, `lib${name}.so`), name === "c10" ? `\x7fELF ${ABI[abi]} ...` : randomBytes(4096));
  if (version !== null)
    writeFileSync(path.join(root, "version.py"), `__version__ = '${version}'\ncuda: Optional[str] = ${cuda === null ? "None" : `'${cuda}'`}\n`);
  if (buildVersion !== undefined) writeFileSync(path.join(root, "build-version"), `${buildVersion}\n`);
  return root;
}

/** A zip file with one LibTorch in the folder `name`, as wheels ("torch") and archives ("libtorch") are. */
export function makeZip(file: string, name: string, options: FakeLibTorch): string {
  const folder = temporaryFolder();
  makeLibTorch(path.join(folder, name), options);
  const { status, stderr } = spawnSync("cmake", ["-E", "tar", "cf", file, "--format=zip", name], { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return file;
}

/** A folder of commands, each a shell script, beside the real ones of `real`: for PATH. */
export function makeCommands(scripts: Record<string, string>, real: string[] = ["cmake"]): string {
  const folder = temporaryFolder();
  for (const name of [...real, "sh", "cat", "cp", "mkdir", "basename"]) symlinkSync(which(name)!, path.join(folder, name));
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(path.join(folder, name), 0o755);
  }
  return folder;
}

/**
 * A python3 whose `-m pip download` and `-m pip install` note their arguments and then do what `onPip` says. There,
 * `$wheels` is the folder to put wheels in and `$packages` that of `--target`.
 */
export function pythonWithPip(log: string, onPip: string): string {
  return `
if [ "$1" = "-c" ]; then echo '{"executable": "/fake/python3", "identity": "fake", "torch": null}'; exit 0; fi
shift 2
if [ "$1" = "--version" ]; then echo "pip 24.0"; exit 0; fi
echo "$*" >> "${log}"
wheels=; packages=; all="$*"
while [ $# -gt 0 ]; do
  if [ "$1" = "--dest" ]; then wheels="$2"; mkdir -p "$wheels"; fi
  if [ "$1" = "--target" ]; then packages="$2"; mkdir -p "$packages"; fi
  shift
done
${onPip}`;
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * A copy of the compiled package without its addon, which shares our modules. `clone`: with lib/, as in a clone;
 * `record`: the record of a build.
 */
export function copyPackage({ clone = false, record = null as object | null } = {}): string {
  const folder = temporaryFolder();
  for (const name of ["dist", "install", "package.json"]) cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true });
  symlinkSync(path.join(ROOT, "node_modules"), path.join(folder, "node_modules"));
  if (clone) mkdirSync(path.join(folder, "lib"));
  if (record !== null) {
    mkdirSync(path.join(folder, "build/Release"), { recursive: true });
    writeFileSync(path.join(folder, "build/Release/dgsam-build.json"), JSON.stringify(record));
  }
  return folder;
}

/** Arguments for Node that make the process believe in another platform. */
export function onPlatform(platform: string): string[] {
  return ["--import", `data:text/javascript,Object.defineProperty(process, "platform", { value: "${platform}" })`];
}
