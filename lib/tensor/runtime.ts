/** What computations run on: threads, devices, LibTorch's version. */

import { argumentError } from "../errors.js";
import { native, type RuntimeInfo } from "../native.js";

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

let kernels: boolean | undefined;

/** Whether the addon has CUDA kernels of its own: not where it was built without nvcc. */
export function hasCudaKernels(): boolean {
  return (kernels ??= native.runtimeInfo().cudaKernels !== "");
}
