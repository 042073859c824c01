/** Calls of operators by optimizers and climbs, which leave out what their arguments cannot be (lib/tensor/operators.ts, callPlainly). */
import { ones, ops, tensor, type Tensor } from "dgsam";
import { expect, test } from "vitest";
import { callPlainly, type OperatorFunction } from "../../lib/tensor/internal.js";

const { aten } = ops;
const call = (operator: unknown, ...args: unknown[]): unknown => callPlainly(operator as OperatorFunction, args);
const numbers = (value: unknown): unknown => (Array.isArray(value) ? value.map(numbers) : (value as Tensor).toArray());

test("take what does not fit, several overloads, keywords and other functions as the operator itself does", () => {
  const matrix = tensor([[1, 5], [7, 3]]);
  for (const [operator, ...args] of [
    [aten.max, matrix, 0],
    [aten["add.Tensor"], matrix, 2],
    [aten["add.Tensor"], matrix, matrix, { alpha: 3 }],
    [aten["sum.dim_IntList"], matrix, [0], true],
    [(a: Tensor, b: number) => a.mul(b), matrix, 4],
  ] as const)
    expect(numbers(call(operator, ...args))).toEqual(numbers((operator as OperatorFunction)(...args)));
  expect(() => call(aten["add.Tensor"], matrix, "two")).toThrow(/add/);
});

test("read lists before the call is written, whatever reading them does", () => {
  const hostile = new Proxy([tensor([1, 2]), tensor([3])], {
    get(target, key) {
      ones([2, 2]).matmul(ones([2, 2]));
      return Reflect.get(target, key) as unknown;
    },
  });
  expect(numbers(call(aten["_foreach_neg.default"], hostile))).toEqual([[-1, -2], [-3]]);
});
