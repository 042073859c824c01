/** Closures: how a step gets losses. It differentiates them itself, at parameters of its own choice. */

import { argumentError, DgsamError } from "../errors.js";
import { differentiateCaptured, differentiateLoss, differentiateUnread, gradientStamp, isPromiseLike, zeroGradients } from "../tensor/internal.js";
import { enableGrad, isGradEnabled, scope, Tensor } from "../tensor/index.js";

/** Computes one loss, a tensor of one element, from the current parameters. It must not call `backward()`. */
export type Closure = () => Tensor;

/** The loss of one domain: a closure, or one for each of its micro-batches, whose mean is then the domain's loss. */
export type DomainClosure = Closure | readonly Closure[];

/** A loss or gradient that was NaN or infinite. Steps turn it into an error or a skipped step, by their `policy`. */
export class NonFinite extends Error {
  constructor(readonly what: "loss" | "gradient" | "sum of gradients with that" | "search direction", readonly value: number) {
    super(`${what} is ${value}`);
  }
}

/** What was summed into the parameters' `grad` since they were cleared. */
export class GradientSum {
  /** Of the gradients as they must be found; 0 for none. */
  stamp = 0;
  /** Of all gradients together; 0 where nobody looked. */
  norm = 0;
}

/** After passes without a gradient in the end. @param stamp of {@link GradientSum} */
function checkReached(stamp: number, name: string): void {
  if (stamp === 0) throw independentError(name, "of the optimizer's parameters (are they another model's?)");
}

/** @param of which parameters the loss should depend on */
function independentError(name: string, of: string): DgsamError {
  return new DgsamError("ERR_ARGUMENT", `${name}: the loss does not depend on any ${of}`);
}

/**
 * Evaluates a closure and leaves its gradients, and nothing older, in the parameters' `grad`. All else that it makes is
 * freed at once, so that the passes of a step share the memory of one.
 *
 * @param name the closure as error messages call it
 * @returns the loss
 * @throws NonFinite when the loss is; DgsamError `ERR_ARGUMENT`, `ERR_DTYPE`, `ERR_SHAPE`, `ERR_STATE` when the closure breaks its contract
 */
export function differentiate(closure: Closure, parameters: readonly Tensor[], name: string): number {
  zeroGradients(parameters);
  return differentiateMore(closure, parameters, name, 1, new GradientSum(), false);
}

/**
 * Adds the gradients of `weight` times a closure's loss to the parameters' `grad`; otherwise as {@link differentiate}.
 *
 * @param sum what `grad` holds; brought up to date
 * @param looks whether to take the sum's norm
 * @returns the loss without the weight
 */
export function differentiateMore(closure: Closure, parameters: readonly Tensor[], name: string, weight: number, sum: GradientSum, looks: boolean): number {
  const pass = differentiateCaptured(closure, parameters, weight, sum.stamp, looks);
  if (pass === undefined) return scope(() => backward(evaluate(closure, name), parameters, name, weight, sum, looks));
  sum.stamp = pass.stamp;
  sum.norm = pass.norm;
  finiteLoss(pass.value);
  checkReached(pass.stamp, name);
  return pass.value;
}

/** What the closure returns, if that is a tensor. */
export function evaluate(closure: Closure, name: string): Tensor {
  // Asking costs less than setting, twice.
  return isGradEnabled() ? lossOf(closure, name) : enableGrad(() => lossOf(closure, name));
}

function lossOf(closure: Closure, name: string): Tensor {
  const loss: unknown = closure();
  if (loss instanceof Tensor) return loss;
  const expected = "the loss as a Tensor of one element";
  if (!isPromiseLike(loss)) throw argumentError(`${name}: result`, expected, loss);
  // That it may be rejected is no news beside this error.
  Promise.resolve(loss).catch(() => {});
  throw argumentError(`${name}: result`, `${expected}, not a promise of it: compute what is awaited before the step`, loss);
}

/** The second half of {@link differentiateMore}: differentiates a loss that was evaluated. */
export function backward(loss: Tensor, parameters: readonly Tensor[], name: string, weight: number, sum: GradientSum, looks: boolean): number {
  const { value, stamp, norm } = named(name, () => differentiateLoss(loss, parameters, weight, sum.stamp, looks));
  if (value === null) throw contractError(loss, parameters, name, sum.stamp);
  sum.stamp = stamp;
  sum.norm = norm;
  finiteLoss(value);
  checkReached(stamp, name);
  return value;
}

/** As {@link backward}, without looking at the loss, which is returned without its history. */
export function backwardUnread(loss: Tensor, parameters: readonly Tensor[], name: string, weight: number, sum: GradientSum): Tensor {
  const { loss: detached, stamp } = named(name, () => differentiateUnread(loss, parameters, weight, sum.stamp));
  if (detached === null) throw contractError(loss, parameters, name, sum.stamp);
  sum.stamp = stamp;
  checkReached(stamp, name);
  return detached;
}

/** Says which closure's loss LibTorch could not differentiate, say because its graph was differentiated before. */
function named<T>(name: string, differentiate: () => T): T {
  try {
    return differentiate();
  } catch (error) {
    if (!(error instanceof DgsamError) || error.code !== "ERR_NATIVE") throw error;
    throw new DgsamError("ERR_NATIVE", `${name}: ${error.message}`, { cause: error });
  }
}

/** The loss itself; throws NonFinite. */
export function finiteLoss(value: number): number {
  if (!Number.isFinite(value)) throw new NonFinite("loss", value);
  return value;
}

/** Which part of its contract a closure broke whose loss could not be differentiated. */
function contractError(loss: Tensor, parameters: readonly Tensor[], name: string, stamp: number): DgsamError {
  const { shape } = loss;
  if (shape.some((size) => size !== 1)) return new DgsamError("ERR_SHAPE", `${name}: expected a loss of one element, got shape [${shape.join(", ")}]; reduce it with mean() or sum()`);
  if (gradientStamp(parameters) !== stamp)
    return new DgsamError("ERR_STATE", `${name} called backward(), or cleared or set gradients; return the loss instead: step() differentiates it, at several points`);
  if (!loss.requiresGrad) return independentError(name, "parameter that requires a gradient (was it made in noGrad() or inferenceMode(), or detached?)");
  return new DgsamError("ERR_DTYPE", `${name}: expected a dense real loss, got dtype ${loss.dtype} and layout ${loss.layout}`);
}

/** Throws `ERR_ARGUMENT` unless `closure` is a function. */
export function checkClosure(name: string, closure: unknown): void {
  if (typeof closure !== "function") throw argumentError(name, "a function that returns a loss", closure);
}
