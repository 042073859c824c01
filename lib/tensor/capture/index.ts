/** Captured functions: what a function of tensors does is recorded once, and then done without JavaScript. */

import { checkInteger, optionsOf } from "../../checks.js";
import { argumentError } from "../../errors.js";
import { enableGrad, isGradEnabled } from "../modes.js";
import type { Tensor } from "../tensor.js";
import { NotPlannable, type Commands, type PlannedPass } from "./commands.js";
import { CapturedFunction, type CapturedPass, type CaptureStats } from "./captured-function.js";

export type { CaptureStats } from "./captured-function.js";

export interface CaptureOptions {
  /** Compare every so many replays with the function itself, bit for bit. Default 0, never. */
  check?: number;
  /** How many programs are kept, one of each kind of inputs; the one that was not used longest is dropped. Default 16. */
  maxPrograms?: number;
}

/** What a captured function was called with, to be evaluated by an optimizer. */
export interface CapturedClosure<R> {
  (): R;
}

export interface Captured<A extends unknown[], R> {
  (...args: A): R;
  /** A closure for an optimizer's step: it evaluates the function with these arguments. */
  on(...args: A): CapturedClosure<R>;
  /** How often it ran, and how. */
  readonly stats: CaptureStats;
  /** Frees the programs now, and what they hold. Later calls record anew. */
  dispose(): void;
}

/** Of a closure: what it calls, and with what. A step makes one for every minibatch, so it is a field and no map. */
const CALL = Symbol("captured call");
interface Call {
  readonly fn: CapturedFunction;
  readonly args: readonly unknown[];
}

/**
 * Records what a function of tensors does, and does it again without JavaScript and without building a graph.
 *
 *     const loss = capture((x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y));
 *     optimizer.step(batches.map(({ x, y }) => loss.on(x, y)));
 *
 * The first call with inputs of some shapes, dtypes and devices, in some mode, runs the function; the second one records it;
 * all others replay what was recorded, and give the same bits. Whatever else the function depends on must not change: a
 * number of JavaScript's that it uses is that of the recorded call for ever, unless it is an argument or a field of a module.
 * `check` finds such mistakes. A function whose result depends on the values of tensors (`item()`, `toArray()`, shapes that
 * depend on data) is refused with a warning and runs as it is.
 *
 * @param fn of tensors, numbers, strings, and arrays and plain objects of these; it returns the same. It is synchronous
 * @throws DgsamError `ERR_ARGUMENT`; what the function throws, and `ERR_STATE` where `check` finds a difference
 */
export function capture<A extends unknown[], R>(fn: (...args: A) => R, options?: CaptureOptions): Captured<A, R> {
  if (typeof fn !== "function") throw argumentError("capture(fn)", "a function of tensors", fn);
  const { check = 0, maxPrograms = 16 } = optionsOf("capture", options, ["check", "maxPrograms"]);
  checkInteger("capture: check", check, 0);
  checkInteger("capture: maxPrograms", maxPrograms, 1);
  const captured = new CapturedFunction(fn, check, maxPrograms);
  const call = (...args: A): R => captured.call(args) as R;
  return Object.defineProperties(call, {
    on: { value: (...args: A) => closureOf(captured, args) },
    stats: { get: () => captured.stats() },
    dispose: { value: () => captured.forgetAll() },
  }) as Captured<A, R>;
}

function closureOf<R>(fn: CapturedFunction, args: readonly unknown[]): CapturedClosure<R> {
  const closure: CapturedClosure<R> & { [CALL]?: Call } = () => fn.call(args) as R;
  closure[CALL] = { fn, args };
  return closure;
}

/** Whether a closure is a captured function with its arguments. */
export function isCaptured(closure: object): boolean {
  return CALL in closure;
}

/** A pass over a captured closure, to be made later; throws {@link NotPlannable} when it has to be made by itself. */
export function planCaptured(closure: object, weight: number, looks: boolean, commands: Commands): PlannedPass {
  const call = (closure as { [CALL]?: Call })[CALL];
  const pass = call?.fn.plan(call.args, weight, looks, commands);
  if (pass === undefined) throw new NotPlannable();
  return pass;
}

/** A pass of a training step over a captured closure; undefined when the closure has to be called. */
export function differentiateCaptured(closure: object, parameters: readonly Tensor[], weight: number, stamp: number, looks: boolean): CapturedPass | undefined {
  const call = (closure as { [CALL]?: Call })[CALL];
  if (call === undefined) return undefined;
  const differentiate = () => call.fn.differentiate(call.args, parameters, weight, stamp, looks);
  return isGradEnabled() ? differentiate() : enableGrad(differentiate);
}
