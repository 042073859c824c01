/** Builds the addon: finds or fetches LibTorch, runs cmake-js, and notes beside the addon what it was built against. */

import { mkdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { decideCuda, describeCuda } from "./cuda.mjs";
import { AGAIN, InstallError } from "./errors.mjs";
import { fetchLibTorch } from "./fetch.mjs";
import { LIBTORCH_VARIABLES, findLibTorch } from "./find.mjs";
import { findGpus } from "./gpus.mjs";
import { inspectLibTorch } from "./inspect.mjs";
import { withLock } from "./lock.mjs";
import { assertSupportedNode, assertSupportedPlatform, findNvidiaDriver, wantedVariant } from "./platform.mjs";
import { buildDamage, IS_CLONE, readRecord, removeBuild, ROOT, writeRecord } from "./record.mjs";
import { run, which } from "./run.mjs";
import { hashInputs, isStamped, stamp } from "./stamp.mjs";

// Not build/ itself: node-gyp writes its own Makefile there while binding.gyp runs this build.
const WORK = path.join(ROOT, "build", "cmake");
/** What the compiler needs at most for one file, with LibTorch's headers; measured, rounded up. */
const BYTES_PER_JOB = 1e9;

/** @typedef {import("./record.mjs").BuildRecord} BuildRecord */

/**
 * Builds unless what is there was built from the same sources against the same LibTorch.
 * @param {{ log?: (line: string) => void, env?: NodeJS.ProcessEnv, keep?: boolean }} [options] `keep`: stay with the
 * LibTorch of the last build while it is usable and no variable names another, instead of searching anew
 * @returns {Promise<BuildRecord>}
 */
export async function buildAddon({ log = (line) => console.error(line), env = process.env, keep = false } = {}) {
  assertSupportedNode();
  assertSupportedPlatform();
  return withLock(path.join(ROOT, "build"), async () => {
    const modules = findModules();
    const before = readRecord();
    const { libtorch, tried } = (keep ? stillThere(before, env) : null) ?? (await searchOrFetch(env, log));
    const cuda = await decideCuda(libtorch, { env, known: before?.cuda ?? null });
    const facts = [libtorch.root, libtorch.version, process.arch, modules.nodeAddonApi, JSON.stringify(cuda)];
    const hash = hashInputs(ROOT, ["native", "CMakeLists.txt"], facts);
    if (before?.hash === hash) {
      const damage = buildDamage(before, { content: true });
      if (damage === null) return before;
      log(`The addon is damaged: ${damage}`);
    }
    log(`Building the addon against LibTorch ${libtorch.version} in ${libtorch.root} (this takes minutes)`);
    log(`CUDA kernels: ${describeCuda(cuda)}`);
    removeBuild();
    await compile(libtorch, cuda, modules.cmakeJs, env);
    const compiler = readFileSync(path.join(WORK, "compiler.txt"), "utf8");
    const record = writeRecord({ libtorch, tried, cuda, compiler, node: process.version, hash });
    // Hundreds of megabytes, which only a clone builds from again.
    if (!IS_CLONE) rmSync(WORK, { recursive: true, force: true });
    return record;
  }, { onWait: () => log("Another build of this package is at work: waiting for it") });
}

/** The npm packages that a build needs. */
function findModules() {
  const require = createRequire(import.meta.url);
  try {
    return { cmakeJs: require.resolve("cmake-js/bin/cmake-js"), nodeAddonApi: require("node-addon-api/package.json").version };
  } catch (error) {
    throw new InstallError("ERR_ADDON", "cmake-js and node-addon-api, which build the addon, are not installed.", { remedies: [IS_CLONE ? "npm run setup" : "npm install"], cause: error });
  }
}

/**
 * @param {BuildRecord | null} before
 * @param {NodeJS.ProcessEnv} env
 */
function stillThere(before, env) {
  if (before === null || LIBTORCH_VARIABLES.some((name) => (env[name] ?? "") !== "")) return null;
  const { libtorch, tried } = before;
  if ((env["DGSAM_LIBTORCH_VARIANT"] || libtorch.variant) !== libtorch.variant) return null;
  try {
    return inspectLibTorch(libtorch.root).version === libtorch.version ? { libtorch, tried } : null;
  } catch {
    return null;
  }
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {(line: string) => void} log
 */
async function searchOrFetch(env, log) {
  // Before gigabytes are fetched that could not be used.
  assertTools(env);
  const driver = findNvidiaDriver();
  const variant = wantedVariant(driver, env, driver === null ? [] : await findGpus(env));
  const { found, tried } = await findLibTorch({ variant, env });
  const libtorch = found ?? (await fetchLibTorch({ variant, env, tried, log }));
  return { libtorch, tried };
}

/**
 * Throws unless the programs that a build needs are in PATH.
 * @param {NodeJS.ProcessEnv} env
 */
export function assertTools(env) {
  /** @type {[what: string, commands: string[]][]} */
  const tools = [
    ["CMake", ["cmake"]],
    ["a C++ compiler", [env["CXX"] || "c++", "g++", "clang++"]],
    ["Ninja or Make", ["ninja", "make"]],
  ];
  const missing = tools.filter(([, commands]) => commands.every((command) => which(command, env) === null));
  if (missing.length === 0) return;
  const what = missing.map(([name, commands]) => `${name} (${commands.join(", ")})`).join("; ");
  throw new InstallError("ERR_ADDON", `To build the addon, these are needed and not in PATH: ${what}.`, { remedies: [...toolRemedies(), AGAIN] });
}

function toolRemedies() {
  return process.platform === "darwin"
    ? ["xcode-select --install; brew install cmake ninja"]
    : ["Debian, Ubuntu: apt-get install g++ cmake ninja-build", "Fedora, RHEL: dnf install gcc-c++ cmake ninja-build"];
}

/**
 * @param {import("./inspect.mjs").LibTorch} libtorch
 * @param {import("./cuda.mjs").CudaBuild | import("./cuda.mjs").NoCuda} cuda
 * @param {string} cmakeJs
 * @param {NodeJS.ProcessEnv} env
 */
async function compile(libtorch, cuda, cmakeJs, env) {
  // CMake's cache remembers libraries, folders and the generator: with others it must not be used again.
  const configured = path.join(WORK, "configured");
  const configuration = JSON.stringify([ROOT, libtorch.root, libtorch.version, which("ninja"), which("cmake"), cmakeJs, ...("reason" in cuda ? [] : [cuda])]);
  if (!isStamped(configured, configuration)) {
    rmSync(WORK, { recursive: true, force: true });
    mkdirSync(WORK, { recursive: true });
    await runCmakeJs(cmakeJs, ["configure", ...definitions(libtorch, cuda)]);
    stamp(configured, configuration);
  }
  const jobs = Math.max(1, Math.min(os.availableParallelism(), Math.floor(process.availableMemory() / BYTES_PER_JOB)));
  await runCmakeJs(cmakeJs, ["build", "--parallel", env["CMAKE_BUILD_PARALLEL_LEVEL"] || String(jobs)]);
}

/**
 * What CMakeLists.txt is told, as arguments for cmake-js.
 * @param {{ root: string, lib: string }} libtorch
 * @param {import("./cuda.mjs").CudaBuild | import("./cuda.mjs").NoCuda} cuda
 */
export function definitions(libtorch, cuda) {
  const kernels = "reason" in cuda ? [] : [
    `--CDDGSAM_NVCC=${cuda.nvcc}`, `--CDDGSAM_CUDA_ARCHS=${cuda.archs.join(",")}`,
    `--CDDGSAM_CUDA_HOST=${cuda.host}`, `--CDDGSAM_CUDA_INCLUDE=${cuda.include}`,
  ];
  return [`--CDDGSAM_LIBTORCH=${libtorch.root}`, `--CDDGSAM_LIBTORCH_LIB=${libtorch.lib}`, ...kernels];
}

/**
 * @param {string} cmakeJs
 * @param {string[]} args
 */
async function runCmakeJs(cmakeJs, args) {
  const result = await run(process.execPath, [cmakeJs, ...args, "--out", WORK, "--log-level", "warn"], { cwd: ROOT });
  if (result.ok) return;
  const output = `${result.stdout}\n${result.stderr}`.trim().split("\n").slice(-60).join("\n");
  const remedies = /Killed signal|out of memory/i.test(output)
    ? ["The compiler was killed, most likely for want of memory. With one file at a time: export CMAKE_BUILD_PARALLEL_LEVEL=1"]
    : ["A compiler for C++20 (GCC 11 or newer, Clang 14 or newer) and CMake 3.18 or newer are needed.", ...toolRemedies()];
  if (/\.cu\b/.test(output)) remedies.push("Where only the CUDA kernels (.cu) fail, build without them: export DGSAM_CUDA=0");
  throw new InstallError("ERR_ADDON", `The addon could not be built (cmake-js ${args[0]}):\n${output}`, { remedies: [...remedies, AGAIN] });
}

/** Whether Node was started with this file, under whatever path. */
function isMain() {
  try {
    return realpathSync(process.argv[1] ?? "") === realpathSync(fileURLToPath(import.meta.url));
  } catch {
    return false;
  }
}

if (isMain()) {
  try {
    await buildAddon();
  } catch (error) {
    if (!(error instanceof InstallError)) throw error;
    console.error(`dgsam: ${error.message}`);
    process.exitCode = 1;
  }
}
