import { binaryCrossEntropyWithLogits, crossEntropy, l1Loss, mseLoss, nllLoss, ops, tensor, type Tensor } from "dgsam";
import { expect, test } from "vitest";
import { expectError } from "../optim/support.js";

const logits = [[1, 2, 0.5], [0.2, -1, 3]];
const logSoftmax = logits.map((row) => {
  const total = Math.log(row.reduce((sum, each) => sum + Math.exp(each), 0));
  return row.map((each) => each - total);
});
const x = () => tensor(logits, { dtype: "float64" });
const labels = () => tensor([2n, 0n]);
const value = (loss: Tensor) => loss.item() as number;

test("cross entropy: mean, sum, none, weights, smoothing, ignored labels, probabilities", () => {
  const each = [-logSoftmax[0]![2]!, -logSoftmax[1]![0]!];
  expect(value(crossEntropy(x(), labels()))).toBeCloseTo((each[0]! + each[1]!) / 2, 12);
  expect(value(crossEntropy(x(), labels(), { reduction: "sum" }))).toBeCloseTo(each[0]! + each[1]!, 12);
  expect(crossEntropy(x(), labels(), { reduction: "none" }).toArray()).toEqual([expect.closeTo(each[0]!, 12), expect.closeTo(each[1]!, 12)]);
  const weight = tensor([0.5, 1, 2], { dtype: "float64" });
  expect(value(crossEntropy(x(), labels(), { weight }))).toBeCloseTo((2 * each[0]! + 0.5 * each[1]!) / 2.5, 12);
  expect(value(crossEntropy(x(), labels(), { ignoreIndex: 0 }))).toBeCloseTo(each[0]!, 12);
  const smooth = each.map((loss, i) => 0.9 * loss - (0.1 / 3) * logSoftmax[i]!.reduce((sum, log) => sum + log, 0));
  expect(value(crossEntropy(x(), labels(), { labelSmoothing: 0.1 }))).toBeCloseTo((smooth[0]! + smooth[1]!) / 2, 12);
  const probabilities = tensor([[0, 0.25, 0.75], [1, 0, 0]], { dtype: "float64" });
  expect(value(crossEntropy(x(), probabilities))).toBeCloseTo((-0.25 * logSoftmax[0]![1]! - 0.75 * logSoftmax[0]![2]! + each[1]!) / 2, 12);
});

test("nll of log-probabilities is the cross entropy of logits", () => {
  const logProbabilities = ops.aten.log_softmax(x(), 1) as Tensor;
  expect(value(nllLoss(logProbabilities, labels()))).toBeCloseTo(value(crossEntropy(x(), labels())), 12);
});

test("squared, absolute and binary losses", () => {
  const a = tensor([1, 2], { dtype: "float64" });
  const b = tensor([0, 4], { dtype: "float64" });
  expect(value(mseLoss(a, b))).toBe(2.5);
  expect(value(mseLoss(a, b, { reduction: "sum" }))).toBe(5);
  expect(value(l1Loss(a, b))).toBe(1.5);
  const target = tensor([1, 0], { dtype: "float64" });
  const loss = [Math.log(1 + Math.exp(-1)), Math.log(1 + Math.exp(2))];
  expect(value(binaryCrossEntropyWithLogits(a, target))).toBeCloseTo((loss[0]! + loss[1]!) / 2, 12);
  expect(value(binaryCrossEntropyWithLogits(a, target, { posWeight: tensor([3], { dtype: "float64" }), reduction: "sum" }))).toBeCloseTo(3 * loss[0]! + loss[1]!, 12);
});

test("errors", () => {
  expectError(() => crossEntropy(x(), labels(), { reduction: "average" as never }), "ERR_ARGUMENT", /reduction: expected "mean", "sum" or "none"/);
  expectError(() => mseLoss(tensor([1, 2]), tensor([1, 2, 3])), "ERR_SHAPE", /aten::mse_loss/);
});
