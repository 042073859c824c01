/** What late steps tell base optimizers in place of numbers: a learning rate on the device, and whether to leave the step out. */
import { Adadelta, Adagrad, Adam, Adamax, AdamW, NAdam, ops, RAdam, randn, RMSprop, scope, SGD, tensor, zeros, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import type { Optimizer } from "../../../lib/optim/descent/optimizer.js";
import { expectError, stateBits } from "../support.js";

type AnyBase = new (params: Tensor[], options?: object) => Optimizer<{ lr: number }>;
const BASES = [
  ["SGD", SGD, { momentum: 0.9 }], ["Adam", Adam, {}], ["AdamW", AdamW, {}], ["RMSprop", RMSprop, { momentum: 0.5, centered: true }], ["Adagrad", Adagrad, { lrDecay: 0.1 }],
  ["Adadelta", Adadelta, {}], ["NAdam", NAdam, { weightDecay: 0.1, decoupledWeightDecay: true }], ["RAdam", RAdam, {}], ["Adamax", Adamax, {}],
] as unknown as [string, AnyBase, object][];

describe.each(BASES)("%s", (_, Base, options) => {
  test("comes to the same bits by numbers on the device, and leaves steps out", () => {
    scope(() => {
      const gradients = Array.from({ length: 4 }, () => randn([3, 4]));
      const start = randn([3, 4]);
      const run = (step: (optimizer: Optimizer<{ lr: number }>) => void) => {
        const parameter = start.clone().requiresGrad_();
        const optimizer = new Base([parameter], { ...options, lr: 0.1 });
        return gradients.map((gradient, i) => {
          optimizer.paramGroups[0]!.lr = 0.1 / (1 + i);
          parameter.grad = gradient;
          step(optimizer);
          return stateBits([parameter, optimizer.stateDict()]);
        });
      };
      const goesOn = zeros([]);
      const stops = tensor(1, { dtype: "float32" }).reshape([]);
      const plain = run((optimizer) => optimizer.step());
      expect(run((optimizer) => optimizer.stepUnless(goesOn))).toEqual(plain);
      expect(run((optimizer) => {
        optimizer.stepUnless(goesOn);
        const before = stateBits(optimizer.stateDict());
        optimizer.stepUnless(stops);
        expect(stateBits(optimizer.stateDict())).toEqual(before);
      })).toEqual(plain);
    });
  });
});

test("their operators refuse what is no such number", () => {
  const states = (): [Tensor[], Tensor[], Tensor[], Tensor[]] => [[zeros([2])], [zeros([2])], [zeros([2])], [zeros([])]];
  const step = (rate: Tensor | null, foundInf: Tensor | null) => ops.dgsam["radam_.default"](...states(), 0, 0.9, 0.99, 0, 0, false, false, rate, foundInf);
  expectError(() => step(zeros([]), null), "ERR_SHAPE", /dgsam::radam_: expected a float64 scalar in 'rate', got Float/);
  expectError(() => step(null, zeros([3])), "ERR_SHAPE", /dgsam::radam_: expected a float32 scalar in 'found_inf', got Float of shape \[3\]/);
  expectError(() => ops.dgsam["adam_.late"](...states(), [], zeros([]), 0.9, 0.99, 0, 0, false, false, zeros([])), "ERR_SHAPE", /dgsam::adam_: expected a float64 scalar in 'lr', got Float/);
});
