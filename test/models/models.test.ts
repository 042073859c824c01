import { Generator, manualSeed, memoryStats, MLP, MnistCnn, ones, ops, randn, scope, type Layer } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError, values, worstError } from "../optim/support.js";
import { hasTorch, oracle } from "../reference/oracle.js";

interface Row {
  make: () => Layer;
  model: string;
  options: Record<string, unknown>;
  input: number[];
}

interface Answer {
  state: Record<string, number[]>;
  output: number[];
  grads: number[][];
}

const ROWS: Row[] = [
  { make: () => new MnistCnn(), model: "MnistCnn", options: { channels: 1, classes: 10, width: 64 }, input: [2, 1, 28, 28] },
  { make: () => new MnistCnn({ inChannels: 2, numClasses: 2, width: 16 }), model: "MnistCnn", options: { channels: 2, classes: 2, width: 16 }, input: [3, 2, 14, 14] },
  { make: () => new MLP([5, 4, 3, 2]), model: "MLP", options: { sizes: [5, 4, 3, 2], activation: "ReLU" }, input: [6, 5] },
  { make: () => new MLP({ inputSize: 5, numClasses: 2 }), model: "MLP", options: { sizes: [5, 2], activation: "ReLU" }, input: [6, 5] },
  ...([["relu", "ReLU"], ["gelu", "GELU"], ["tanh", "Tanh"], ["sigmoid", "Sigmoid"]] as const).map(([activation, python]) => ({
    make: () => new MLP({ inputSize: 5, hiddenSizes: [4], numClasses: 3, activation }),
    model: "MLP",
    options: { sizes: [5, 4, 3], activation: python },
    input: [6, 5],
  })),
];

const CASES = ROWS.flatMap(({ make, ...request }, seed) =>
  (["float64", "float32"] as const).map((dtype) => ({ title: `${request.model}(${JSON.stringify(request.options)}) in ${dtype}`, make, request: { ...request, dtype, seed } })),
);
const answers = hasTorch ? oracle<Answer[]>("models/models.py", CASES.map(({ request }) => request)) : [];

describe.skipIf(!hasTorch)("models equal PyTorch's: initial numbers, keys, outputs, gradients (skipped: no Python with torch)", () => {
  test.each(CASES.map((each, index) => ({ ...each, index })))("$title", ({ make, request, index }) => {
    const { dtype, seed, input } = request;
    const answer = answers[index]!;
    manualSeed(seed);
    const model = make();
    const state = Object.entries(model.stateDict());
    expect(state.map(([key]) => key)).toEqual(Object.keys(answer.state));
    for (const [key, each] of state) expect(values(each), key).toEqual(answer.state[key]);
    const tolerance = dtype === "float64" ? 1e-12 : 1e-5;
    const output = model.to(dtype).forward(ops.aten["to.dtype"](randn(input, { generator: new Generator().manualSeed(7) }), dtype));
    expect(worstError(values(output), answer.output)).toBeLessThanOrEqual(tolerance);
    ops.aten["sum.default"](ops.aten["square.default"](output)).backward();
    model.parameters().forEach((each, i) => expect(worstError(values(each.grad!), answer.grads[i]!), `gradient ${i}`).toBeLessThanOrEqual(tolerance));
  });
});

test("MnistCnn's keys are DomainBed's, in its order", () => {
  const names = ["conv1", "conv2", "conv3", "conv4", "bn0", "bn1", "bn2", "bn3", "classifier"];
  expect(Object.keys(new MnistCnn({ width: 8 }).stateDict())).toEqual(names.flatMap((name) => [`${name}.weight`, `${name}.bias`]));
});

test("MnistCnn's features are what its classifier sees", () => {
  const model = new MnistCnn({ inChannels: 2, numClasses: 3, width: 8 });
  const x = randn([2, 2, 14, 14]);
  const features = model.features(x);
  expect(features.shape).toEqual([2, 16]);
  expect(model.classifier.forward(features).toArray()).toEqual(model.forward(x).toArray());
});

test("sizes alone are the options by name", () => {
  manualSeed(0);
  const alone = new MLP([4, 3, 2]).parameters().map(values);
  manualSeed(0);
  expect(new MLP({ inputSize: 4, hiddenSizes: [3], numClasses: 2, activation: "relu" }).parameters().map(values)).toEqual(alone);
});

test("dtype is where the numbers are drawn in", () => {
  const model = new MnistCnn({ width: 8, dtype: "float64" });
  expect(model.parameters().every((each) => each.dtype === "float64")).toBe(true);
  expect(new MLP({ inputSize: 1, numClasses: 1, dtype: "float64" }).layers[0]!.weight.dtype).toBe("float64");
});

test.each([() => new MLP([4, 3, 2]), () => new MnistCnn({ width: 8 })])("making, running and freeing leaves no handles", (make) => {
  const { handles } = memoryStats();
  scope(() => {
    const model = make();
    const x = model instanceof MLP ? ones([2, 4]) : ones([2, 1, 8, 8]);
    ops.aten["sum.default"](model.forward(x)).backward();
    model.dispose();
  });
  expect(memoryStats().handles).toBe(handles);
});

describe("errors", () => {
  test.each<[title: string, call: () => unknown, text: RegExp]>([
    ["one size", () => new MLP([3]), /^MLP: sizes: expected at least two sizes, of input and output, got an array of length 1$/],
    ["no size", () => new MLP([3, 0, 2]), /^MLP: hiddenSizes\[0\]: expected an integer of at least 1, got the number 0$/],
    ["no input size", () => new MLP({ numClasses: 2 } as never), /^MLP: inputSize: expected an integer of at least 1, got undefined$/],
    ["an unknown activation", () => new MLP({ inputSize: 1, numClasses: 1, activation: "swish" as never }), /^MLP: activation: expected "relu" or "gelu" or "tanh" or "sigmoid", got the string "swish"$/],
    ["an unknown option", () => new MLP({ inputSize: 1, numClasses: 1, hidden: [2] } as never), /^MLP: unknown option 'hidden'; the options are inputSize, hiddenSizes, numClasses, activation, dtype, device$/],
    ["hidden sizes that are no list", () => new MLP({ inputSize: 1, numClasses: 1, hiddenSizes: 4 as never }), /^MLP: hiddenSizes: expected an array of integers, got the number 4$/],
    ["a width that 8 does not divide", () => new MnistCnn({ width: 12 }), /^MnistCnn: width: expected a multiple of 8, got the number 12$/],
    ["no classes", () => new MnistCnn({ numClasses: 0 }), /^MnistCnn: numClasses: expected an integer of at least 1, got the number 0$/],
    ["an unknown option", () => new MnistCnn({ channels: 2 } as never), /^MnistCnn: unknown option 'channels'; the options are inChannels, numClasses, width, dtype, device$/],
  ])("%s", (_, call, text) => expectError(call, "ERR_ARGUMENT", text));
});
