import {
  AdaptiveAvgPool2d, AvgPool2d, BatchNorm1d, BatchNorm2d, Conv2d, Dropout, Embedding, Flatten, GELU, Generator, GroupNorm, Hardsigmoid, Hardswish, Identity, LayerNorm, LayerNorm2d,
  Linear, manualSeed, MaxPool2d, MultiheadAttention, noGrad, ops, Permute, randn, ReLU, ReLU6, SamePaddedConv2d, Sigmoid, SiLU, StochasticDepth, Tanh, tensor, type DType, type Layer, type StateDict, type Tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { values, worstError } from "../optim/support.js";
import { hasTorch, oracle } from "../reference/oracle.js";

type LayerClass = new (...args: never[]) => Layer;
type Numbers = Record<string, number[]>;

interface Row {
  Class: LayerClass;
  args?: unknown[];
  options?: Record<string, unknown>;
  /** The shape of a random input; for Embedding the indices. */
  input: number[] | number[][];
}

const ROWS: Row[] = [
  { Class: Linear, args: [4, 3], input: [2, 4] },
  { Class: Linear, args: [4, 3], options: { bias: false }, input: [2, 5, 4] },
  { Class: Linear, args: [3, 0], input: [2, 3] },
  { Class: Linear, args: [0, 3], input: [2, 0] },
  { Class: Conv2d, args: [2, 4, 3], input: [2, 2, 6, 5] },
  { Class: Conv2d, args: [2, 4, 3], input: [2, 6, 5] },
  { Class: Conv2d, args: [4, 6, [3, 2]], options: { stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2, bias: false }, input: [2, 4, 7, 6] },
  { Class: Conv2d, args: [2, 3, [4, 3]], options: { padding: "same", dilation: [1, 2] }, input: [1, 2, 8, 6] },
  { Class: Conv2d, args: [2, 3, 3], options: { padding: "valid", stride: 2 }, input: [1, 2, 8, 6] },
  { Class: Conv2d, args: [2, 3, 3], options: { padding: [2, 1], paddingMode: "reflect", stride: 2 }, input: [2, 2, 5, 6] },
  { Class: Conv2d, args: [2, 3, [4, 3]], options: { padding: "same", paddingMode: "replicate" }, input: [2, 2, 5, 6] },
  { Class: Conv2d, args: [2, 3, [4, 2]], options: { padding: "same", paddingMode: "circular", dilation: [1, 2] }, input: [2, 2, 6, 6] },
  { Class: Conv2d, args: [2, 3, 3], options: { padding: "valid", paddingMode: "circular" }, input: [2, 2, 6, 6] },
  // PyTorch leaves the bias of a convolution without inputs as it finds the memory.
  { Class: Conv2d, args: [0, 2, 3], options: { bias: false }, input: [2, 0, 4, 4] },
  { Class: BatchNorm1d, args: [3], input: [5, 3] },
  { Class: BatchNorm1d, args: [3], options: { bias: false }, input: [5, 3, 2] },
  { Class: BatchNorm1d, args: [3], options: { momentum: null, eps: 1e-3 }, input: [5, 3, 2] },
  { Class: BatchNorm2d, args: [3], input: [4, 3, 2, 2] },
  { Class: BatchNorm2d, args: [3], options: { affine: false, trackRunningStats: false }, input: [4, 3, 2, 2] },
  { Class: BatchNorm2d, args: [3], options: { bias: false, momentum: null }, input: [4, 3, 2, 2] },
  { Class: BatchNorm2d, args: [3], options: { bias: true, affine: false }, input: [4, 3, 2, 2] },
  { Class: GroupNorm, args: [2, 4], input: [3, 4, 2, 2] },
  { Class: GroupNorm, args: [2, 4], options: { bias: false }, input: [3, 4, 2] },
  { Class: GroupNorm, args: [4, 4], input: [2, 4] },
  { Class: GroupNorm, args: [2, 4], input: [1, 4] },
  { Class: GroupNorm, args: [2, 0], input: [3, 0, 2] },
  { Class: GroupNorm, args: [4, 4], options: { affine: false, eps: 1e-2 }, input: [3, 4, 2] },
  { Class: LayerNorm, args: [[3, 4]], input: [2, 3, 4] },
  { Class: LayerNorm, args: [4], options: { bias: false, eps: 1e-3 }, input: [2, 4] },
  { Class: LayerNorm, args: [4], options: { elementwiseAffine: false }, input: [2, 4] },
  { Class: LayerNorm, args: [[3, 0]], input: [2, 3, 0] },
  { Class: LayerNorm2d, args: [3], options: { eps: 1e-6 }, input: [2, 3, 4, 5] },
  { Class: MultiheadAttention, args: [6, 2], input: [5, 3, 6] },
  { Class: MultiheadAttention, args: [6, 3], options: { batchFirst: true, dropout: 0.4 }, input: [3, 5, 6] },
  { Class: MultiheadAttention, args: [4, 1], options: { bias: false }, input: [2, 1, 4] },
  { Class: SamePaddedConv2d, args: [2, 4, 3], options: { stride: 2 }, input: [2, 2, 6, 5] },
  { Class: SamePaddedConv2d, args: [4, 4, 5], options: { stride: [2, 3], groups: 4, bias: false }, input: [2, 4, 7, 8] },
  { Class: SamePaddedConv2d, args: [2, 3, [3, 1]], options: { stride: [1, 2], dilation: [2, 1] }, input: [1, 2, 6, 6] },
  { Class: SamePaddedConv2d, args: [2, 3, 1], options: { stride: 3 }, input: [2, 2, 7, 7] },
  { Class: Embedding, args: [5, 3], input: [[0, 4], [2, 2]] },
  { Class: Embedding, args: [5, 3], options: { paddingIdx: -2 }, input: [0, 3, 4] },
  { Class: Embedding, args: [5, 3], options: { maxNorm: 0.5 }, input: [[0, 4], [2, 2]] },
  { Class: Embedding, args: [5, 3], options: { maxNorm: 1, normType: 1 }, input: [1, 2] },
  { Class: Embedding, args: [5, 3], options: { scaleGradByFreq: true }, input: [[0, 4, 2], [2, 0, 2]] },
  { Class: Embedding, args: [5, 3], options: { sparse: true, paddingIdx: 0 }, input: [[0, 4, 2], [2, 0, 2]] },
  { Class: Embedding, args: [5, 0], input: [1, 2] },
  { Class: ReLU, input: [3, 3] },
  { Class: GELU, input: [3, 3] },
  { Class: GELU, options: { approximate: "tanh" }, input: [3, 3] },
  { Class: ReLU6, input: [9, 9] },
  { Class: SiLU, input: [3, 3] },
  { Class: Hardswish, input: [9, 9] },
  { Class: Hardsigmoid, input: [9, 9] },
  { Class: Tanh, input: [3, 3] },
  { Class: Sigmoid, input: [3, 3] },
  { Class: Dropout, input: [5, 5] },
  { Class: Dropout, args: [0.9], input: [5, 5] },
  { Class: MaxPool2d, args: [2], input: [2, 2, 5, 4] },
  { Class: MaxPool2d, args: [3], options: { stride: [1, 2], padding: 1, dilation: [2, 1], ceilMode: true }, input: [2, 2, 6, 6] },
  { Class: AvgPool2d, args: [[2, 3]], options: { padding: 1, countIncludePad: false, ceilMode: true }, input: [2, 2, 6, 6] },
  { Class: AvgPool2d, args: [2], options: { stride: 1, divisorOverride: 3 }, input: [2, 2, 4, 4] },
  { Class: AdaptiveAvgPool2d, args: [[2, 3]], input: [2, 2, 5, 7] },
  { Class: AdaptiveAvgPool2d, args: [1], input: [2, 5, 7] },
  { Class: AdaptiveAvgPool2d, args: [[3, null]], input: [2, 2, 5, 7] },
  { Class: AdaptiveAvgPool2d, args: [[null, 2]], input: [2, 5, 7] },
  { Class: Flatten, input: [2, 3, 4] },
  { Class: Flatten, args: [0, 1], input: [2, 3, 4] },
  { Class: Permute, args: [[2, 0, -2]], input: [2, 3, 4] },
  { Class: StochasticDepth, args: [0.4, "row"], input: [5, 3, 2] },
  { Class: StochasticDepth, args: [0.4, "batch"], input: [5, 3] },
  { Class: StochasticDepth, args: [1, "row"], input: [5, 3] },
  { Class: StochasticDepth, args: [0, "batch"], input: [5, 3] },
  { Class: Identity, input: [3] },
];

interface Answer {
  state: Numbers;
  outputs: number[][];
  inputGrad: number[] | null;
  grads: number[][];
  after: Numbers;
  evaluated: number[];
  loaded: number[];
}

const make = ({ Class, args = [], options }: Row): Layer => new (Class as new (...args: unknown[]) => Layer)(...args, ...(options === undefined ? [] : [options]));

const random = (shape: number[], seed: number, dtype: DType): Tensor =>
  ops.aten["to.dtype"](randn(shape, { generator: new Generator().manualSeed(seed) }), dtype);

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const numbersOf = (dict: StateDict): Numbers => Object.fromEntries(Object.entries(dict).map(([key, each]) => [key, values(each)]));

/** A layer whose state is far from a new one's. */
function makeChanged(row: Row, dtype: DType): Layer {
  manualSeed(99);
  const layer = make(row).to(dtype);
  noGrad(() => {
    for (const each of [...layer.parameters(), ...layer.buffers()]) ops.aten["add_.Scalar"](each, 2);
  });
  return layer;
}

const CASES = ROWS.flatMap((row, seed) =>
  (["float64", "float32"] as const).flatMap((dtype) =>
    [true, false].map((train) => {
      const { Class: { name: layer }, args = [], options = {}, input } = row;
      const text = [...args, ...(row.options === undefined ? [] : [row.options])].map((each) => JSON.stringify(each)).join(", ");
      const changed = makeChanged(row, dtype);
      const pythonOptions = Object.fromEntries(Object.entries(options).map(([name, value]) => [snakeCase(name), value]));
      const request = { layer, args, options: pythonOptions, input, dtype, train, seed, load: numbersOf(changed.stateDict()) };
      return { title: `${layer}(${text}) in ${dtype}, ${train ? "training" : "evaluation"}`, row, changed, request };
    }),
  ),
);

const answers = hasTorch ? oracle<Answer[]>("nn/layers.py", CASES.map(({ request }) => request)) : [];

describe.skipIf(!hasTorch)("layers equal PyTorch's (skipped: no Python with torch)", () => {
  test.each(CASES.map((each, index) => ({ ...each, index })))("$title", ({ row, changed, request, index }) => {
    const answer = answers[index]!;
    const { dtype, train, seed } = request;
    const tolerance = dtype === "float64" ? 1e-12 : 1e-5;
    const near = (actual: Tensor, expected: number[], what: string) => expect(worstError(values(actual), expected), what).toBeLessThanOrEqual(tolerance);

    manualSeed(seed);
    const layer = make(row);
    const initial = layer.stateDict();
    expect(Object.keys(initial)).toEqual(Object.keys(answer.state));
    expect(numbersOf(initial)).toEqual(answer.state);

    layer.to(dtype).train(train);
    const isEmbedding = row.Class === Embedding;
    const x = isEmbedding ? tensor(row.input, { dtype: "int64" }) : random(row.input as number[], 7, dtype);
    if (!isEmbedding) x.requiresGrad = true;
    manualSeed(seed);
    const outputs = answer.outputs.map(() => layer.forward(x));
    outputs.forEach((output, pass) => near(output, answer.outputs[pass]!, `output of pass ${pass}`));
    const y = outputs.at(-1)!;
    ops.aten["sum.default"](ops.aten["mul.Tensor"](y, random(y.shape, 8, dtype))).backward();
    if (answer.inputGrad !== null) near(x.grad!, answer.inputGrad, "gradient of the input");
    const parameters = layer.parameters();
    expect(parameters).toHaveLength(answer.grads.length);
    parameters.forEach((each, i) => near(ops.aten["to_dense.default"](each.grad!), answer.grads[i]!, `gradient of parameter ${i}`));
    for (const [key, each] of Object.entries(layer.stateDict())) near(each, answer.after[key]!, `${key} after the passes`);

    // PyTorch's state in our layer, and ours in PyTorch's.
    const other = make(row).to(dtype);
    const shapes = other.stateDict();
    const dict = Object.fromEntries(Object.entries(answer.after).map(([key, data]) => [key, tensor(data, { dtype: "float64", shape: shapes[key]!.shape })]));
    expect(other.loadStateDict(dict)).toEqual({ missingKeys: [], unexpectedKeys: [] });
    near(other.eval().forward(x), answer.evaluated, "output with PyTorch's state");
    near(changed.eval().forward(x), answer.loaded, "PyTorch's output with our state");
  });
});
