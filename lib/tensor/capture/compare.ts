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
    const versions = inputs.map(({ version }) => version);
    const seed = generator.getState();
    const expected = fn();
    const expectedGradients = gradientsOf(expected, leaves);
    // What was not written to is left alone, since a graph may need it as it is.
    const touched = touchable.filter((_, i) => i < written.length || inputs[i - written.length]!.version !== versions[i - written.length]);
    const after = copiesOf(touched);
    const drawn = generator.getState();
    const reset = () => {
      restore(touched, before.filter((_, i) => touched.includes(touchable[i]!)));
      generator.setState(seed);
    };
    reset();
    const outputs = program.run(inputs);
    if (typeof outputs === "number") {
      reset();
      return { status: outputs };
    }
    const result = resultOf(outputs);
    const differs = firstDifference(tensorsOfResult(result) ?? [], tensorsOfResult(expected) ?? []);
    if (differs !== -1) throw mismatch(`result ${differs}`);
    if (firstDifference(touched, after) !== -1) throw mismatch("what it writes to buffers");
    if (firstDifference([generator.getState()], [drawn]) !== -1) throw mismatch("the random numbers it draws");
    const gradients = gradientsOf(result, leaves);
    gradients.forEach((gradient, i) => {
      const other = expectedGradients[i] ?? null;
      if (gradient === null ? other !== null : other === null || firstDifference([gradient], [other]) !== -1) throw mismatch(`the gradient of parameter ${i}`);
    });
    return { status: Status.Done, result };
  });
}

function copiesOf(tensors: readonly Tensor[]): Tensor[] {
  return noGrad(() => tensors.map((each) => ops.aten["clone.default"](each)));
}

function restore(tensors: readonly Tensor[], values: readonly Tensor[]): void {
  noGrad(() => tensors.forEach((tensor, i) => ops.aten["copy_.default"](tensor, values[i]!)));
}

/** Of a result that begins with a loss. */
function gradientsOf(result: unknown, leaves: readonly Tensor[]): (Tensor | null)[] {
  const loss = tensorsOfResult(result)?.[0];
  if (loss === undefined || !isGradEnabled() || !loss.requiresGrad || loss.numel !== 1 || leaves.length === 0) return [];
  return grad(loss, [...leaves], { allowUnused: true, retainGraph: true });
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
