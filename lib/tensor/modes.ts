/** Autograd modes of this thread: each runs a synchronous function and restores what was before, also when it throws. */

import { argumentError, DgsamError } from "../errors.js";
import { native } from "../native.js";
import { isPromiseLike } from "./scope.js";
import type { NoPromise } from "./synchronous.js";

/** What a function returns that runs in a mode of the thread. */
export type Synchronous<T> = T & NoPromise<T, "fn returns a promise, but the mode ends when fn returns: await outside">;

/** Runs `fn` and then `restore`, whatever happens. Throws `ERR_ARGUMENT` when `fn` returns a promise. */
export function runSync<T>(name: string, fn: () => T, restore: () => void): T {
  try {
    const result = fn();
    if (isPromiseLike(result)) {
      Promise.resolve(result).catch(() => {});
      throw new DgsamError("ERR_ARGUMENT", `${name}(fn): fn returned a promise, but the mode ends when fn returns; await outside and pass a synchronous function`);
    }
    return result;
  } finally {
    restore();
  }
}

function withGradMode<T>(name: string, enabled: boolean, fn: () => T): T {
  if (typeof fn !== "function") throw argumentError(`${name}(fn)`, "a function", fn);
  const before = native.setGradMode(enabled);
  return runSync(name, fn, () => void native.setGradMode(before));
}

/** Runs `fn` without recording for differentiation, as `torch.no_grad`. */
export function noGrad<T>(fn: () => Synchronous<T>): T {
  return withGradMode("noGrad", false, fn);
}

/** Runs `fn` with recording on, inside `noGrad`, as `torch.enable_grad`. */
export function enableGrad<T>(fn: () => Synchronous<T>): T {
  return withGradMode("enableGrad", true, fn);
}

/** How many of this thread are open. */
let inferenceModes = 0;

/** Runs `fn` without recording and without version counters, as `torch.inference_mode`: its tensors can never be differentiated. */
export function inferenceMode<T>(fn: () => Synchronous<T>): T {
  if (typeof fn !== "function") throw argumentError("inferenceMode(fn)", "a function", fn);
  native.enterInferenceMode();
  inferenceModes++;
  return runSync("inferenceMode", fn, () => {
    inferenceModes--;
    native.leaveInferenceMode();
  });
}

/** Whether `inferenceMode` is on, as `torch.is_inference_mode_enabled`. */
export function isInferenceModeEnabled(): boolean {
  return inferenceModes > 0;
}

/** Whether operations are being recorded for differentiation. */
export function isGradEnabled(): boolean {
  return native.gradMode();
}
