/** What computations run on: threads, devices, LibTorch's version. */

import { argumentError } from "../errors.js";
import { native, type RuntimeInfo } from "../native.js";
import type { Device } from "./dtype.js";

/** How many threads one operator may use on the CPU. */
export function getNumThreads(): number {
  return native.numThreads();
}

/**
 * Sets how many threads one operator may use on the CPU. Set it once, before the first computation: results are
 * bit-identical only at the same count, and data loading, workers and other processes share the cores.
 */
export function setNumThreads(count: number): void {
  if (!Number.isSafeInteger(count) || count < 1 || count > 1024) throw argumentError("setNumThreads(count)", "an integer from 1 to 1024", count);
  native.setNumThreads(count);
}

/** Makes operators that have a deterministic form use it, and others throw, as `torch.use_deterministic_algorithms`. */
export function useDeterministicAlgorithms(enabled: boolean): void {
  if (typeof enabled !== "boolean") throw argumentError("useDeterministicAlgorithms(enabled)", "a boolean", enabled);
  native.setDeterministic(enabled);
}

/** How many CUDA devices there are: 0 without a driver or with a CPU build of LibTorch. */
export function cudaDeviceCount(): number {
  return native.cudaDeviceCount();
}

/** LibTorch's version, build and devices. */
export function runtimeInfo(): RuntimeInfo {
  return native.runtimeInfo();
}

const served = new Map<Device, boolean>();

/** Whether the addon's own CUDA kernels run on a device: not where it was built without nvcc, and not on a GPU that they were not compiled for. */
export function kernelsServe(device: Device): boolean {
  if (device === "cpu") return false;
  let answer = served.get(device);
  if (answer === undefined) served.set(device, (answer = native.kernelsServe(device)));
  return answer;
}
