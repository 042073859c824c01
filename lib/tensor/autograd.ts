/** Differentiation: `t.backward()` and `grad()`. */

import { argumentError, DgsamError } from "../errors.js";
import { native } from "../native.js";
import type { DType } from "./dtype.js";
import { callFrame } from "./frame-memory.js";
import { Tag } from "./tags.js";
import { Tensor, tensorLists } from "./tensor.js";

export interface BackwardOptions {
  /** Keep the graph for another differentiation. Default: the value of `createGraph`. */
  retainGraph?: boolean;
  /** Record the differentiation itself, for higher derivatives. Default false. */
  createGraph?: boolean;
  /** Sum gradients into these leaves only. Default: all leaves. */
  inputs?: readonly Tensor[];
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
     * @param gradient what to multiply by, of this tensor's shape; may be left out for a tensor of one element
     * @throws DgsamError `ERR_NATIVE` when nothing was recorded or the graph was freed; `ERR_SHAPE`
     */
    backward(gradient?: Tensor | null, options?: BackwardOptions): void;
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

Tensor.prototype.backward = function backward(gradient: Tensor | null = null, options: BackwardOptions = {}): void {
  const createGraph = flag("backward: createGraph", options.createGraph, false);
  const retainGraph = flag("backward: retainGraph", options.retainGraph, createGraph);
  let at = tensorLists.write([this], "backward", 0);
  at = tensorLists.write([gradient], "backward: gradient", at);
  at = writeFlag(at, retainGraph);
  at = writeFlag(at, createGraph);
  tensorLists.write(options.inputs ?? [], "backward: inputs", at);
  native.backward();
};

/**
 * What a training step does with a loss, in one native call: `backward()` when it is a finite real scalar that requires a
 * gradient, and none of the parameters has a gradient yet.
 *
 * @returns the loss; NaN or infinite when it is; null when one of the other conditions does not hold. Then nothing happened
 */
export function differentiateLoss(loss: Tensor, parameters: readonly Tensor[]): number | null {
  let frame = callFrame();
  frame[0] = Tag.Tensor;
  frame[1] = loss.handle;
  tensorLists.write(parameters, "parameters", 2);
  native.differentiate();
  frame = callFrame();
  const value = frame[1]!;
  return frame[0] === 1 || !Number.isFinite(value) ? value : null;
}

Tensor.prototype.retainGrad = function retainGrad(): void {
  const frame = callFrame();
  frame[0] = Tag.Tensor;
  frame[1] = this.handle;
  native.retainGrad();
};

function asList<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

/**
 * The gradients of `outputs` with respect to `inputs`, as `torch.autograd.grad`: one tensor of each input's shape, `null`
 * where unused. Nothing is added to any `grad`.
 *
 * @throws DgsamError `ERR_ARGUMENT`, `ERR_SHAPE`; `ERR_NATIVE` when an input is unused and `allowUnused` is false
 */
export function grad(outputs: Tensor | readonly Tensor[], inputs: Tensor | readonly Tensor[], options: GradOptions = {}): (Tensor | null)[] {
  const outputList = asList(outputs);
  const inputList = asList(inputs);
  if (inputList.length === 0) throw new DgsamError("ERR_ARGUMENT", "grad(outputs, inputs): inputs is empty");
  const gradOutputs = options.gradOutputs == null ? outputList.map(() => null) : asList(options.gradOutputs);
  if (gradOutputs.length !== outputList.length)
    throw new DgsamError("ERR_ARGUMENT", `grad: expected ${outputList.length} gradOutputs, one per output, got ${gradOutputs.length}`);
  const createGraph = flag("grad: createGraph", options.createGraph, false);
  const retainGraph = flag("grad: retainGraph", options.retainGraph, createGraph);
  const allowUnused = flag("grad: allowUnused", options.allowUnused, false);
  let at = tensorLists.write(outputList, "grad(outputs)", 0);
  at = tensorLists.write(inputList, "grad(inputs)", at);
  at = tensorLists.write(gradOutputs, "grad: gradOutputs", at);
  at = writeFlag(at, retainGraph);
  at = writeFlag(at, createGraph);
  writeFlag(at, allowUnused);
  return tensorLists.read(native.grad() ?? callFrame());
}
