/** What schedulers refuse: what PyTorch refuses, and what would change nothing, or everything, in silence. */
import { LambdaLR, LinearLR, OneCycleLR, ReduceLROnPlateau, SAM, SequentialLR, SGD, StepLR, WarmupLR, zeros } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "../support.js";
import { createScheduler, type Spec } from "./support.js";

const optimizer = () => new SGD([zeros([1], { requiresGrad: true }), zeros([1], { requiresGrad: true })].map((each) => ({ params: [each] })), { lr: 1 });

const OPTIONS: [Spec["name"], Record<string, unknown>, RegExp][] = [
  ["StepLR", {}, /StepLR: stepSize: expected an integer of at least 1, got undefined/],
  ["StepLR", { stepSize: 0 }, /stepSize: expected an integer of at least 1, got the number 0/],
  ["StepLR", { stepSize: 3, gama: 0.1 }, /StepLR: unknown option 'gama'; the options are stepSize, gamma, target, lastEpoch/],
  ["StepLR", { stepSize: 3, gamma: -0.1 }, /gamma: expected a finite number of at least 0/],
  ["StepLR", { stepSize: 3, target: "momentum" }, /StepLR: target: expected "lr" or "rho", got the string "momentum"/],
  ["StepLR", { stepSize: 3, lastEpoch: -2 }, /StepLR: lastEpoch: expected an integer of at least -1/],
  ["StepLR", { stepSize: 3, lastEpoch: 4 }, /lastEpoch: group 0 has no initialLr; load the optimizer's state dict first/],
  ["StepLR", { stepSize: 3, target: "rho" }, /StepLR: target "rho": the optimizer has no radius; pass SAM, DGSAM/],
  ["MultiStepLR", {}, /milestones: expected an array of epochs, got undefined/],
  ["MultiStepLR", { milestones: [3, 4.5] }, /milestones\[1\]: expected an integer of at least 0, got the number 4.5/],
  ["ExponentialLR", {}, /gamma: expected a finite number/],
  ["ConstantLR", { factor: 1.5 }, /factor: expected a number above 0, at most 1, got the number 1.5/],
  ["ConstantLR", { factor: 0 }, /factor: expected a number above 0/],
  ["LinearLR", { startFactor: 0 }, /startFactor: expected a number above 0/],
  ["LinearLR", { endFactor: 1.1 }, /endFactor: expected a number from 0 to 1/],
  ["LinearLR", { totalIters: -1 }, /totalIters: expected an integer of at least 0/],
  ["PolynomialLR", { power: -1 }, /power: expected a finite number of at least 0/],
  ["CosineAnnealingLR", { tMax: 0 }, /tMax: expected an integer of at least 1/],
  ["CosineAnnealingLR", { tMax: 5, etaMin: NaN }, /etaMin: expected/],
  ["CosineAnnealingWarmRestarts", { t0: 0 }, /t0: expected an integer of at least 1/],
  ["CosineAnnealingWarmRestarts", { t0: 5, tMult: 1.5 }, /tMult: expected an integer of at least 1/],
  ["OneCycleLR", { totalSteps: 10 }, /maxLr: expected a finite number/],
  ["OneCycleLR", { maxLr: [1], totalSteps: 10 }, /maxLr: expected one value, or one for each of the 2 parameter groups, got 1 values/],
  ["OneCycleLR", { maxLr: 1 }, /expected totalSteps, or both epochs and stepsPerEpoch/],
  ["OneCycleLR", { maxLr: 1, epochs: 5 }, /expected totalSteps, or both epochs and stepsPerEpoch/],
  ["OneCycleLR", { maxLr: 1, epochs: 5, stepsPerEpoch: 0 }, /stepsPerEpoch: expected an integer of at least 1/],
  ["OneCycleLR", { maxLr: 1, totalSteps: 0 }, /totalSteps: expected an integer of at least 1/],
  ["OneCycleLR", { maxLr: 1, totalSteps: 10, pctStart: 1.1 }, /pctStart: expected a number from 0 to 1/],
  ["OneCycleLR", { maxLr: 1, totalSteps: 10, pctStart: 0.1 }, /pctStart: 0.1 of 10 steps leaves no step for a phase/],
  ["OneCycleLR", { maxLr: 1, totalSteps: 10, annealStrategy: "exp" }, /annealStrategy: expected "cos" or "linear"/],
  ["OneCycleLR", { maxLr: 1, totalSteps: 10, divFactor: 0 }, /divFactor: expected a number above 0/],
  ["OneCycleLR", { maxLr: 1, totalSteps: 10, maxMomentum: 1 }, /maxMomentum: expected a number from 0 to below 1/],
  ["ReduceLROnPlateau", { factor: 1 }, /factor: expected a number from 0 to below 1/],
  ["ReduceLROnPlateau", { mode: "low" }, /mode: expected "min" or "max"/],
  ["ReduceLROnPlateau", { thresholdMode: "ratio" }, /thresholdMode: expected "rel" or "abs"/],
  ["ReduceLROnPlateau", { minLr: [0, 0, 0] }, /minLr: expected one value, or one for each of the 2 parameter groups, got 3/],
  ["ReduceLROnPlateau", { lastEpoch: 3 }, /unknown option 'lastEpoch'/],
  ["WarmupLR", { totalIters: 0 }, /WarmupLR: totalIters: expected an integer of at least 1/],
  ["WarmupLR", { endFactor: 1 }, /WarmupLR: unknown option 'endFactor'/],
];

test.each(OPTIONS)("%s with %j", (name, options, text) => expectError(() => createScheduler(optimizer(), { name, options }), "ERR_ARGUMENT", text));

test("an optimizer is needed, and options where there are no defaults", () => {
  expectError(() => new StepLR([] as never, { stepSize: 1 }), "ERR_ARGUMENT", /new StepLR\(optimizer\): expected an optimizer such as SGD or DGSAM, got an array/);
  expectError(() => new StepLR(undefined as never, { stepSize: 1 }), "ERR_ARGUMENT", /got undefined/);
  expectError(() => new (StepLR as never as new (one: SGD) => StepLR)(optimizer()), "ERR_ARGUMENT", /StepLR: options: expected an object with any of stepSize, gamma/);
});

test("lambdas are functions to numbers, one or one per group; an error in one leaves the epoch as it was", () => {
  expectError(() => new LambdaLR(optimizer(), { lrLambda: 0.5 as never }), "ERR_ARGUMENT", /lrLambda: expected a function/);
  expectError(() => new LambdaLR(optimizer(), { lrLambda: [() => 1] }), "ERR_ARGUMENT", /lrLambda: expected one value, or one for each of the 2 parameter groups, got 1/);
  const scheduler = new LambdaLR(optimizer(), { lrLambda: (epoch) => (epoch === 1 ? ("high" as never) : 1) });
  expectError(() => scheduler.step(), "ERR_ARGUMENT", /lrLambda\(1\): expected a number, got the string "high"/);
  expect(scheduler.lastEpoch).toBe(0);
});

test("a plateau needs a metric, restarts an epoch that is none below 0", () => {
  const plateau = new ReduceLROnPlateau(optimizer());
  expectError(() => plateau.step(undefined as never), "ERR_ARGUMENT", /ReduceLROnPlateau.step\(metric\): expected a number, say loss.item\(\), got undefined/);
  expectError(() => plateau.step(zeros([]) as never), "ERR_ARGUMENT", /got a Tensor/);
  expect(plateau.lastEpoch).toBe(0);
  const restarts = createScheduler(optimizer(), { name: "CosineAnnealingWarmRestarts", options: { t0: 4 } });
  for (const epoch of [-1, NaN, Infinity]) expectError(() => restarts.step(epoch), "ERR_ARGUMENT", /step\(epoch\): expected a finite number of at least 0/);
});

test("OneCycleLR has no step after totalSteps, and stays where it is", () => {
  const one = optimizer();
  const scheduler = createScheduler(one, { name: "OneCycleLR", options: { maxLr: 1, totalSteps: 5 } });
  for (let i = 0; i < 5; i++) scheduler.step();
  const before = JSON.stringify([one.stateDict(), scheduler.stateDict()]);
  expectError(() => scheduler.step(), "ERR_ARGUMENT", /OneCycleLR: expected at most 5 steps, its totalSteps, got one more/);
  expect(JSON.stringify([one.stateDict(), scheduler.stateDict()])).toBe(before);
});

test("OneCycleLR needs a momentum to cycle", () => {
  const bare = { paramGroups: [{ params: [], lr: 1 }], step: () => {} } as never;
  expectError(() => createScheduler(bare, { name: "OneCycleLR", options: { maxLr: 1, totalSteps: 5 } }), "ERR_ARGUMENT", /cycleMomentum: group 0 has neither momentum nor betas/);
  createScheduler(bare, { name: "OneCycleLR", options: { maxLr: 1, totalSteps: 5, cycleMomentum: false } });
});

describe("SequentialLR refuses", () => {
  const step = (one: SGD) => new StepLR(one, { stepSize: 1 });
  const one = optimizer();
  const wrapper = new SAM([zeros([1], { requiresGrad: true })], SGD);
  test.each<[string, () => unknown, RegExp]>([
    ["no schedulers", () => new SequentialLR(one, { schedulers: [], milestones: [] }), /schedulers: expected an array of at least one scheduler/],
    ["what is none", () => new SequentialLR(one, { schedulers: [null as never], milestones: [] }), /schedulers\[0\]: expected a scheduler/],
    ["a plateau", () => new SequentialLR(one, { schedulers: [step(one), new ReduceLROnPlateau(one) as never], milestones: [1] }), /schedulers\[1\]: expected a scheduler whose step\(\) is told nothing.*got a ReduceLROnPlateau/],
    ["another optimizer's", () => new SequentialLR(one, { schedulers: [step(one), step(optimizer())], milestones: [1] }), /schedulers\[1\]: expected one of the same optimizer, got a StepLR of another/],
    ["too few milestones", () => new SequentialLR(one, { schedulers: [step(one), step(one)], milestones: [] }), /milestones: expected 1 for 2 schedulers, one fewer than those, got 0/],
    ["none", () => new SequentialLR(one, { schedulers: [step(one)] } as never), /milestones: expected an array of epochs, got undefined/],
    ["milestones that descend", () => new SequentialLR(one, { schedulers: [step(one), step(one), step(one)], milestones: [5, 3] }), /milestones\[1\]: expected an integer of at least 5, got the number 3/],
    ["two targets", () => new SequentialLR(wrapper, { schedulers: [new LinearLR(wrapper), new LinearLR(wrapper, { target: "rho" })], milestones: [5] }), /schedulers\[1\]: target: expected "lr", got the string "rho"/],
    ["a misspelt option", () => new SequentialLR(one, { schedulers: [step(one)], milestone: [] } as never), /SequentialLR: unknown option 'milestone'/],
    ["a plateau after a warm-up", () => new WarmupLR(one, { after: new ReduceLROnPlateau(one) as never }), /WarmupLR: after: expected a scheduler/],
  ])("%s", (_title, create, text) => expectError(create, "ERR_ARGUMENT", text));
});

test("a constructor that refuses leaves the groups as they were", () => {
  for (const create of [
    (one: SGD) => new WarmupLR(one, { after: new ReduceLROnPlateau(one) as never }),
    (one: SGD) => new WarmupLR(one, { after: new StepLR(optimizer(), { stepSize: 1 }) }),
    (one: SGD) => new OneCycleLR(one, { maxLr: 1, totalSteps: 10, pctStart: 0.1, cycleMomentum: false }),
  ]) {
    const one = optimizer();
    const before = JSON.stringify(one.stateDict().paramGroups);
    expectError(() => create(one), "ERR_ARGUMENT", /./);
    expect(JSON.stringify(one.stateDict().paramGroups)).toBe(before);
  }
});

test("what a linear OneCycleLR leaves beyond its end, below 0, is refused by the optimizer", () => {
  const one = optimizer();
  const cycle = new OneCycleLR(one, { maxLr: 0.7, totalSteps: 10, annealStrategy: "linear", cycleMomentum: false });
  for (let step = 0; step < 9; step++) cycle.step();
  one.loadStateDict(one.stateDict());
  cycle.step();
  expect(cycle.getLastLr()[0]).toBeLessThan(0);
  expectError(() => one.step(), "ERR_ARGUMENT", /lr: expected a number of at least 0/);
  expectError(() => one.loadStateDict(one.stateDict()), "ERR_ARGUMENT", /lr: expected a number of at least 0/);
});
