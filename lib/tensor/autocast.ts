/** Autocast: operators that gain by it compute in 16 bits, as `torch.autocast`, by LibTorch's own lists. */

import { checkBoolean, checkChoice, withDefaults } from "../checks.js";
import { argumentError } from "../errors.js";
import { native } from "../native.js";
import { dtypeCode, DTYPES, type DType } from "./dtype.js";
import { runSync, type Synchronous } from "./modes.js";

export type AutocastDevice = "cpu" | "cuda";
export type AutocastDType = "bfloat16" | "float16";

export interface AutocastOptions {
  /** The type of the devices whose operators are meant. Default `"cpu"`. */
  device?: AutocastDevice;
  /** What to compute in. Default: the enclosing autocast's dtype; outside of one `"bfloat16"` for the CPU, `"float16"` for CUDA. */
  dtype?: AutocastDType;
  /** False turns autocast off inside of another one. Default true. */
  enabled?: boolean;
  /**
   * Keep the 16-bit copies of float32 parameters until the outermost autocast ends, so that each is cast once. Default: the
   * enclosing autocast's choice; outside of one true.
   */
  cacheEnabled?: boolean;
}

const DEFAULTS = { device: "cpu" as AutocastDevice, dtype: undefined as AutocastDType | undefined, enabled: true, cacheEnabled: undefined as boolean | undefined };

function checkDevice(name: string, device: unknown): void {
  checkChoice(name, device, ["cpu", "cuda"]);
}

/**
 * Runs `fn` with autocast on and returns what it returns. Convolutions, `linear`, `matmul` and their kin take and give 16-bit
 * tensors; losses and other operators that need the range go in float32; the rest computes in what it is given. Wrap the
 * forward pass and the loss, not `backward()`. State of this thread; what was before is restored, also when `fn` throws.
 *
 * Parameters that are changed in place inside, by other means than this package's optimizers, keep their old casts until the
 * end, as in PyTorch: change them outside, or with `cacheEnabled: false`.
 *
 * @throws DgsamError `ERR_ARGUMENT` for another dtype (PyTorch warns and goes on without autocast), and when `fn` returns a promise
 */
export function autocast<T>(fn: () => Synchronous<T>, options: AutocastOptions = {}): T {
  if (typeof fn !== "function") throw argumentError("autocast(fn)", "a function", fn);
  const { device, dtype, enabled, cacheEnabled } = withDefaults<typeof DEFAULTS>("autocast", options, DEFAULTS);
  checkDevice("autocast: device", device);
  checkBoolean("autocast: enabled", enabled);
  if (dtype !== undefined) checkChoice("autocast: dtype", dtype, ["bfloat16", "float16"]);
  if (cacheEnabled !== undefined) checkBoolean("autocast: cacheEnabled", cacheEnabled);
  native.enterAutocast(device, dtype === undefined ? native.autocastDtype(device) : dtypeCode(dtype)!, enabled, cacheEnabled);
  return runSync("autocast", fn, () => native.leaveAutocast());
}

/** Whether operators on devices of this type are being cast. */
export function isAutocastEnabled(device: AutocastDevice = "cpu"): boolean {
  checkDevice("isAutocastEnabled(device)", device);
  return native.autocastEnabled(device);
}

/** The dtype that operators on devices of this type are, or would be, cast to. */
export function autocastDtype(device: AutocastDevice = "cpu"): DType {
  checkDevice("autocastDtype(device)", device);
  return DTYPES[native.autocastDtype(device)]!;
}

/** Makes autocast forget its 16-bit copies: for what changes parameters by LibTorch's own operators. */
export function forgetCasts(): void {
  native.forgetCasts();
}
