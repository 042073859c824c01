/** Differentiation: `t.backward()` and `grad()`. */

import { optionsOf } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import { native } from "../native.js";
import type { DType } from "./dtype.js";
import { callFrame } from "./frame-memory.js";
import { noteGradientChange } from "./gradient-changes.js";
import { keywordArguments } from "./operators.js";
import { Tag } from "./tags.js";
import { Tensor, tensorLists } from "./tensor.js";

export interface BackwardOptions {
  /** What to multiply by, of the tensor's shape; may be left out or `null` for a tensor of one element. */
  gradient?: Tensor | null;
  /** Keep the graph for another differentiation. Default: the value of `createGraph`. */
  retainGraph?: boolean;
  /** Record the differentiation itself, for higher derivatives. Default false. */
  createGraph?: boolean;
  /** Sum gradients into these leaves only. Default (`null`): all leaves. */
  inputs?: Tensor | readonly Tensor[] | null;
}

export interface GradOptions {
  /** What each output is multiplied by, of its shape; may be left out or `null` for scalars. */
  gradOutputs?: Tensor | readonly (Tensor | null)[] | null;
  /** Keep the graph for another differentiation. Default: the value of `createGraph`. */
  retainGraph?: boolean;
  /** Record the differentiation itself, for higher derivatives. Default false. */
  createGraph?: boolean;
  /** Give `null` for an input that the outputs do not depend on, instead of an error. Default false. */
  allowUnused?: boolean;
}

declare module "./tensor.js" {
  interface Tensor<D extends DType> {
    /**
     * Sums the gradients of this tensor into the `grad` of the leaves it was made from.
     *
     * @param gradient what to multiply by, of this tensor's shape; may be left out for a tensor of one element, and may be
     *   an option
     * @throws DgsamError `ERR_NATIVE` when nothing was recorded or the graph was freed; `ERR_SHAPE`; `ERR_ARGUMENT` for an
     *   unknown option
     */
    backward(options?: BackwardOptions): void;
    backward(gradient: Tensor | null | undefined, options?: Omit<BackwardOptions, "gradient">): void;
    /** Makes `backward()` keep this tensor's gradient although it is not a leaf. */
    retainGrad(): void;
  }
}

function writeFlag(at: number, value: boolean): number {
  const frame = callFrame();
  frame[at] = Tag.Bool;
  frame[at + 1] = value ? 1 : 0;
  return at + 2;
}

function flag(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== "boolean") throw argumentError(name, "a boolean", value);
  return value;
}

/** A list of the caller's is copied: reading it may run the caller's code, which must be over when the frame is written. */
function asList<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? [...(value as readonly T[])] : [value as T];
}

const BACKWARD_OPTIONS = ["gradient", "retainGraph", "createGraph", "inputs"] as const;

Tensor.prototype.backward = function backward(first?: Tensor | BackwardOptions | null, second?: BackwardOptions): void {
  const named = keywordArguments([first]) as BackwardOptions | undefined;
  if (named !== undefined && second !== undefined) throw argumentError("backward(gradient, options): gradient", "a Tensor or null", first);
  const options = optionsOf("backward", named ?? second, named === undefined ? BACKWARD_OPTIONS.slice(1) : BACKWARD_OPTIONS);
  const gradient = (named === undefined ? (first as Tensor | null | undefined) : named.gradient) ?? null;
  const createGraph = flag("backward: createGraph", options.createGraph, false);
  const retainGraph = flag("backward: retainGraph", options.retainGraph, createGraph);
  const inputs = options.inputs == null ? [] : asList(options.inputs);
  if (options.inputs != null && inputs.length === 0) throw new DgsamError("ERR_ARGUMENT", "backward: inputs cannot be empty; leave it out for all leaves");
  let at = tensorLists.write([this], "backward", 0);
  at = tensorLists.write([gradient], "backward: gradient", at);
  at = writeFlag(at, retainGraph);
  at = writeFlag(at, createGraph);
  tensorLists.write(inputs, "backward: inputs", at);
  noteGradientChange();
  native.backward();
};

/**
 * What a training step does with a loss, in one native call: `backward()` of `weight * loss` when it is a finite real scalar
 * that requires a gradient, and nothing was summed into the parameters' gradients since {@link gradientStamp} was `stamp`.
 *
 * @param looks whether to take the norm of all the parameters' gradients then
 * @returns the loss, NaN or infinite when it is, null when one of the other conditions does not hold: then nothing
 *   happened; the stamp after it; the norm, 0 where it was not taken
 */
export function differentiateLoss(loss: Tensor, parameters: readonly Tensor[], weight: number, stamp: number, looks: boolean): { value: number | null; stamp: number; norm: number } {
  const frame = differentiateNow(loss, parameters, weight, stamp, looks, true);
  const value = frame[1]!;
  return { value: frame[0] === 1 || !Number.isFinite(value) ? value : null, stamp: frame[2]!, norm: frame[3]! };
}

/**
 * The same for a loss that nobody reads yet.
 *
 * @returns the loss without its history, of the present scope, or null when one of the other conditions does not hold; the stamp after it
 */
export function differentiateUnread(loss: Tensor, parameters: readonly Tensor[], weight: number, stamp: number): { loss: Tensor | null; stamp: number } {
  const frame = differentiateNow(loss, parameters, weight, stamp, false, false);
  return { loss: frame[0] === 1 ? new Tensor(frame[5]!) : null, stamp: frame[2]! };
}

/** @param reads whether to read the loss, for which the device must have computed it; otherwise it is differentiated whatever it is */
function differentiateNow(loss: Tensor, parameters: readonly Tensor[], weight: number, stamp: number, looks: boolean, reads: boolean): Float64Array {
  let frame = callFrame();
  frame[0] = Tag.Tensor;
  frame[1] = loss.handle;
  const at = tensorLists.write(parameters, "parameters", 2);
  frame = callFrame();
  frame[at] = weight;
  frame[at + 1] = stamp;
  frame[at + 2] = looks ? 1 : 0;
  frame[at + 3] = reads ? 1 : 0;
  noteGradientChange();
  native.differentiate();
  return callFrame();
}

/** A number that changes whenever something is summed into one of the tensors' gradients; 0 while none has any. */
export function gradientStamp(tensors: readonly Tensor[]): number {
  tensorLists.write(tensors, "gradientStamp(tensors)", 0);
  native.gradientStamp();
  return callFrame()[0]!;
}

Tensor.prototype.retainGrad = function retainGrad(): void {
  const frame = callFrame();
  frame[0] = Tag.Tensor;
  frame[1] = this.handle;
  native.retainGrad();
};

const GRAD_OPTIONS = ["gradOutputs", "retainGraph", "createGraph", "allowUnused"] as const;

/**
 * The gradients of `outputs` with respect to `inputs`, as `torch.autograd.grad`: one tensor of each input's shape, `null`
 * where unused. Nothing is added to any `grad`.
 *
 * @throws DgsamError `ERR_ARGUMENT`, `ERR_SHAPE`; `ERR_NATIVE` when an input is unused and `allowUnused` is false
 */
export function grad(outputs: Tensor | readonly Tensor[], inputs: Tensor | readonly Tensor[], options?: GradOptions): (Tensor | null)[] {
  const { gradOutputs: weights, ...flags } = optionsOf("grad", options, GRAD_OPTIONS);
  const outputList = asList(outputs);
  const inputList = asList(inputs);
  if (inputList.length === 0) throw new DgsamError("ERR_ARGUMENT", "grad(outputs, inputs): inputs is empty");
  const gradOutputs = weights == null ? outputList.map(() => null) : asList(weights);
  if (gradOutputs.length !== outputList.length)
    throw new DgsamError("ERR_ARGUMENT", `grad: expected ${outputList.length} gradOutputs, one per output, got ${gradOutputs.length}`);
  const createGraph = flag("grad: createGraph", flags.createGraph, false);
  const retainGraph = flag("grad: retainGraph", flags.retainGraph, createGraph);
  const allowUnused = flag("grad: allowUnused", flags.allowUnused, false);
  let at = tensorLists.write(outputList, "grad(outputs)", 0);
  at = tensorLists.write(inputList, "grad(inputs)", at);
  at = tensorLists.write(gradOutputs, "grad: gradOutputs", at);
  at = writeFlag(at, retainGraph);
  at = writeFlag(at, createGraph);
  writeFlag(at, allowUnused);
  return tensorLists.read(native.grad() ?? callFrame());
}
