/** The networks for images in captured functions and steps. */
import {
  Adam, Bottleneck, capture, ConvNeXt, crossEntropy, DGSAM, ImageClassifier, makeModel, manualSeed, randint, randn, ResNet, SAM, scope, VisionTransformer, type Backbone,
  type ModelName, type Tensor,
} from "dgsam";
import { createHash } from "node:crypto";
import { expect, test } from "vitest";

/** A digest of the bits of each. */
const digests = (tensors: Iterable<Tensor>) => [...tensors].map((each) => createHash("sha1").update(each.toBytes()).digest("hex"));

// One of each kind, and of those with many parameters a smaller one.
const KINDS: Record<string, () => Backbone> = {
  resnet18: () => makeModel("resnet18", { numClasses: 3 }),
  "bottlenecks": () => new ResNet(Bottleneck, [1, 1, 1, 1], { numClasses: 3 }),
  mobilenet_v3_small: () => makeModel("mobilenet_v3_small", { numClasses: 3 }),
  efficientnet_b0: () => makeModel("efficientnet_b0", { numClasses: 3 }),
  efficientnet_lite0: () => makeModel("efficientnet_lite0", { numClasses: 3 }),
  convnext: () => new ConvNeXt([[8, 2], [16, 1]], { numClasses: 3, stochasticDepthProb: 0.5 }),
  transformer: () => new VisionTransformer({ patchSize: 16, numLayers: 2, numHeads: 2, hiddenDim: 16, mlpDim: 24 }, { imageSize: 32, numClasses: 3, dropout: 0.2, attentionDropout: 0.2 }),
  wide_resnet16_2: () => makeModel("wide_resnet16_2", { numClasses: 3 }),
};

test.each(Object.entries(KINDS))("%s is recorded in training and in evaluation, and replayed with the same bits", (_, make) => {
  scope(() => {
    manualSeed(0);
    const model = make();
    const x = randn([2, 3, 32, 32]);
    const y = randint(3, [2]);
    const loss = (each: Tensor) => crossEntropy(model.forward(each), y);
    const captured = capture(loss);
    for (const mode of [true, false]) {
      model.train(mode);
      for (let call = 0; call < 3; call++) captured(x).backward();
      expect(captured.stats.refused).toEqual([]);
      const buffers = model.buffers().map((each) => each.clone());
      const run = (fn: typeof loss) => {
        model.buffers().forEach((each, i) => each.copy_(buffers[i]!));
        model.zeroGrad();
        manualSeed(1);
        const result = fn(x);
        result.backward();
        return digests([result, ...model.buffers(), ...model.parameters().map((each) => each.grad!)]);
      };
      const { replayed } = captured.stats;
      const result = run(captured);
      expect(captured.stats.replayed).toBe(replayed + 1);
      expect(result).toEqual(run(loss));
    }
    captured.dispose();
    model.dispose();
  });
});

test.each<[title: string, Algorithm: typeof SAM | typeof DGSAM, name: ModelName, frozen: boolean]>([
  ["DGSAM over resnet18, frozen", DGSAM, "resnet18", true],
  ["SAM over efficientnet_lite0, not frozen", SAM, "efficientnet_lite0", false],
])("captured steps of an ImageClassifier come to the bits of eager ones: %s", (_, Algorithm, name, frozen) => {
  const run = (captures: boolean) =>
    scope(() => {
      manualSeed(0);
      const model = new ImageClassifier(makeModel(name), { numClasses: 3, dropout: 0.1, frozen });
      const optimizer = new Algorithm(model.parameters(), Adam, { lr: 1e-3, rho: 0.05, model });
      const loss = (x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y);
      const captured = capture(loss);
      const domains = [0, 1].map(() => ({ x: randn([2, 3, 33, 32]), y: randint(3, [2]) }));
      for (let step = 0; step < 3; step++) optimizer.step(domains.map(({ x, y }) => (captures ? captured.on(x, y) : () => loss(x, y))));
      if (captures) expect(captured.stats.refused).toEqual([]);
      if (captures) expect(captured.stats.replayed).toBeGreaterThan(0);
      const result = digests([...model.parameters(), ...model.buffers()]);
      captured.dispose();
      model.dispose();
      return result;
    });
  expect(run(true)).toEqual(run(false));
});
