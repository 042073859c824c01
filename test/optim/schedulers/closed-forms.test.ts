/** The schedules against the formulas that their files name, and cases that PyTorch does not have or gets wrong. */
import { CosineAnnealingWarmRestarts, LinearLR, SequentialLR, SGD, StepLR, WarmupLR, zeros, type Scheduler } from "dgsam";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { roundedCosine } from "../../../lib/optim/schedulers/rounded-cosine.js";
import { createScheduler, type Spec } from "./support.js";

const optimizer = (lr = 1) => new SGD([zeros([1], { requiresGrad: true })], { lr });

/** Learning rates at the epochs from 0 to `steps`. */
function rates(make: (one: SGD) => Scheduler, steps: number): number[] {
  const one = optimizer();
  const scheduler = make(one);
  return [one.paramGroups[0]!.lr, ...Array.from({ length: steps }, () => (scheduler.step(), one.paramGroups[0]!.lr))];
}

const cosine = (share: number) => (1 + Math.cos(Math.PI * share)) / 2;
const FORMS: [Spec, (epoch: number) => number][] = [
  [{ name: "StepLR", options: { stepSize: 7, gamma: 0.5 } }, (t) => 0.5 ** Math.floor(t / 7)],
  [{ name: "MultiStepLR", options: { milestones: [3, 3, 11], gamma: 0.5 } }, (t) => (t < 3 ? 1 : t < 11 ? 0.25 : 0.125)],
  [{ name: "ExponentialLR", options: { gamma: 0.9 } }, (t) => 0.9 ** t],
  [{ name: "ConstantLR", options: { factor: 0.25, totalIters: 9 } }, (t) => (t < 9 ? 0.25 : 1)],
  [{ name: "LinearLR", options: { startFactor: 0.2, endFactor: 0.7, totalIters: 20 } }, (t) => 0.2 + (0.5 * Math.min(t, 20)) / 20],
  [{ name: "PolynomialLR", options: { totalIters: 30, power: 2 } }, (t) => (1 - Math.min(t, 30) / 30) ** 2],
  [{ name: "CosineAnnealingLR", options: { tMax: 16, etaMin: 0.1 } }, (t) => 0.1 + 0.9 * cosine(t / 16)],
  [{ name: "CosineAnnealingWarmRestarts", options: { t0: 8, tMult: 2, etaMin: 0.1 } }, (t) => 0.1 + 0.9 * cosine(t < 8 ? t / 8 : t < 24 ? (t - 8) / 16 : (t - 24) / 32)],
  [{ name: "OneCycleLR", options: { maxLr: 1, totalSteps: 51, pctStart: 11 / 51, divFactor: 10, finalDivFactor: 100, annealStrategy: "linear" } }, (t) => (t <= 10 ? 0.1 + 0.09 * t : 1 - ((1 - 1e-3) * (t - 10)) / 40)],
  [{ name: "LambdaLR", options: { lrLambda: 0.5 } }, (t) => 1 / (1 + 0.5 * t)],
  [{ name: "WarmupLR", options: { startFactor: 0.1, totalIters: 10, after: { name: "ExponentialLR", options: { gamma: 0.9 } } } }, (t) => (t < 10 ? 0.1 + 0.09 * t : 0.9 ** (t - 10))],
];

test.each(FORMS)("%j is its formula", (spec, formula) => {
  rates((one) => createScheduler(one, spec), 50).forEach((lr, t) => expect(lr).toBeCloseTo(formula(t), 12));
});

describe("where PyTorch differs", () => {
  // It ends at -1.1e-17 and the like.
  test("a linear way to 0 does not end below it", () => {
    for (let startFactor = 0.05; startFactor <= 1; startFactor += 0.05)
      for (let totalIters = 1; totalIters <= 40; totalIters++) {
        const last = rates((one) => new LinearLR(one, { startFactor, endFactor: 0, totalIters }), totalIters).at(-1)!;
        expect(last).toBeGreaterThanOrEqual(0);
        expect(last).toBeLessThan(1e-14);
      }
  });

  // int(math.log(243, 3)) is 4: PyTorch is at the minimum here.
  test("step(epoch) finds every restart", () => {
    for (const [tMult, restarts] of [[3, [1, 4, 13, 40, 121, 364]], [5, [1, 6, 31, 156]]] as const) {
      const one = optimizer();
      const scheduler = new CosineAnnealingWarmRestarts(one, { t0: 1, tMult });
      for (const epoch of restarts) {
        scheduler.step(epoch);
        expect([scheduler.lastEpoch, one.paramGroups[0]!.lr]).toEqual([epoch, 1]);
      }
    }
  });

  test("a sequence may stand later in another", () => {
    const inner = (one: SGD) => new SequentialLR(one, { schedulers: [new StepLR(one, { stepSize: 2, gamma: 0.5 }), new StepLR(one, { stepSize: 1, gamma: 0.1 })], milestones: [3] });
    const outer = rates((one) => new SequentialLR(one, { schedulers: [new WarmupLR(one, { startFactor: 0.5, totalIters: 2 }), inner(one)], milestones: [4] }), 10);
    expect(outer.slice(4)).toEqual(rates(inner, 6));
  });

  test("a cycle in a sequence keeps its own bounds beside another", () => {
    const cycle = (maxLr: number): Spec => ({ name: "OneCycleLR", options: { maxLr, totalSteps: 10 } });
    const both = rates((one) => createScheduler(one, { name: "SequentialLR", options: { schedulers: [cycle(0.5), cycle(0.1)], milestones: [10] } }), 19);
    expect(both).toEqual([...rates((one) => createScheduler(one, cycle(0.5)), 9), ...rates((one) => createScheduler(one, cycle(0.1)), 9)]);
  });
});

describe("roundedCosine", () => {
  // Rounded from 80 digits. Math.cos of Node 20 errs in the last bit of all but the last two.
  test.each([
    [2.86841068371242, -0.9629172873477992],
    [0.9286089609459274, 0.5989484881707873],
    [0.23450276916606277, 0.972629997818243],
    [8.704372865728848, -0.7515385540013744],
    [5.667239487254875, 0.816227382783414],
    [1.5707963267948966, 6.123233995736766e-17],
    [0, 1],
  ])("of %s is %s", (x, expected) => expect(roundedCosine(x)).toBe(expected));

  test("is within a last bit of Math.cos, and even", () => {
    fc.assert(
      fc.property(fc.double({ min: -1e6, max: 1e6, noNaN: true }), (x) => {
        const value = Math.cos(x);
        expect(Math.abs(roundedCosine(x) - value)).toBeLessThanOrEqual(2 ** -52 * Math.abs(value));
        expect(roundedCosine(-x)).toBe(roundedCosine(x));
      }),
      { seed: 7, numRuns: 5000 },
    );
  });
});
