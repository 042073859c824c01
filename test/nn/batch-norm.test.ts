import { BatchNorm1d, BatchNorm2d, DGSAM, manualSeed, ops, randn, SGD, zeros, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { closuresIn, MODES } from "../optim/modes.js";
import { bits, expectError, values } from "../optim/support.js";

const makeInput = () => randn([8, 3], { dtype: "float64" });
const make = (options = {}) => new BatchNorm1d(3, { dtype: "float64", ...options });

test("held statistics stay, and the minibatch's are used all the same", () => {
  const norm = make();
  const x = makeInput();
  const expected = norm.forward(x);
  const statistics = bits(norm.buffers());
  norm.setRunningStats("hold");
  expect(bits([norm.forward(x)])).toEqual(bits([expected]));
  expect(bits(norm.buffers())).toEqual(statistics);
  norm.setRunningStats("update");
  norm.forward(x);
  expect(bits(norm.buffers())).not.toEqual(statistics);
  expect(norm.numBatchesTracked!.item()).toBe(2);
});

test("frozen, it normalises by the running statistics in training too and keeps them; scale and shift are trained", () => {
  const norm = make();
  norm.forward(makeInput());
  const statistics = bits(norm.buffers());
  const x = makeInput();
  const evaluated = bits([norm.eval().forward(x)]);
  norm.train();
  expect(norm.freeze()).toBe(norm);
  const output = norm.forward(x);
  expect(bits([output])).toEqual(evaluated);
  expect(bits(norm.buffers())).toEqual(statistics);
  ops.aten["sum.default"](output).backward();
  expect(norm.weight!.grad).not.toBeNull();
  expect(norm.bias!.grad).not.toBeNull();
  expect(norm.unfreeze()).toBe(norm);
  expect(bits([norm.forward(x)])).not.toEqual(evaluated);
  expect(bits(norm.buffers())).not.toEqual(statistics);
});

test("may be made frozen, and then takes a minibatch of one", () => {
  const norm = make({ frozen: true });
  expect(norm.frozen).toBe(true);
  expect(norm.forward(zeros([1, 3], { dtype: "float64" })).toArray()).toEqual([[0, 0, 0]]);
});

test("eps 0 is for running statistics only: in evaluation, and frozen", () => {
  const norm = make({ eps: 0 });
  const x = makeInput();
  expect(bits([norm.eval().forward(x)])).toEqual(bits([x]));
  expect(bits([norm.train().freeze().forward(x)])).toEqual(bits([x]));
});

test("momentum null averages all minibatches alike", () => {
  const norm = make({ momentum: null });
  const means = Array.from({ length: 3 }, () => {
    const x = makeInput();
    norm.forward(x);
    return values(ops.aten["mean.dim"](x, [0]));
  });
  values(norm.runningMean!).forEach((mean, feature) => {
    expect(mean).toBeCloseTo(means.reduce((sum, each) => sum + each[feature]!, 0) / 3, 14);
  });
});

test("resetRunningStats goes back to the start, and has nothing to do without statistics", () => {
  const norm = make();
  const start = bits(norm.buffers());
  norm.forward(makeInput());
  norm.resetRunningStats();
  expect(bits(norm.buffers())).toEqual(start);
  expect(() => make({ trackRunningStats: false }).resetRunningStats()).not.toThrow();
});

test.each(MODES)("a DGSAM step moves the statistics once per domain, as its first pass does, %s", (mode) => {
  manualSeed(0);
  const model = make();
  const inputs = Array.from({ length: 3 }, makeInput);
  const closureOf = closuresIn(mode, (x: Tensor) => model.forward(x).square().sum());
  const [, losses] = (["hold", "update"] as const).map((how) => (model.setRunningStats(how), inputs.map((x) => closureOf(x))));
  model.resetRunningStats();
  new DGSAM(model.parameters(), SGD, { lr: 0.1, model }).step(losses!);
  expect(model.numBatchesTracked!.item()).toBe(3);
  expect(model.runningStats).toBe("update");
});

describe("errors", () => {
  test.each<[title: string, call: () => unknown, code: string, text: RegExp]>([
    ["fewer than no features", () => new BatchNorm1d(-1), "ERR_ARGUMENT", /^BatchNorm1d: numFeatures: expected an integer of at least 0, got the number -1$/],
    ["eps 0 in training", () => new BatchNorm1d(2, { eps: 0 }).forward(zeros([3, 2])), "ERR_ARGUMENT", /^BatchNorm1d: eps must be positive where a minibatch is normalised by its own statistics, got 0/],
    ["eps 0 without statistics", () => new BatchNorm2d(2, { eps: 0, trackRunningStats: false }).eval().forward(zeros([3, 2, 1, 1])), "ERR_ARGUMENT", /^BatchNorm2d: eps must be positive/],
    ["bias of no boolean", () => new BatchNorm2d(1, { bias: null as never }), "ERR_ARGUMENT", /^BatchNorm2d: bias: expected a boolean, got null$/],
    ["no tensor", () => new BatchNorm2d(3).forward(3 as never), "ERR_ARGUMENT", /^BatchNorm2d\.forward\(x\): expected a Tensor, got the number 3$/],
    ["a negative eps", () => new BatchNorm2d(1, { eps: -1 }), "ERR_ARGUMENT", /^BatchNorm2d: eps: expected a number of at least 0, got the number -1$/],
    ["momentum beyond 1", () => new BatchNorm2d(1, { momentum: 2 }), "ERR_ARGUMENT", /^BatchNorm2d: momentum: expected a number from 0 to 1, got the number 2$/],
    ["affine of no boolean", () => new BatchNorm2d(1, { affine: 1 as never }), "ERR_ARGUMENT", /^BatchNorm2d: affine: expected a boolean, got the number 1$/],
    ["an unknown option", () => new BatchNorm2d(1, { track_running_stats: true } as never), "ERR_ARGUMENT", /^BatchNorm2d: unknown option 'track_running_stats'; the options are eps, momentum, affine, bias, trackRunningStats, frozen, dtype, device$/],
    ["frozen without statistics", () => new BatchNorm2d(1, { trackRunningStats: false, frozen: true }), "ERR_STATE", /^BatchNorm2d: there are no running statistics to normalise by when frozen; leave trackRunningStats on$/],
    ["freezing without statistics", () => new BatchNorm1d(1, { trackRunningStats: false }).freeze(), "ERR_STATE", /^BatchNorm1d: there are no running statistics/],
    ["too many dimensions", () => new BatchNorm1d(2).forward(zeros([2, 2, 2, 2])), "ERR_SHAPE", /^BatchNorm1d: expected an input of 2 or 3 dimensions, got shape \[2, 2, 2, 2\]$/],
    ["too few dimensions", () => new BatchNorm2d(2).eval().forward(zeros([2, 2, 2])), "ERR_SHAPE", /^BatchNorm2d: expected an input of 4 dimensions, got shape \[2, 2, 2\]$/],
    ["other features", () => new BatchNorm1d(2).forward(zeros([4, 3])), "ERR_SHAPE", /^BatchNorm1d: expected 2 features in dimension 1, got shape \[4, 3\]$/],
    ["a single value per feature", () => new BatchNorm1d(2).forward(zeros([1, 2])), "ERR_SHAPE", /^BatchNorm1d: expected more than one value per feature in training, got shape \[1, 2\]; use larger minibatches, eval\(\) or freeze\(\)$/],
    ["a single value per feature in evaluation without statistics", () => new BatchNorm2d(2, { trackRunningStats: false }).eval().forward(zeros([1, 2, 1, 1])), "ERR_SHAPE", /^BatchNorm2d: expected more than one value per feature without running statistics, got shape \[1, 2, 1, 1\]; use larger minibatches, trackRunningStats$/],
    ["an input without features", () => new BatchNorm1d(0).forward(zeros([2, 0])), "ERR_ARGUMENT", /^aten::batch_norm/],
    ["another dtype", () => new BatchNorm1d(2).forward(zeros([4, 2], { dtype: "int64" })), "ERR_DTYPE", /aten::batch_norm/],
  ])("%s", (_, call, code, text) => expectError(call, code, text));

  test("a refused minibatch does not move the statistics", () => {
    const norm = new BatchNorm1d(2);
    const before = bits(norm.buffers());
    expect(() => norm.forward(zeros([1, 2]))).toThrow();
    expect(bits(norm.buffers())).toEqual(before);
  });
});
