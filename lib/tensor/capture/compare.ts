/** Whether a program still does what the function does that it was recorded of. */

import { DgsamError } from "../../errors.js";
import { grad } from "../autograd.js";
import { defaultGenerator } from "../generator.js";
import { isGradEnabled, noGrad } from "../modes.js";
import { ops } from "../operators.js";
import { scope } from "../scope.js";
import type { Tensor } from "../tensor.js";
import { Status, type Program } from "./program.js";
import { tensorsOfResult } from "./values.js";

/**
 * Runs a function and then, from the same state of generators, buffers and inputs, the program that was recorded of it,
 * whose results and traces are those that stay.
 *
 * @returns the result when the status is {@link Status.Done}; otherwise nothing was done
 * @throws DgsamError `ERR_STATE` when they differ in a bit of a result, a gradient or a buffer
 */
export function compareWithFunction(
  program: Program, inputs: readonly Tensor[], fn: () => unknown, resultOf: (outputs: readonly Tensor[]) => unknown,
): { status: Status; result?: unknown } {
  const { written, leaves } = program.surroundings();
  const generator = defaultGenerator();
  return scope(() => {
    const touchable = [...written, ...inputs];
    const before = copiesOf(touchable);
    const versions = inputs.map(versionOf);
    const seed = generator.getState();
    // What was not written to is left alone, since a graph may need it as it is.
    const touched = () => touchable.flatMap((tensor, i) => (i < written.length || versionOf(tensor) !== versions[i - written.length] ? [{ tensor, value: before[i]! }] : []));
    const reset = () => {
      restore(touched());
      generator.setState(seed);
    };
    const expected = evaluate(fn, leaves, reset);
    const after = copiesOf(touched().map(({ tensor }) => tensor));
    const drawn = generator.getState();
    reset();
    // Last, so that nothing writes to what its differentiation reads.
    const outputs = program.run(inputs);
    if (typeof outputs === "number") {
      reset();
      return { status: outputs };
    }
    const result = resultOf(outputs);
    scope(() => {
      const differs = firstDifference(tensorsOfResult(result) ?? [], tensorsOfResult(expected.result) ?? []);
      if (differs !== -1) throw mismatch(`result ${differs}`);
      if (firstDifference(touched().map(({ tensor }) => tensor), after) !== -1) throw mismatch("what it writes to buffers");
      if (firstDifference([generator.getState()], [drawn]) !== -1) throw mismatch("the random numbers it draws");
      compareGradients(gradientsOf(result, leaves), expected.gradients);
    });
    return { status: Status.Done, result };
  });
}

function evaluate(fn: () => unknown, leaves: readonly Tensor[], undo: () => void): { result: unknown; gradients: Gradients } {
  try {
    const result = fn();
    return { result, gradients: gradientsOf(result, leaves) };
  } catch (error) {
    undo();
    throw error;
  }
}

function versionOf(tensor: Tensor): number {
  return tensor.isInference ? 0 : tensor.version;
}

function copiesOf(tensors: readonly Tensor[]): Tensor[] {
  return noGrad(() => tensors.map((each) => ops.aten["clone.default"](each)));
}

// Behind autograd's back: graphs that read them find the values that they saw.
function restore(tensors: readonly { tensor: Tensor; value: Tensor }[]): void {
  noGrad(() => tensors.forEach(({ tensor, value }) => ops.aten["copy_.default"](ops.aten["data.default"](tensor), value)));
}

type Gradients = readonly (Tensor | null)[] | null;

/** Of a result that begins with a loss; null of any other. */
function gradientsOf(result: unknown, leaves: readonly Tensor[]): Gradients {
  const loss = tensorsOfResult(result)?.[0];
  if (loss === undefined || !isGradEnabled() || !loss.requiresGrad || loss.numel !== 1 || leaves.length === 0) return null;
  return grad(loss, [...leaves], { allowUnused: true, retainGraph: true });
}

function compareGradients(actual: Gradients, expected: Gradients): void {
  if ((actual === null) !== (expected === null)) throw mismatch("whether there are gradients");
  actual?.forEach((gradient, i) => {
    const other = expected![i] ?? null;
    const same = gradient === null ? other === null : other !== null && firstDifference([gradient], [other]) === -1;
    if (!same) throw mismatch(`the gradient of parameter ${i}`);
  });
}

/** The first place where two lists of tensors differ in a bit, -1 when there is none. */
function firstDifference(one: readonly Tensor[], other: readonly Tensor[]): number {
  if (one.length !== other.length) return Math.min(one.length, other.length);
  return one.findIndex((tensor, i) => !sameBits(tensor, other[i]!));
}

function sameBits(one: Tensor, other: Tensor): boolean {
  if (one.dtype !== other.dtype || one.shape.join() !== other.shape.join()) return false;
  const bits = (tensor: Tensor) => Buffer.from(tensor.detach().toBytes());
  return bits(one).equals(bits(other));
}

function mismatch(what: string): DgsamError {
  return new DgsamError(
    "ERR_STATE",
    `capture: check: the recorded function and the function itself differ in ${what}; it depends on a value of JavaScript's that changed since it was recorded: pass such values as arguments, or as tensors`,
  );
}
