/** Whether a device can be used on which images are to become batches, or networks to train. */

import { DgsamError } from "../../errors.js";
import { scope, synchronize, zeros } from "../../tensor/index.js";

/** @throws DgsamError `ERR_DEVICE` where it is not there, or fails */
export function checkDevice(name: string, device: string): void {
  if (device === "cpu") return;
  try {
    scope(() => zeros([1], { device }));
    synchronize(device);
  } catch (cause) {
    if (!(cause instanceof DgsamError)) throw cause;
    const advice = cause.message.includes("dgsam doctor") ? "" : "; dgsam doctor tells what there is";
    throw new DgsamError("ERR_DEVICE", `${name}: device: ${device} cannot be used (${cause.message})${advice}`, { cause });
  }
}
