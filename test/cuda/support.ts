/** What tests of a device share: they are skipped where there is none, and say so. */

import { cudaDeviceCount, ones, type Tensor } from "dgsam";
import { describe } from "vitest";
import { kernelsServe } from "../../lib/tensor/internal.js";

const count = cudaDeviceCount();

/** A group of tests that need CUDA devices, so many; skipped, with the reason in its title, where there are fewer. */
export function describeOnCuda(title: string, body: () => void, devices = 1): void {
  const reason = count === 0 ? "no CUDA device" : `${count} of ${devices} CUDA devices`;
  describe.skipIf(count < devices)(count < devices ? `${title} (skipped: ${reason})` : title, body);
}

/** Whether the device is served by kernels of our own: an addon that was built without nvcc has none. */
export const hasKernels = count > 0 && kernelsServe("cuda:0");

/** Work that takes the device some milliseconds at least, and the host next to none. */
export function longWork(device = "cuda:0"): Tensor {
  let x = ones([4096, 4096], { device });
  for (let i = 0; i < 20; i++) x = x.matmul(x).mul(1 / 4096);
  return x;
}
