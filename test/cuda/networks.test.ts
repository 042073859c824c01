/** Networks for images on a device: in float64 to the numbers of the CPU, and trained by captured steps as by eager ones. */
import {
  Adam, Bottleneck, capture, ConvNeXt, crossEntropy, DGSAM, ImageClassifier, makeModel, manualSeed, noGrad, ops, randint, randn, ResNet, SAM, scope, SGD, VisionTransformer, type Backbone, type Tensor,
} from "dgsam";
import { expect, test } from "vitest";
import { values, worstError } from "../optim/support.js";
import { describeOnCuda, describeWithNvcc } from "./support.js";

// One of each kind, and of those with many parameters a smaller one.
const KINDS: Record<string, () => Backbone> = {
  ...Object.fromEntries((["resnet18", "mobilenet_v3_small", "efficientnet_b0", "efficientnet_lite0", "wide_resnet16_2"] as const).map((name) => [name, () => makeModel(name, { numClasses: 5 })])),
  bottlenecks: () => new ResNet(Bottleneck, [1, 1, 1, 1], { numClasses: 5 }),
  convnext: () => new ConvNeXt([[8, 2], [16, 1]], { numClasses: 5 }),
  transformer: () => new VisionTransformer({ patchSize: 16, numLayers: 2, numHeads: 2, hiddenDim: 16, mlpDim: 24 }, { imageSize: 64, numClasses: 5 }),
};

describeOnCuda("networks", () => {
  test.each(Object.entries(KINDS))("%s: outputs and gradients of the CPU", (_, make) => {
    scope(() => {
      const run = (device: string) => {
        manualSeed(2);
        const model = make().to({ dtype: "float64" });
        // Some last layers begin with zeros.
        noGrad(() => model.parameters().forEach((each) => each.add_(randn(each.shape, { dtype: "float64" }).mul(0.02))));
        const x = randn([2, 3, 64, 64], { dtype: "float64" }).to(device);
        model.to({ device }).eval();
        const y = model.forward(x) as Tensor;
        y.logsumexp([1]).sum().backward();
        return [y.detach(), ...model.parameters().map((each) => each.grad ?? each.detach().mul(0))].map((each) => each.cpu());
      };
      const [here, there] = [run("cpu"), run("cuda")];
      const largest = (tensors: Tensor[]) => Math.max(...tensors.map((each) => each.abs().max().item() as number));
      expect(there.map(({ shape }) => shape)).toEqual(here.map(({ shape }) => shape));
      expect(largest(here.slice(1))).toBeGreaterThan(0);
      for (const [from, to] of [[0, 1], [1, here.length]]) {
        const errors = here.slice(from, to).map((each, i) => each.sub(there[from! + i]!));
        expect(largest(errors) / largest(here.slice(from, to))).toBeLessThan(1e-7);
      }
    });
  });

  test("a convolution in float32 is TF32's at most", () => {
    const x = randn([2, 16, 32, 32]);
    const w = randn([8, 16, 3, 3]);
    const here = ops.aten.conv2d(x, w) as Tensor;
    const there = ops.aten.conv2d(x.to("cuda"), w.to("cuda")) as Tensor;
    expect(worstError(values(there.cpu()), values(here))).toBeLessThan(2e-3);
  });
});

describeWithNvcc("networks by graphs", () => {
  test.each([
    ["DGSAM over SGD, resnet18, frozen, channels last", DGSAM, SGD, "resnet18", true],
    ["SAM over Adam, efficientnet_lite0", SAM, Adam, "efficientnet_lite0", false],
  ] as const)("steps as graphs come to what eager ones come to: %s", (_, Algorithm, Base, name, frozen) => {
    const run = (captures: boolean) =>
      scope(() => {
        manualSeed(0);
        const model = new ImageClassifier(makeModel(name), { numClasses: 3, frozen }).to({ device: "cuda", dtype: "float64", ...(frozen ? { memoryFormat: "channels_last" } : {}) });
        const optimizer = new Algorithm(model.parameters(), Base as never, { lr: 1e-3, rho: 0.05, model, ...(Algorithm === DGSAM ? { seed: 1 } : {}) } as never);
        const loss = (x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y);
        const captured = capture(loss);
        const losses = Array.from({ length: 8 }, () => {
          const domains = [0, 1, 2].map(() => ({ x: randn([4, 3, 64, 64], { device: "cuda", dtype: "float64" }), y: randint(3, [4], { device: "cuda" }) }));
          return [...optimizer.step(domains.map(({ x, y }) => (captures ? captured.on(x, y) : () => loss(x, y)))).losses];
        });
        const { graphs } = optimizer;
        captured.dispose();
        model.dispose();
        return { losses: losses.flat(), graphs };
      });
    const [eager, graphs] = [run(false), run(true)];
    expect(graphs.graphs).toMatchObject({ captured: 1, refused: [], failures: [] });
    expect(graphs.graphs.replayed).toBeGreaterThan(2);
    // Sums on a device have no order of their own.
    expect(worstError(graphs.losses, eager.losses)).toBeLessThan(1e-6);
  });
});
