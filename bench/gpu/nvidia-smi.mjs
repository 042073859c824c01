/** What the driver's own tool says of the GPU that LibTorch calls the first. */

import { spawnSync } from "node:child_process";

/** Where a driver hangs, its tool does. */
const PATIENCE_MS = 10_000;

/**
 * `--id` takes indices and UUIDs as CUDA_VISIBLE_DEVICES has them, and no instances of MIG: without it all GPUs answer.
 * @param {NodeJS.ProcessEnv} env
 * @returns {string[]}
 */
function whichGpu(env) {
  const [first] = (env["CUDA_VISIBLE_DEVICES"] ?? "").split(",").map((entry) => entry.trim());
  if (first.startsWith("MIG-")) return [];
  return [`--id=${first === "" ? "0" : first}`];
}

/**
 * @param {string} fields as `nvidia-smi --help-query-gpu` lists them: "name,driver_version"
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {string[] | null} null where the tool is missing, fails, hangs, or cannot tell which of several GPUs is meant
 */
export function queryGpu(fields, env = process.env) {
  const { status, stdout } = spawnSync("nvidia-smi", [`--query-gpu=${fields}`, "--format=csv,noheader,nounits", ...whichGpu(env)], {
    encoding: "utf8",
    env,
    timeout: PATIENCE_MS,
    killSignal: "SIGKILL",
  });
  const lines = status === 0 ? stdout.trim().split("\n") : [];
  return lines.length === 1 ? lines[0].split(",").map((value) => value.trim()) : null;
}
