/** What tests of a device share: they are skipped where there is none, and say so. */

import { cudaDeviceCount, ones, runtimeInfo, type Tensor } from "dgsam";
import { describe } from "vitest";
import { kernelsServe } from "../../lib/tensor/internal.js";

const count = cudaDeviceCount();

function describeUnless(reason: string | null, title: string, body: () => void): void {
  describe.skipIf(reason !== null)(reason === null ? title : `${title} (skipped: ${reason})`, body);
}

function lackOf(devices: number): string | null {
  if (count >= devices) return null;
  return count === 0 ? "no CUDA device" : `${count} of ${devices} CUDA devices`;
}

/** A group of tests that need CUDA devices, so many; skipped, with the reason in its title, where there are fewer. */
export function describeOnCuda(title: string, body: () => void, devices = 1): void {
  describeUnless(lackOf(devices), title, body);
}

/** Whether the addon was built with nvcc, and so can capture graphs and let LibTorch throw where a program waits. Its kernels may be for other GPUs than this one. */
export const hasNvcc = runtimeInfo().cudaKernels !== "";

/** The same for tests that need an addon built with nvcc, too. */
export function describeWithNvcc(title: string, body: () => void): void {
  describeUnless(lackOf(1) ?? (hasNvcc ? null : "the addon was built without nvcc"), title, body);
}

/** Whether the device is served by kernels of our own: an addon that was built without nvcc has none. */
export const hasKernels = count > 0 && kernelsServe("cuda:0");

/** Work that takes the device some milliseconds at least, and the host next to none. */
export function longWork(device = "cuda:0"): Tensor {
  let x = ones([4096, 4096], { device });
  for (let i = 0; i < 20; i++) x = x.matmul(x).mul(1 / 4096);
  return x;
}
