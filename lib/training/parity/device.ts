/** Where the native optimizers of a parity run may be. */

import { DgsamError } from "../../errors.js";
import { cudaDeviceCount } from "../../tensor/index.js";

export const PARITY_DEVICES: readonly string[] = ["cpu", "cuda"];

/** @throws DgsamError `ERR_ARGUMENT` for `cuda` where there is none */
export function checkDevice(device: string): void {
  if (device === "cuda" && cudaDeviceCount() === 0)
    throw new DgsamError("ERR_ARGUMENT", "--device cuda: expected a CUDA device, but this LibTorch sees none (dgsam doctor tells why); use --device cpu");
}
