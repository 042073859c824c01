/** What memory tensors take, on the CPU and on CUDA devices. */

import { checkString } from "../checks.js";
import { native, type AllocatorStats } from "../native.js";
import type { Device } from "./dtype.js";

export type { AllocatorStats };

export interface MemoryStats {
  /** Live tensor handles of this thread. */
  handles: number;
  /** Bytes that they hold, by device; storages that several tensors share are counted once. */
  bytes: Record<string, number>;
  /**
   * What LibTorch's caching allocator tells of each CUDA device, for the whole process: `devices["cuda:0"]`. Empty before the
   * first use of CUDA and without it, and with a LibTorch before 2.9.
   */
  devices: Record<string, AllocatorStats>;
}

/** What tensors hold. @see torch.cuda.memory_stats */
export function memoryStats(): MemoryStats {
  return native.memoryStats();
}

/**
 * Lets the peaks of {@link memoryStats} begin anew, of one CUDA device or of all. Without CUDA there are none, and nothing
 * happens.
 *
 * @throws DgsamError `ERR_DEVICE` for a device that is no CUDA device, or not there
 * @see torch.cuda.reset_peak_memory_stats
 */
export function resetPeakMemoryStats(device?: Device): void {
  if (device !== undefined) checkString("resetPeakMemoryStats(device)", device);
  native.resetPeakMemoryStats(device);
}

/**
 * Gives the memory that the caching allocators of CUDA devices keep for later back to the driver, for other processes; this
 * one does not gain by it. Memory of live tensors stays. Without CUDA nothing happens.
 * @see torch.cuda.empty_cache
 */
export function emptyCache(): void {
  native.emptyCache();
}
