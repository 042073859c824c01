import { Conv2d, empty, Generator, init, isGradEnabled, Linear, manualSeed, MnistCnn, ones, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError, values } from "../optim/support.js";
import { hasTorch } from "../reference/oracle.js";
import { evaluateInPython } from "./evaluate.js";

const w = () => empty([4, 3, 2, 5]);

/** Each draws from the default generator, seeded alike on both sides. */
const ROWS: { python: string; ours: () => Tensor }[] = [
  { python: "nn.init.uniform_(torch.empty(40), -2, 3)", ours: () => init.uniform_(empty([40]), -2, 3) },
  { python: "nn.init.uniform_(torch.empty(7))", ours: () => init.uniform_(empty([7])) },
  { python: "nn.init.normal_(torch.empty(40), 1, 2)", ours: () => init.normal_(empty([40]), 1, 2) },
  { python: "nn.init.normal_(torch.empty(7, dtype=torch.float64))", ours: () => init.normal_(empty([7], { dtype: "float64" })) },
  { python: "nn.init.constant_(torch.empty(3), 0.1)", ours: () => init.constant_(empty([3]), 0.1) },
  { python: "nn.init.zeros_(torch.empty(3))", ours: () => init.zeros_(empty([3])) },
  { python: "nn.init.ones_(torch.empty(3))", ours: () => init.ones_(empty([3])) },
  { python: "nn.init.kaiming_uniform_(torch.empty(4, 3, 2, 5))", ours: () => init.kaimingUniform_(w()) },
  {
    python: "nn.init.kaiming_uniform_(torch.empty(4, 3, 2, 5), a=0.3, mode='fan_out')",
    ours: () => init.kaimingUniform_(w(), { a: 0.3, mode: "fan_out" }),
  },
  {
    python: "nn.init.kaiming_normal_(torch.empty(4, 3, 2, 5), mode='fan_out', nonlinearity='relu')",
    ours: () => init.kaimingNormal_(w(), { mode: "fan_out", nonlinearity: "relu" }),
  },
  { python: "nn.init.kaiming_normal_(torch.empty(4, 3), nonlinearity='tanh')", ours: () => init.kaimingNormal_(empty([4, 3]), { nonlinearity: "tanh" }) },
  { python: "nn.init.xavier_uniform_(torch.empty(4, 3, 2, 5))", ours: () => init.xavierUniform_(w()) },
  { python: "nn.init.xavier_uniform_(torch.empty(4, 3), gain=1.5)", ours: () => init.xavierUniform_(empty([4, 3]), { gain: 1.5 }) },
  { python: "nn.init.xavier_normal_(torch.empty(4, 3, 2, 5), gain=0.5)", ours: () => init.xavierNormal_(w(), { gain: 0.5 }) },
  { python: "nn.init.trunc_normal_(torch.empty(40))", ours: () => init.truncNormal_(empty([40])) },
  { python: "nn.init.trunc_normal_(torch.empty(40), 0.3, 2, -0.7, 1.1)", ours: () => init.truncNormal_(empty([40]), 0.3, 2, { low: -0.7, high: 1.1 }) },
  {
    python: "nn.init.trunc_normal_(torch.empty(40, dtype=torch.float64), std=0.02)",
    ours: () => init.truncNormal_(empty([40], { dtype: "float64" }), 0, 0.02),
  },
  ...(["linear", "conv1d", "conv2d", "conv3d", "sigmoid", "tanh", "relu", "selu"] as const).map((name) => ({
    python: `nn.init.kaiming_uniform_(torch.empty(4, 3), nonlinearity='${name}')`,
    ours: () => init.kaimingUniform_(empty([4, 3]), { nonlinearity: name }),
  })),
  { python: "nn.Linear(5, 3, dtype=torch.float64).bias", ours: () => new Linear(5, 3, { dtype: "float64" }).bias! },
  { python: "nn.Conv2d(4, 6, (3, 2), groups=2, dtype=torch.float64).bias", ours: () => new Conv2d(4, 6, [3, 2], { groups: 2, dtype: "float64" }).bias! },
];

const answers = hasTorch ? evaluateInPython(ROWS.map(({ python }, seed) => ({ expression: python, seed }))) : [];

describe.skipIf(!hasTorch)("the same seed gives PyTorch's numbers, bit for bit (skipped: no Python with torch)", () => {
  test.each(ROWS.map((row, seed) => ({ ...row, seed })))("$python", ({ ours, seed }) => {
    manualSeed(seed);
    expect(values(ours())).toEqual(answers[seed]!.values);
  });
});

test("they return their tensor, record nothing and leave gradients on", () => {
  const parameter = ones([2, 2], { requiresGrad: true });
  for (const fill of [init.uniform_, init.normal_, init.zeros_, init.ones_, init.kaimingUniform_, init.kaimingNormal_, init.xavierUniform_, init.xavierNormal_, init.truncNormal_])
    expect(fill(parameter)).toBe(parameter);
  expect(init.constant_(parameter, 3)).toBe(parameter);
  expect(parameter.isLeaf).toBe(true);
  expect(isGradEnabled()).toBe(true);
});

test("a generator is drawn from instead of the default one", () => {
  const draw = () => values(init.kaimingUniform_(w(), { generator: new Generator().manualSeed(5) }));
  manualSeed(1);
  const first = draw();
  manualSeed(2);
  expect(draw()).toEqual(first);
  expect(values(init.kaimingUniform_(w(), { generator: new Generator().manualSeed(6) }))).not.toEqual(first);
});

test("fans count the receptive field", () => {
  expect(init.calculateFanInAndFanOut(w())).toEqual([30, 40]);
  expect(init.calculateFanInAndFanOut(empty([4, 3]))).toEqual([3, 4]);
});

test("one seed makes one network", () => {
  const make = (seed: number) => {
    manualSeed(seed);
    return new MnistCnn({ width: 8 }).parameters().map(values);
  };
  expect(make(3)).toEqual(make(3));
  expect(make(3)).not.toEqual(make(4));
});

describe("errors", () => {
  test.each<[title: string, call: () => unknown, code: string, text: RegExp]>([
    ["fans of a vector", () => init.kaimingUniform_(empty([4])), "ERR_SHAPE", /^calculateFanInAndFanOut: expected a tensor of at least two dimensions, got shape \[4\]$/],
    ["an unknown mode", () => init.kaimingUniform_(w(), { mode: "fanIn" as never }), "ERR_ARGUMENT", /^kaimingUniform_: mode: expected "fan_in" or "fan_out", got the string "fanIn"$/],
    ["an unknown nonlinearity", () => init.kaimingNormal_(w(), { nonlinearity: "gelu" as never }), "ERR_ARGUMENT", /^calculateGain\(nonlinearity\): expected one of linear, .*, got the string "gelu"$/],
    ["a truncated normal without a spread", () => init.truncNormal_(w(), 0, 0), "ERR_ARGUMENT", /^truncNormal_: std: expected a/],
    ["a truncated normal whose ends are turned round", () => init.truncNormal_(w(), 0, 1, { low: 2, high: -2 }), "ERR_ARGUMENT", /^truncNormal_: high: expected a number of at least 2, got the number -2$/],
    ["a truncated normal far from its mean", () => init.truncNormal_(w(), 9), "ERR_ARGUMENT", /^truncNormal_: expected low and high between which more than 30% of the draws fall, got \[-2, 2\] for mean 9 and std 1$/],
    ["an upper bound below the lower", () => init.uniform_(w(), 1, 0), "ERR_ARGUMENT", /aten::uniform_/],
    ["a negative deviation", () => init.normal_(w(), 0, -1), "ERR_ARGUMENT", /aten::normal_/],
  ])("%s", (_, call, code, text) => expectError(call, code, text));
});
