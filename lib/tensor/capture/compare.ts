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
 * Runs a program and, from the same state of generators and buffers, the function itself. Buffers and generators are
 * afterwards what the program left.
 *
 * @throws DgsamError `ERR_STATE` when they differ in a bit of a result, a gradient or a buffer
 */
export function compareWithFunction(
  program: Program, inputs: readonly Tensor[], fn: () => unknown, resultOf: (outputs: readonly Tensor[]) => unknown,
): { status: Status; result?: unknown } {
  const { written, leaves } = program.surroundings();
  const generator = defaultGenerator();
  return scope(() => {
    const before = noGrad(() => written.map((each) => ops.aten["clone.default"](each)));
    const seed = generator.getState();
    const outputs = program.run(inputs);
    if (typeof outputs === "number") return { status: outputs };
    const result = resultOf(outputs);
    scope(() => {
      const after = noGrad(() => written.map((each) => ops.aten["clone.default"](each)));
      const drawn = generator.getState();
      restore(written, before);
      generator.setState(seed);
      const expected = fn();
      const differs = firstDifference(tensorsOfResult(result) ?? [], tensorsOfResult(expected) ?? []);
      if (differs !== -1) throw mismatch(`result ${differs}`);
      if (firstDifference(after, written) !== -1) throw mismatch("what it writes to buffers");
      if (firstDifference([drawn], [generator.getState()]) !== -1) throw mismatch("the random numbers it draws");
      restore(written, after);
      compareGradients(result, expected, leaves);
    });
    return { status: Status.Done, result };
  });
}

function restore(tensors: readonly Tensor[], values: readonly Tensor[]): void {
  noGrad(() => tensors.forEach((tensor, i) => ops.aten["copy_.default"](tensor, values[i]!)));
}

function compareGradients(result: unknown, expected: unknown, leaves: readonly Tensor[]): void {
  const one = tensorsOfResult(result)?.[0];
  const other = tensorsOfResult(expected)?.[0];
  if (one === undefined || other === undefined || !isGradEnabled() || !one.requiresGrad || one.numel !== 1 || leaves.length === 0) return;
  const gradientsOf = (loss: Tensor) => grad(loss, [...leaves], { allowUnused: true, retainGraph: true });
  const [actual, own] = [gradientsOf(one), gradientsOf(other)];
  actual.forEach((gradient, i) => {
    const same = gradient === null ? own[i] === null : own[i] != null && firstDifference([gradient], [own[i]]) === -1;
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
