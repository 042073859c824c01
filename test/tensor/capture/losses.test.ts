/** Losses, metrics and what they are made of: which of them can be captured, with which bits, and what those that cannot be are told. */

import {
  adaptiveMaxPool2d, avgPool2d, batchNorm, binaryCrossEntropyWithLogits, bincount, capture, cosineSimilarity, cov, crossEntropy, dropout, embedding, grad,
  groupNorm, instanceNorm, l1Loss, layerNorm, manualSeed, maskedSelect, maxPool2d, mseLoss, nllLoss, oneHot, ones, ops, pairwiseDistance, quantile, rand, randint, randn,
  rmsNorm, smoothL1Loss, tensor, type DType, type Tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "../../data/errors.js";
import { collectWarnings } from "./warnings.js";

const { aten } = ops;

const CLASSES = 5;
const classesOf = (shape: number[]): Tensor => randint(0, CLASSES, shape, { dtype: "int64" });
/** Logits, classes, and as many probabilities as logits. */
type Loss = (x: Tensor, y: Tensor, p: Tensor) => Tensor;
const image = (x: Tensor): Tensor => x.reshape([1, 2, 4, 5]);
/** Of the dtype of `x`, the same in every call. */
const weightsFor = (x: Tensor): Tensor => tensor([0.5, 1, 2, 0.25, 3]).to(x.dtype);

const LOSSES: readonly [string, Loss][] = [
  ["crossEntropy", (x, y) => crossEntropy(x, y)],
  ["crossEntropy, weighted", (x, y) => crossEntropy(x, y, { weight: weightsFor(x), ignoreIndex: 1 })],
  ["crossEntropy, smoothed", (x, y) => crossEntropy(x, y, { labelSmoothing: 0.1 })],
  ["crossEntropy, weighted and smoothed, summed", (x, y) => crossEntropy(x, y, { weight: weightsFor(x), labelSmoothing: 0.1, reduction: "sum" })],
  ["crossEntropy, weighted and smoothed, of probabilities", (x, _, p) => crossEntropy(x, p.softmax(1), { weight: weightsFor(x), labelSmoothing: 0.1 })],
  ["nllLoss, weighted", (x, y) => nllLoss(x.logSoftmax(1), y, { weight: weightsFor(x) })],
  ["oneHot", (x, y) => x.logSoftmax(1).mul(oneHot(y, CLASSES)).sum().neg()],
  ["oneHot, by an option", (x, y) => x.logSoftmax(1).mul(oneHot(y, { numClasses: 9 }).narrow(1, 0, CLASSES)).sum().neg()],
  ["binaryCrossEntropyWithLogits of oneHot", (x, y) => binaryCrossEntropyWithLogits(x, oneHot(y, CLASSES).to(x.dtype), { posWeight: weightsFor(x) })],
  ["focal loss", (x, y) => {
    const each = crossEntropy(x, y, { reduction: "none" });
    return each.neg().exp().rsub(1).square().mul(each).mean();
  }],
  ["mseLoss", (x, _, p) => mseLoss(x, p)],
  ["l1Loss", (x, _, p) => l1Loss(x, p)],
  ["smoothL1Loss", (x, _, p) => smoothL1Loss(x, p)],
  ["huber_loss", (x, _, p) => aten.huber_loss(x, p)],
  ["kl_div", (x, _, p) => aten.kl_div(x.logSoftmax(1), p.softmax(1))],
  ["soft_margin_loss", (x, _, p) => aten.soft_margin_loss(x, p.sub(0.5).sign())],
  ["multi_margin_loss", (x, y) => aten.multi_margin_loss(x, y)],
  ["multilabel_margin_loss", (x, y) => aten.multilabel_margin_loss(x, y.unsqueeze(1).expand([8, CLASSES]).contiguous())],
  ["cosine_embedding_loss", (x, y, p) => aten.cosine_embedding_loss(x, p, y.sub(2).sign())],
  ["triplet_margin_loss", (x, _, p) => aten.triplet_margin_loss(x, p, p.flip([0]))],
  ["distances", (x, _, p) => cosineSimilarity(x, p).sum().add(pairwiseDistance(x, p).sum())],
  ["embedding", (x, y) => embedding(y, x).square().sum()],
  ["dropout", (x) => dropout(x).square().sum()],
  ["normalisations", (x) => layerNorm(x, CLASSES).add(rmsNorm(x, CLASSES)).add(batchNorm(x, null, null, null, null, true)).square().mul(x).sum()],
  ["normalisations of images", (x) => groupNorm(image(x), 2).add(instanceNorm(image(x))).mul(image(x)).sum()],
  ["poolings", (x) => maxPool2d(image(x), 2).sum().add(avgPool2d(image(x), 2).sum()).add(adaptiveMaxPool2d(image(x), 2).sum())],
  ["interpolations", (x) => aten.upsample_bilinear2d(image(x), [7, 3], false).square().sum().add(aten.upsample_nearest2d(image(x), [8, 10]).square().sum())],
  ["accuracy", (x, y) => x.argmax(1).eq(y).to(x.dtype).mean().add(x.topk(2, 1)[1]!.eq(y.unsqueeze(1)).any(1).to(x.dtype).mean())],
];

describe.each<DType>(["float32", "float64"])("%s", (dtype) => {
  test.each(LOSSES)("%s is captured: values and gradients have the same bits", (_, loss) => {
    manualSeed(1);
    const inputs = Array.from({ length: 4 }, () => [randn([8, CLASSES], { dtype }).requiresGrad_(), classesOf([8]), rand([8, CLASSES], { dtype })] as const);
    const run = (fn: Loss): unknown => {
      manualSeed(2);
      return inputs.map(([x, y, p]) => {
        const value = fn(x, y, p);
        return [value.toBytes(), value.requiresGrad ? grad(value, [x])[0]!.toBytes() : null];
      });
    };
    const captured = capture(loss);
    expect(run(captured)).toEqual(run(loss));
    expect(captured.stats).toMatchObject({ eager: 1, recorded: 1, replayed: 2, refused: [] });
  });
});

describe("oneHot in a captured function", () => {
  const captured = (): ReturnType<typeof capture<[Tensor], Tensor<"int64">>> => capture((y: Tensor) => oneHot(y, 4));

  test.each([[[]], [[0]], [[3]], [[2, 3]]])("of shape %j gives what it gives outside", (shape) => {
    const fn = captured();
    for (let call = 0; call < 4; call++) {
      const y = randint(0, 4, shape, { dtype: "int64" });
      const [actual, expected] = [fn(y), oneHot(y, 4)];
      expect([actual.dtype, actual.shape, actual.toArray()]).toEqual([expected.dtype, expected.shape, expected.toArray()]);
    }
    expect(fn.stats.replayed).toBe(2);
  });

  test.each([-1, 4])("names the class %i, which is none, when it is recorded and replayed; outside LibTorch's words stay", (bad) => {
    const fn = captured();
    const [good, wrong] = [tensor([0n, 3n]), tensor([0n, BigInt(bad)])];
    const words = /^aten::one_hot\.default: Class values must be (non-negative|smaller than num_classes)\.$/;
    expectError(() => oneHot(wrong, 4), "ERR_ARGUMENT", words);
    expectError(() => fn(wrong), "ERR_ARGUMENT", words);
    fn(good);
    const named = new RegExp(`^aten::scatter_\\.value: index ${bad} is out of bounds for dimension 1 with size 4$`);
    expectError(() => fn(wrong), "ERR_ARGUMENT", named);
    fn(good);
    expectError(() => fn(wrong), "ERR_ARGUMENT", named);
    expect(fn(good).toArray()).toEqual([[1, 0, 0, 0], [0, 0, 0, 1]]);
  });
});

describe("what cannot be captured", () => {
  const cases: [string, Loss, string][] = [
    ["oneHot without a number of classes", (x, y) => x.narrow(1, 0, 1).mul(oneHot(y)).sum(), "aten::one_hot.default depends on the values of its tensors (it calls aten::_local_scalar_dense)"],
    ["the mean of weighted and smoothed crossEntropy", (x, y) => crossEntropy(x, y, { weight: weightsFor(x), labelSmoothing: 0.1 }), "aten::cross_entropy_loss.default depends on the values of its tensors (it calls aten::masked_select)"],
    ["max of all elements", (x) => x.max(), "the differentiation MaxBackward1 depends on the values of its tensors (it calls aten::_local_scalar_dense)"],
    ["maskedSelect", (x) => maskedSelect(x, x.gt(0)).sum(), "aten::masked_select.default depends on the values of its tensors"],
    ["quantile", (x) => quantile(x, 0.5), "aten::quantile.scalar depends on the values of its tensors (it calls aten::equal)"],
    ["cov", (x) => cov(x).sum(), "aten::cov.default depends on the values of its tensors (it calls aten::equal)"],
    ["bincount", (x, y) => bincount(y, x.detach().select(1, 0), CLASSES).sum().mul(x.sum()), "aten::bincount.default depends on the values of its tensors"],
  ];
  test.each(cases)("%s: the reason names what was called", async (_, loss, reason) => {
    const captured = capture(loss);
    const warnings = await collectWarnings(() => {
      for (let call = 0; call < 2; call++) captured(randn([8, CLASSES]).requiresGrad_(), classesOf([8]), ones([8, CLASSES]));
    });
    expect(captured.stats.refused).toEqual([reason]);
    expect(warnings.map(({ message }) => message)).toEqual([expect.stringContaining(`runs as it is and is not recorded: ${reason}`)]);
  });

  const ways: [string, Loss, Loss][] = [
    ["weighted and smoothed crossEntropy", (x, y) => crossEntropy(x, y, { weight: weightsFor(x), labelSmoothing: 0.1, reduction: "sum" }).div(weightsFor(x).gather(0, y).sum()),
      (x, y) => crossEntropy(x, y, { weight: weightsFor(x), labelSmoothing: 0.1 })],
    ["max", (x) => x.amax(), (x) => x.max()],
    ["median", (x) => x.flatten().median(0)[0]!, (x) => x.median()],
    ["prod", (x, _, p) => p.log().sum().exp().mul(x.sum()), (x, _, p) => p.prod().mul(x.sum())],
    ["quantile", (x) => {
      const sorted = x.flatten().sort(0)[0]!;
      return sorted.select(0, 9).lerp(sorted.select(0, 10), 0.75);
    }, (x) => quantile(x, 0.25)],
    ["cov", (x) => {
      const centred = x.sub(x.mean([1], true));
      return centred.matmul(centred.t()).div(CLASSES - 1).square().sum();
    }, (x) => cov(x).square().sum()],
    ["bincount", (x, y) => oneHot(y, CLASSES).sum([0]).mul(x).sum(), (x, y) => bincount(y, null, CLASSES).mul(x).sum()],
    ["maskedSelect", (x) => {
      const mask = x.gt(0).to(x.dtype);
      return x.mul(mask).sum().div(mask.sum());
    }, (x) => maskedSelect(x, x.gt(0)).mean()],
  ];
  test.each(ways)("instead of %s there is something that can be, docs/capture.md says", (_, way, loss) => {
    const captured = capture(way);
    for (let call = 0; call < 4; call++) {
      const [x, y, p] = [randn([8, CLASSES], { dtype: "float64" }).requiresGrad_(), classesOf([8]), rand([8, CLASSES], { dtype: "float64" })];
      const [actual, expected] = [captured, loss].map((fn) => {
        const value = fn(x, y, p);
        return aten.cat([value.reshape([1]), grad(value, [x])[0]!.flatten()]).detach();
      });
      expect(aten.allclose(actual!, expected!, 1e-9, 1e-12)).toBe(true);
    }
    expect(captured.stats).toMatchObject({ replayed: 2, refused: [] });
  });
});
