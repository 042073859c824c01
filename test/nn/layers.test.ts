import {
  AdaptiveAvgPool2d, AvgPool2d, BatchNorm1d, BatchNorm2d, Conv2d, Embedding, Flatten, GELU, Generator, GroupNorm, Identity, LayerNorm, Linear, manualSeed,
  MaxPool2d, ops, randn, ReLU, Sigmoid, Tanh, tensor, type DType, type Module, type Tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { hasTorch, oracle } from "../reference/oracle.js";
import { values, worstError } from "../optim/support.js";

interface Case {
  name: string;
  layer: string;
  args: unknown[];
  options: Record<string, unknown>;
  input: unknown[];
  dtype: DType;
  train: boolean;
  seed: number;
}

interface Answer {
  keys: string[];
  state: Record<string, number[]>;
  outputs: number[][];
  inputGrad: number[] | null;
  grads: number[][];
  after: Record<string, number[]>;
}

type Kind = { make: () => Module & { forward(x: Tensor): Tensor }; layer: string; args?: unknown[]; options?: Record<string, unknown>; input: unknown[] };

const KINDS: Kind[] = [
  { make: () => new Linear(4, 3), layer: "Linear", args: [4, 3], input: [2, 4] },
  { make: () => new Linear(4, 3, { bias: false }), layer: "Linear", args: [4, 3], options: { bias: false }, input: [2, 5, 4] },
  { make: () => new Conv2d(2, 4, 3), layer: "Conv2d", args: [2, 4, 3], input: [2, 2, 6, 5] },
  { make: () => new Conv2d(4, 6, [3, 2], { stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2, bias: false }), layer: "Conv2d", args: [4, 6, [3, 2]], options: { stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2, bias: false }, input: [2, 4, 7, 6] },
  { make: () => new Conv2d(2, 3, 4, { padding: "same" }), layer: "Conv2d", args: [2, 3, 4], options: { padding: "same" }, input: [1, 2, 6, 6] },
  { make: () => new BatchNorm1d(3), layer: "BatchNorm1d", args: [3], input: [5, 3] },
  { make: () => new BatchNorm1d(3, { momentum: null, eps: 1e-3 }), layer: "BatchNorm1d", args: [3], options: { momentum: null, eps: 1e-3 }, input: [5, 3, 2] },
  { make: () => new BatchNorm2d(3), layer: "BatchNorm2d", args: [3], input: [4, 3, 2, 2] },
  { make: () => new BatchNorm2d(3, { affine: false, trackRunningStats: false }), layer: "BatchNorm2d", args: [3], options: { affine: false, track_running_stats: false }, input: [4, 3, 2, 2] },
  { make: () => new GroupNorm(2, 4), layer: "GroupNorm", args: [2, 4], input: [3, 4, 2, 2] },
  { make: () => new GroupNorm(4, 4, { affine: false, eps: 1e-2 }), layer: "GroupNorm", args: [4, 4], options: { affine: false, eps: 1e-2 }, input: [3, 4, 2] },
  { make: () => new LayerNorm([3, 4]), layer: "LayerNorm", args: [[3, 4]], input: [2, 3, 4] },
  { make: () => new LayerNorm(4, { bias: false }), layer: "LayerNorm", args: [4], options: { bias: false }, input: [2, 4] },
  { make: () => new ReLU(), layer: "ReLU", input: [3, 3] },
  { make: () => new GELU(), layer: "GELU", input: [3, 3] },
  { make: () => new GELU({ approximate: "tanh" }), layer: "GELU", options: { approximate: "tanh" }, input: [3, 3] },
  { make: () => new Tanh(), layer: "Tanh", input: [3, 3] },
  { make: () => new Sigmoid(), layer: "Sigmoid", input: [3, 3] },
  { make: () => new Identity(), layer: "Identity", input: [3] },
  { make: () => new Flatten(), layer: "Flatten", input: [2, 3, 4] },
  { make: () => new Flatten(0, 1), layer: "Flatten", args: [0, 1], input: [2, 3, 4] },
  { make: () => new MaxPool2d(2), layer: "MaxPool2d", args: [2], input: [2, 2, 5, 4] },
  { make: () => new MaxPool2d(3, { stride: 1, padding: 1, ceilMode: true }), layer: "MaxPool2d", args: [3], options: { stride: 1, padding: 1, ceil_mode: true }, input: [2, 2, 5, 4] },
  { make: () => new AvgPool2d([2, 3], { padding: 1, countIncludePad: false }), layer: "AvgPool2d", args: [[2, 3]], options: { padding: 1, count_include_pad: false }, input: [2, 2, 6, 6] },
  { make: () => new AdaptiveAvgPool2d([2, 3]), layer: "AdaptiveAvgPool2d", args: [[2, 3]], input: [2, 2, 5, 7] },
  { make: () => new Embedding(5, 3), layer: "Embedding", args: [5, 3], input: [[0, 4], [2, 2]] },
  { make: () => new Embedding(5, 3, { paddingIdx: 2 }), layer: "Embedding", args: [5, 3], options: { padding_idx: 2 }, input: [0, 2, 4] },
];

const CASES = KINDS.flatMap((kind, index) =>
  (["float64", "float32"] as const).flatMap((dtype) =>
    [true, false].map((train): { kind: Kind; request: Case } => {
      const { layer, args = [], options = {}, input } = kind;
      const name = `${layer}(${JSON.stringify(args).slice(1, -1)}${Object.keys(options).length > 0 ? `, ${JSON.stringify(options)}` : ""}) ${dtype} ${train ? "train" : "eval"}`;
      return { kind, request: { name, layer, args, options, input, dtype, train, seed: index } };
    }),
  ),
);

const answers = hasTorch ? oracle<Answer[]>("nn/layers.py", CASES.map(({ request }) => request)) : [];

describe.skipIf(!hasTorch)("layers equal PyTorch's (skipped: no Python with torch)", () => {
  test.each(CASES.map((each, index) => ({ ...each, name: each.request.name, answer: answers[index]! })))("$name", ({ kind, request, answer }) => {
    manualSeed(request.seed);
    const layer = kind.make();
    const state = layer.stateDict();
    expect(Object.keys(state)).toEqual(answer.keys);
    // The same seed gives the same numbers.
    for (const key of answer.keys) expect(values(state[key]!), key).toEqual(answer.state[key]);
    const { dtype } = request;
    layer.to(dtype).train(request.train);
    const tolerance = dtype === "float64" ? 1e-12 : 1e-5;
    const isEmbedding = request.layer === "Embedding";
    const input = isEmbedding
      ? tensor(request.input as number[], { dtype: "int64" })
      : (ops.aten["to.dtype"](randn(request.input as number[], { generator: new Generator().manualSeed(7) }), dtype) as Tensor);
    if (!isEmbedding) input.requiresGrad = true;
    let output = input;
    for (const expected of answer.outputs) {
      output = layer.forward(input);
      expect(worstError(values(output), expected)).toBeLessThanOrEqual(tolerance);
    }
    const weight = ops.aten["to.dtype"](randn(output.shape, { generator: new Generator().manualSeed(8) }), dtype);
    (ops.aten.sum(ops.aten.mul(output, weight)) as Tensor).backward();
    if (answer.inputGrad !== null) expect(worstError(values(input.grad!), answer.inputGrad)).toBeLessThanOrEqual(tolerance);
    layer.parameters().forEach((parameter, i) => expect(worstError(values(parameter.grad!), answer.grads[i]!)).toBeLessThanOrEqual(tolerance));
    const after = layer.stateDict();
    for (const key of answer.keys) expect(worstError(values(after[key]!), answer.after[key]!), key).toBeLessThanOrEqual(tolerance);
  });
});
