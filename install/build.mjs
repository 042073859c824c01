/** Builds the addon: finds or fetches LibTorch, runs cmake-js, and notes beside the addon what it was built against. */

import { existsSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { InstallError } from "./errors.mjs";
import { fetchLibTorch } from "./fetch.mjs";
import { findLibTorch } from "./find.mjs";
import { withLock } from "./lock.mjs";
import { assertSupportedNode, assertSupportedPlatform, findNvidiaDriver, wantedVariant } from "./platform.mjs";
import { readRecord, RELEASE, ROOT, writeRecord } from "./record.mjs";
import { run } from "./run.mjs";
import { hashInputs } from "./stamp.mjs";

const OUTPUTS = ["dgsam.node", process.platform === "darwin" ? "libdgsam_ops.dylib" : "libdgsam_ops.so"].map((name) => path.join(RELEASE, name));

/**
 * Builds unless what is there was built from the same sources against the same LibTorch.
 * @param {{ log?: (line: string) => void, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<import("./record.mjs").BuildRecord>}
 */
export async function buildAddon({ log = (line) => console.error(line), env = process.env } = {}) {
  assertSupportedNode();
  assertSupportedPlatform();
  return withLock(path.join(ROOT, "build"), async () => {
    const before = readRecord();
    const variant = wantedVariant(findNvidiaDriver(), env);
    const { found, tried } = await findLibTorch({ variant, env });
    const libtorch = found ?? (await fetchLibTorch({ variant, env, tried, log }));
    const hash = hashInputs(ROOT, ["native", "CMakeLists.txt"], [libtorch.root, libtorch.version, process.arch]);
    if (before !== null && before.hash === hash && OUTPUTS.every((file) => existsSync(file))) return before;
    log(`Building the addon against LibTorch ${libtorch.version} in ${libtorch.root}`);
    await compile(libtorch, before !== null && before.libtorch.root !== libtorch.root);
    const record = { libtorch, tried, node: process.version, hash };
    writeRecord(record);
    return record;
  }, { onWait: () => log("Another build of this package is at work: waiting for it") });
}

/**
 * @param {import("./find.mjs").FoundLibTorch} libtorch
 * @param {boolean} anew whether an older configuration must not be used again
 */
async function compile(libtorch, anew) {
  // CMake's cache remembers the libraries of another LibTorch.
  if (anew) rmSync(path.join(ROOT, "build"), { recursive: true, force: true });
  const cmakeJs = createRequire(import.meta.url).resolve("cmake-js/bin/cmake-js");
  const jobs = String(os.availableParallelism());
  for (const args of [["configure", `--CDDGSAM_LIBTORCH=${libtorch.root}`, `--CDDGSAM_LIBTORCH_LIB=${libtorch.lib}`], ["build", "--parallel", jobs]]) {
    const result = await run(process.execPath, [cmakeJs, ...args], { cwd: ROOT });
    if (result.ok) continue;
    const output = `${result.stdout}\n${result.stderr}`.trim().split("\n").slice(-40).join("\n");
    throw new InstallError("ERR_ADDON", `The addon could not be built (cmake-js ${args[0]}):\n${output}`, {
      remedies: ["A C++20 compiler (GCC 11 or newer) and CMake 3.18 or newer are needed: apt-get install g++ cmake ninja-build", "Then: npm rebuild dgsam (in a clone: npm run setup)"],
    });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await buildAddon();
  } catch (error) {
    if (!(error instanceof InstallError)) throw error;
    console.error(`dgsam: ${error.message}`);
    process.exitCode = 1;
  }
}
