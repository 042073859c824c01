/** Stand-ins for LibTorch folders, wheels, commands and machines. */
import { spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { Host } from "../../install/platform.mjs";
import { which } from "../../install/run.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

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
  /** The CUDA run-time library that a build with CUDA loads: "libcudart.so.13". */
  cudart?: string;
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
  if (options.cudart !== undefined)
    for (const name of ["c10_cuda", "torch_cuda"]) writeFileSync(path.join(root, lib, `lib${name}.so`), `\x7fELF ... ${options.cudart} ...`);
  if (version !== null)
    writeFileSync(path.join(root, "version.py"), `__version__ = '${version}'\ncuda: Optional[str] = ${cuda === null ? "None" : `'${cuda}'`}\n`);
  if (buildVersion !== undefined) writeFileSync(path.join(root, "build-version"), `${buildVersion}\n`);
  return root;
}

/** An archive as PyTorch publishes them: a zip file of the folder libtorch. */
export function makeArchive(options: FakeLibTorch): string {
  const folder = temporaryFolder();
  makeLibTorch(path.join(folder, "libtorch"), options);
  return zip(path.join(temporaryFolder(), "libtorch.zip"), folder);
}

/** A wheel: a zip file of the folder torch and the list of its files. `spoil` may change them after the list was made. */
export function makeWheel(options: FakeLibTorch, spoil: (folder: string) => void = () => {}): string {
  const folder = temporaryFolder();
  makeLibTorch(path.join(folder, "torch"), options);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => statSync(path.join(folder, file)).isFile());
  const lines = files.map((file) => {
    const content = readFileSync(path.join(folder, file));
    return `${file},sha256=${createHash("sha256").update(content).digest("base64url")},${content.length}\n`;
  });
  mkdirSync(path.join(folder, "torch.dist-info"));
  writeFileSync(path.join(folder, "torch.dist-info/RECORD"), `${lines.join("")}torch.dist-info/RECORD,,\n`);
  spoil(folder);
  return zip(path.join(temporaryFolder(), "torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl"), folder);
}

function zip(file: string, folder: string): string {
  const { status, stderr } = spawnSync("cmake", ["-E", "tar", "cf", file, "--format=zip", ...readdirSync(folder)], { cwd: folder, encoding: "utf8" });
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

/** A CUDA toolkit whose nvcc knows what 13.0 knows and compiles nothing; `error`: what it says when it is to compile. */
export function makeToolkit({ version = "13.0.88", archs = ["75", "80", "86", "90", "100", "103", "120", "121"], error = "" } = {}): string {
  const folder = temporaryFolder();
  mkdirSync(path.join(folder, "bin"));
  mkdirSync(path.join(folder, "include"));
  writeFileSync(path.join(folder, "bin/nvcc"), `#!/bin/sh
echo "$*" >> "${folder}/calls.log"
case "$1" in
  --version) echo "Cuda compilation tools, release ${version.replace(/\.\d+$/, "")}, V${version}" ;;
  --list-gpu-arch) printf 'compute_%s\\n' ${archs.join(" ")} ;;
  --dryrun) echo '#$ INCLUDES="-I${folder}/bin/../include"  ' >&2 ;;
  *) echo 'In file included from here:' >&2; echo '${error}' >&2; ${error === "" ? "exit 0" : "exit 1"} ;;
esac
`);
  chmodSync(path.join(folder, "bin/nvcc"), 0o755);
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

/** In place of cmake-js: like Ninja it leaves alone what is there. FAKE_BUILD=fail or hang stops it half way. */
const CMAKE_JS = `
const { appendFileSync, existsSync, mkdirSync, writeFileSync } = require("node:fs");
const [step, ...args] = process.argv.slice(2);
const work = args[args.indexOf("--out") + 1];
if (step === "configure") {
  writeFileSync(work + "/compiler.txt", "Fake 1.0");
  writeFileSync("configured.json", JSON.stringify(args));
} else {
  mkdirSync("build/Release", { recursive: true });
  const make = (name) => existsSync("build/Release/" + name) || writeFileSync("build/Release/" + name, "built: " + name);
  make("libdgsam_ops.so");
  appendFileSync("builds.log", "built\\n");
  if (process.env.FAKE_BUILD === "fail") throw new Error("it does not compile");
  if (process.env.FAKE_BUILD === "hang") setTimeout(() => {}, 60000);
  else make("dgsam.node");
}`;

/** A copy of the package whose builds take a moment and make files that cannot be loaded, with a LibTorch for them. */
export function makeBuildablePackage({ clone = false, modules = true } = {}) {
  const folder = path.join(temporaryFolder(), "a folder");
  cpSync(path.join(ROOT, "install"), path.join(folder, "install"), { recursive: true });
  const write = (file: string, text: string) => {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), text);
  };
  write("package.json", '{ "type": "module" }');
  write("native/addon.cc", "// nothing");
  if (clone) mkdirSync(path.join(folder, "lib"));
  if (modules) {
    write("node_modules/cmake-js/package.json", "{}");
    write("node_modules/cmake-js/bin/cmake-js", CMAKE_JS);
    write("node_modules/node-addon-api/package.json", '{ "version": "8.0.0" }');
  }
  const env = { ...process.env, DGSAM_LIBTORCH: makeLibTorch(temporaryFolder()) };
  return {
    folder,
    env,
    release: path.join(folder, "build/Release"),
    /** How often the compiler was started. */
    builds: () => (existsSync(path.join(folder, "builds.log")) ? readFileSync(path.join(folder, "builds.log"), "utf8").split("\n").length - 1 : 0),
    start: (more: NodeJS.ProcessEnv = {}, script = path.join(folder, "install/build.mjs")) => {
      const child = spawn(process.execPath, [script], { env: { ...env, ...more }, stdio: ["ignore", "pipe", "pipe"] });
      let output = "";
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
      const ended = new Promise<{ status: number | null; output: string }>((resolve) => child.on("close", (status) => resolve({ status, output })));
      return { child, ended };
    },
  };
}

/** What a module prints, run as a user id that the system has no entry for and without HOME; null where we may not. */
export function asUnknownUser(script: string): string | null {
  if (process.getuid?.() !== 0 || which("setpriv") === null) return null;
  const user = ["--reuid=54321", "--regid=54321", "--clear-groups"];
  // Whether that user may read our files at all is another matter: Node itself is asked first.
  if (spawnSync("setpriv", [...user, process.execPath, "--eval", `require("fs").readFileSync(${JSON.stringify(path.join(ROOT, "install/lock.mjs"))})`]).status !== 0) return null;
  const { status, stdout, stderr } = spawnSync("setpriv", [...user, process.execPath, "--input-type=module", "--eval", script], { env: { PATH: process.env["PATH"] }, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

/** Makes a folder a file system in memory with mount's options, until the test ends; false where we may not mount one. */
export function mountSmallDisk(folder: string, options: string): boolean {
  mkdirSync(folder, { recursive: true });
  if (spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder]).status !== 0) return false;
  onTestFinished(() => void spawnSync("umount", [folder]));
  return true;
}

/** Arguments for Node that make the process believe in another platform. */
export function onPlatform(platform: string): string[] {
  return ["--import", `data:text/javascript,Object.defineProperty(process, "platform", { value: "${platform}" })`];
}
