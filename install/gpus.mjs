/** The GPUs of the machine, and what compiled kernels serve. */

import { outputWithin } from "./patience.mjs";

/** @typedef {import("./gpus.mjs").Gpu} Gpu */

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<Gpu[]>}
 */
export async function findGpus(env, milliseconds = 10_000) {
  try {
    const stdout = await outputWithin("nvidia-smi", ["--query-gpu=name,compute_cap", "--format=csv,noheader"], env, milliseconds);
    return stdout.trim().split("\n").filter((line) => line !== "").map((line) => {
      const comma = line.lastIndexOf(",");
      return { name: line.slice(0, comma).trim(), capability: line.slice(comma + 1).trim() };
    });
  } catch {
    return [];
  }
}

/** @param {Gpu} gpu */
export function tellsCapability({ capability }) {
  return /^\d+\.\d$/.test(capability);
}

/**
 * @param {string} capability
 * @param {readonly string[]} archs
 */
export function kernelsFor(capability, archs) {
  const [major, minor] = /** @type {[number, number]} */ (capability.split(".").map(Number));
  const parsed = archs.map((arch) => ({ major: Math.floor(Number.parseInt(arch, 10) / 10), minor: Number.parseInt(arch, 10) % 10, exact: arch.includes("a"), ptx: arch.endsWith("+PTX") }));
  if (parsed.some((arch) => arch.major === major && (arch.exact ? arch.minor === minor : arch.minor <= minor))) return "binary";
  return parsed.some((arch) => arch.ptx && !arch.exact && (arch.major < major || (arch.major === major && arch.minor <= minor))) ? "ptx" : null;
}
