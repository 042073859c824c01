/** Layers that may overwrite their input. */
import { Dropout, Hardsigmoid, Hardswish, manualSeed, ops, randn, ReLU, ReLU6, SiLU, type Layer } from "dgsam";
import { describe, expect, test } from "vitest";
import { bits } from "../optim/support.js";

describe.each<[name: string, make: (inplace: boolean) => Layer]>([
  ["ReLU", (inplace) => new ReLU({ inplace })],
  ["ReLU6", (inplace) => new ReLU6({ inplace })],
  ["SiLU", (inplace) => new SiLU({ inplace })],
  ["Hardswish", (inplace) => new Hardswish({ inplace })],
  ["Hardsigmoid", (inplace) => new Hardsigmoid({ inplace })],
  ["Dropout", (inplace) => new Dropout(0.4, { inplace })],
])("%s", (_, make) => {
  test("in place gives its input back, overwritten, with the same numbers and gradients", () => {
    const run = (inplace: boolean) => {
      manualSeed(5);
      const source = randn([4, 6], { requiresGrad: true });
      const x = ops.aten["mul.Scalar"](source, 2);
      const y = make(inplace).forward(x);
      expect(y === x).toBe(inplace);
      ops.aten["sum.default"](ops.aten["mul.Tensor"](y, randn([4, 6]))).backward();
      return bits([y, source.grad!]);
    };
    expect(run(true)).toEqual(run(false));
  });
});

test("Dropout in place leaves its input as it is in evaluation", () => {
  const x = randn([8]);
  const before = bits([x]);
  expect(new Dropout(0.9, { inplace: true }).eval().forward(x)).toBe(x);
  expect(bits([x])).toEqual(before);
});
