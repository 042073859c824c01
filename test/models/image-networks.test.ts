/** The networks for images against torchvision's: keys, initial numbers, outputs, gradients, statistics, state dicts both ways. */
import {
  Bottleneck, ConvNeXt, Generator, loadWeights, loadWeightsInto, makeModel, manualSeed, noGrad, ops, rand, randn, ResNet, saveWeights, scope, setNumThreads, VisionTransformer, type Backbone,
  type ModelName, type Tensor,
} from "dgsam";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { values, worstError } from "../optim/support.js";
import { hasTorch, oracle } from "../reference/oracle.js";

// As in the script: sums are shared out among threads.
setNumThreads(1);

interface Answer {
  state: Record<string, [dtype: string, shape: number[], digest: string]>;
  evaluated: number[];
  trained: number[];
  grads: Record<string, [norm: number, sum: number]>;
  first: number[];
  after: Record<string, [norm: number, sum: number]>;
}

interface Case {
  name: string;
  make: () => Backbone;
  /** In Python's names. */
  options: Record<string, unknown>;
  input: number[];
  exchange?: boolean;
  /** Whether it differs from another in numbers of layers and channels only, and has very many parameters. */
  large?: boolean;
}

/** DGSAM_ALL_NETWORKS=1 has the large ones computed with as well; otherwise only their keys and shapes are compared. */
const all = process.env["DGSAM_ALL_NETWORKS"] === "1";

const named = (name: ModelName, input: number[], rest: Partial<Case> = {}, options: object = {}): Case => ({
  name, make: () => makeModel(name, { numClasses: 10, ...options }), options: { num_classes: 10 }, input, ...rest,
});
const IMAGE = [2, 3, 64, 64];

const CASES: Case[] = [
  named("resnet18", IMAGE, { exchange: true }),
  named("resnet34", IMAGE),
  named("resnet50", IMAGE, { options: { num_classes: 10, zero_init_residual: true } }, { zeroInitResidual: true }),
  named("resnet101", IMAGE, { large: true }),
  named("resnet152", IMAGE, { large: true }),
  named("wide_resnet50_2", IMAGE, { large: true }),
  named("mobilenet_v3_small", IMAGE, { exchange: true }),
  named("mobilenet_v3_large", IMAGE, { exchange: true }),
  named("efficientnet_b0", IMAGE, { exchange: true }),
  named("efficientnet_lite0", [2, 3, 61, 66], { exchange: true }),
  named("convnext_tiny", IMAGE),
  named("vit_b_16", [2, 3, 32, 32], { options: { num_classes: 10, image_size: 32, attention_dropout: 0.1 } }, { imageSize: 32, attentionDropout: 0.1 }),
  named("wide_resnet16_2", [2, 3, 32, 32], { exchange: true, options: { num_classes: 10, dropout: 0.3 } }, { dropout: 0.3 }),
  named("wide_resnet28_10", [1, 3, 32, 32], { large: true }),
  ...([
    ["TensorFlow's efficientnet_b0", "efficientnet_b0", { padding: "same", eps: 1e-3 }], ["TensorFlow's mobilenet_v3_small", "mobilenet_v3_small", { padding: "same", eps: 1e-3 }],
    ["timm's efficientnet_lite0", "efficientnet_lite0", { padding: "symmetric", eps: 1e-5 }],
  ] as const).map(([name, model, options]): Case => ({ name, make: () => makeModel(model, { numClasses: 10, ...options }), options: { num_classes: 10 }, input: [2, 3, 61, 66] })),
  {
    name: "small bottlenecks", make: () => new ResNet(Bottleneck, [1, 2, 1, 1], { numClasses: 3, groups: 2, widthPerGroup: 32 }), options: { num_classes: 3 }, input: [3, 3, 64, 48],
    exchange: true,
  },
  {
    name: "small convnext", make: () => new ConvNeXt([[8, 2], [16, 1]], { numClasses: 3, layerScale: 0.1, stochasticDepthProb: 0.5 }),
    options: { num_classes: 3, layer_scale: 0.1, stochastic_depth_prob: 0.5 }, input: [4, 3, 20, 24], exchange: true,
  },
  {
    name: "small transformer", make: () => new VisionTransformer({ patchSize: 8, numLayers: 2, numHeads: 2, hiddenDim: 16, mlpDim: 24 }, { imageSize: 16, numClasses: 3 }),
    options: { num_classes: 3, image_size: 16 }, input: [2, 3, 16, 16], exchange: true,
  },
];

/** New networks have layers that do nothing yet, and zeros at their ends. */
function disturb(model: Backbone): void {
  const generator = new Generator().manualSeed(3);
  noGrad(() =>
    scope(() => {
      for (const each of Object.values(model.stateDict()))
        if (each.dtype === "float32" && each.numel <= 20000) ops.aten["add_.Tensor"](each, rand(each.shape, { generator }).mul(0.1));
    }),
  );
}

const figures = (each: Tensor): [number, number] => scope(() => {
  const exact = each.to("float64");
  return [Number(exact.norm().item()), Number(exact.sum().item())];
});

/** Norms to 1e-4, and sums, which may cancel, to that share of the norm. */
function expectFigures(actual: ReadonlyMap<string, Tensor | null>, expected: Record<string, [number, number]>): void {
  expect([...actual.keys()]).toEqual(Object.keys(expected));
  for (const [key, each] of actual) {
    const [norm, sum] = figures(each!);
    const [expectedNorm, expectedSum] = expected[key]!;
    const tolerance = 1e-4 * expectedNorm + 1e-12;
    expect(Math.abs(norm - expectedNorm), `norm of ${key}`).toBeLessThanOrEqual(tolerance);
    expect(Math.abs(sum - expectedSum), `sum of ${key}`).toBeLessThanOrEqual(tolerance * Math.sqrt(each!.numel));
  }
}

describe.skipIf(!hasTorch)("networks equal torchvision's (skipped: no Python with torch)", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "dgsam-networks-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let answers: Answer[] = [];

  beforeAll(() => {
    for (const { name, make, exchange } of CASES) {
      if (exchange !== true) continue;
      manualSeed(1000);
      scope(() => {
        const model = make();
        disturb(model);
        saveWeights(path.join(folder, `${name}.npz`), model.stateDict());
        model.dispose();
      });
    }
    answers = oracle<Answer[]>("models/image_networks.py", { folder, cases: CASES.map(({ name, options, input, exchange = false, large = false }, seed) => ({ name, options, input, seed, exchange, keysOnly: large && !all })) });
  });

  test.each(CASES.map((each, seed) => ({ ...each, seed })).filter(({ large }) => large === true && !all))("$name, keys and shapes (the rest with DGSAM_ALL_NETWORKS=1)", ({ name, seed }) => {
    const state = makeModel(name as ModelName, { numClasses: 10, device: "meta" }).stateDict();
    expect(Object.entries(state).map(([key, each]) => [key, [each.dtype, each.shape]])).toEqual(Object.entries(answers[seed]!.state));
  });

  test.each(CASES.map((each, seed) => ({ ...each, seed })).filter(({ large }) => large !== true || all))("$name", ({ name, make, input, exchange, seed }) => {
    const answer = answers[seed]!;
    scope(() => {
      manualSeed(seed);
      const model = make();
      const state = Object.entries(model.stateDict()).map(([key, each]) => [key, [each.dtype, each.shape, createHash("sha1").update(each.toBytes()).digest("hex")]] as const);
      expect(state.map(([key]) => key)).toEqual(Object.keys(answer.state));
      for (const [key, each] of state) expect(each, key).toEqual(answer.state[key]);
      if (exchange === true) {
        // What Python loaded from us, disturbed and saved.
        const loaded = loadWeights(path.join(folder, `${name}.pth`));
        expect(Object.values(loaded).map(({ dtype }) => dtype)).toEqual(state.map(([, [dtype]]) => dtype));
        loadWeightsInto(model, loaded);
      } else {
        disturb(model);
      }
      const generator = new Generator().manualSeed(7);
      const x = randn(input, { generator });
      model.eval();
      expect(worstError(values(noGrad(() => model.forward(x))), answer.evaluated), "in evaluation").toBeLessThanOrEqual(1e-5);
      model.train();
      manualSeed(seed);
      const trained = model.forward(x);
      expect(worstError(values(trained), answer.trained), "in training").toBeLessThanOrEqual(1e-5);
      trained.mul(randn(trained.shape, { generator })).sum().backward();
      expect(worstError(values(model.parameters()[0]!.grad!), answer.first), "first gradient").toBeLessThanOrEqual(1e-5);
      expectFigures(new Map([...model.namedParameters()].filter(([, each]) => each.numel <= 100000).map(([key, each]) => [key, each.grad])), answer.grads);
      expectFigures(model.namedBuffers(), answer.after);
      model.dispose();
    });
  });
});
