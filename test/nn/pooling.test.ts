import { AdaptiveAvgPool2d, Generator, MaxPool2d, ops, randn, type MaxPool2dOptions, type Pair } from "dgsam";
import { describe, expect, test } from "vitest";
import { bits } from "../optim/support.js";
import { hasTorch } from "../reference/oracle.js";
import { evaluateInPython, expectNear } from "./evaluate.js";

const input = () => randn([2, 3, 6, 5], { dtype: "float64", requiresGrad: true, generator: new Generator().manualSeed(0) });

const ROWS: { kernelSize: Pair; options: MaxPool2dOptions; python: string }[] = [
  { kernelSize: 2, options: {}, python: "2" },
  { kernelSize: [3, 2], options: { stride: [2, 1], padding: [1, 0], ceilMode: true }, python: "(3, 2), stride=(2, 1), padding=(1, 0), ceil_mode=True" },
  { kernelSize: 2, options: { stride: null, dilation: [2, 1] }, python: "2, dilation=(2, 1)" },
];

const ANSWERS = hasTorch ? evaluateInPython(ROWS.flatMap(({ python }) => {
  const pool = `nn.MaxPool2d(${python}, return_indices=True)(x)`;
  const x = input();
  return [{ expression: `${pool}[0]`, tensors: { x } }, { expression: `${pool}[1]`, tensors: { x: x.detach() } }];
})) : [];

describe.skipIf(!hasTorch)("MaxPool2d with indices gives [output, indices], as PyTorch (skipped: no Python with torch)", () => {
  test.each(ROWS.map((row, i) => ({ ...row, i })))("$python", ({ kernelSize, options, i }) => {
    const x = input();
    const [output, indices] = ANSWERS.slice(2 * i);
    const result = new MaxPool2d(kernelSize, { ...options, returnIndices: true }).forward(x);
    expect(result).toHaveLength(2);
    expectNear(result[0], output!, 0);
    expectNear(result[1], indices!, 0);
    expect(result[1].dtype).toBe("int64");
    ops.aten["sum.default"](result[0]).backward();
    expectNear(x.grad!, { values: output!.grads["x"]!, shape: x.shape }, 0);
  });
});

test("AdaptiveAvgPool2d(null) keeps both sizes", () => {
  const x = randn([2, 3, 4, 5]);
  expect(bits([new AdaptiveAvgPool2d(null).forward(x)])).toEqual(bits([x]));
  expect(new AdaptiveAvgPool2d(null).outputSize).toEqual([null, null]);
});
