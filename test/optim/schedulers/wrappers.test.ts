/** Schedulers over SAM and DGSAM, of their learning rate and of their radius; groups that come later; GSAM's rule. */
import { Adam, CosineAnnealingLR, CosineAnnealingWarmRestarts, DGSAM, LambdaLR, LinearLR, OneCycleLR, ProportionalRho, ReduceLROnPlateau, SAM, SequentialLR, SGD, StepLR, WarmupLR, zeros, type Closure } from "dgsam";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { closuresIn, MODES, Visits } from "../modes.js";
import { expectError, linearLoss, values } from "../support.js";
import { SINGLE, STEPS, title } from "./cases.js";
import { createScheduler, stepAll, type Spec } from "./support.js";

const parameter = () => zeros([1], { dtype: "float64", requiresGrad: true });
const groupOptions = (optimizer: { paramGroups: object[] }, name: string) => optimizer.paramGroups.map((group) => (group as Record<string, unknown>)[name]);

describe.each([["SAM", SAM], ["DGSAM", DGSAM]] as const)("%s", (name, Wrapper) => {
  const create = (params: unknown, options: object) => new (Wrapper as unknown as new (params: unknown, Base: typeof SGD, options: object) => SAM<SGD>)(params, SGD, options);
  const step = (optimizer: SAM<SGD>, closure: Closure) => (name === "SAM" ? optimizer.step(closure) : (optimizer as unknown as DGSAM).step([closure]));

  test.each(MODES)("descends with the scheduled learning rate, %s", (mode) => {
    const param = parameter();
    const optimizer = create([param], { lr: 1, ...(name === "DGSAM" ? { reduction: "mean" } : {}) });
    const scheduler = new StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
    const loss = linearLoss(param, [1], mode);
    for (const expected of [-1, -1.5, -1.75]) {
      step(optimizer, loss);
      scheduler.step();
      expect(values(param)[0]).toBeCloseTo(expected, 14);
    }
    expect(optimizer.base.paramGroups[0]!.lr).toBe(0.125);
  });

  test.each(MODES)("climbs by the scheduled radius, %s", (mode) => {
    const param = parameter();
    const optimizer = create([param], { lr: 0, rho: 0.4 });
    const scheduler = new StepLR(optimizer, { stepSize: 1, gamma: 0.5, target: "rho" });
    const visits = new Visits(1);
    const loss = closuresIn(mode, () => (visits.note(param), param.sum()))();
    for (const radius of [0.4, 0.2, 0.1]) {
      visits.reset();
      step(optimizer, loss);
      scheduler.step();
      const [[from], [to]] = visits.points as [[number], [number]];
      expect(to - from).toBeCloseTo(radius, 12);
    }
    expect(optimizer.paramGroups[0]!.lr).toBe(0);
  });

  test("its radius follows every schedule as a learning rate does", () => {
    for (const spec of SINGLE.filter(({ options }) => options["pctStart"] === undefined)) {
      const numbers = [0.1, 0.05, 0.3];
      const steps = spec.options["totalSteps"] === 150 ? 100 : STEPS;
      const lrs = new SGD(numbers.map((lr) => ({ params: [parameter()], lr })));
      const radii = create(numbers.map((rho) => ({ params: [parameter()], rho })), { lr: 0.7 });
      const [ofLr, ofRho] = [createScheduler(lrs, spec), createScheduler(radii, spec, "rho")];
      for (let i = 0; i <= steps; i++) {
        expect(groupOptions(radii, "rho"), title(spec)).toEqual(groupOptions(lrs, "lr"));
        expect(ofRho.getLastLr()).toEqual(ofRho.getLastValues());
        expect(ofRho.getLastValues()).toEqual(ofLr.getLastLr());
        expect(groupOptions(radii, "lr")).toEqual([0.7, 0.7, 0.7]);
        expect(groupOptions(radii, "momentum")).toEqual([0, 0, 0]);
        if (i < steps) [[ofLr], [ofRho]].forEach((each) => stepAll(each as never, [spec], i));
      }
    }
  });

  test("initial numbers survive a state dict, and lr and rho schedules go on together", () => {
    const create2 = () => create([{ params: [parameter()], rho: 0.2 }, { params: [parameter()], lr: 0.3 }], { lr: 0.1 });
    const schedule = (optimizer: SAM<SGD>) => [new CosineAnnealingLR(optimizer, { tMax: 8, etaMin: 0.01 }), new LinearLR(optimizer, { totalIters: 6, target: "rho" })];
    const first = create2();
    const schedulers = schedule(first);
    for (let i = 0; i < 4; i++) for (const each of schedulers) each.step();
    const optimizerState = JSON.stringify(first.stateDict());
    const states = JSON.stringify(schedulers.map((each) => each.stateDict()));

    const second = create2();
    const resumed = schedule(second);
    second.loadStateDict(JSON.parse(optimizerState));
    resumed.forEach((each, i) => each.loadStateDict(JSON.parse(states)[i]));
    expect(groupOptions(second, "initialLr")).toEqual([0.1, 0.3]);
    expect(groupOptions(second, "initialRho")).toEqual([0.2, 0.05]);
    for (let i = 0; i < 12; i++) {
      for (const name of ["lr", "rho"]) expect(groupOptions(second, name)).toEqual(groupOptions(first, name));
      for (const each of [...schedulers, ...resumed]) each.step();
    }
  });

  test("the base optimizer's schedulers may be mixed with its own", () => {
    const optimizer = create([parameter()], { lr: 1 });
    const scheduler = new SequentialLR(optimizer, { schedulers: [new StepLR(optimizer.base, { stepSize: 1, gamma: 0.5 }), new StepLR(optimizer, { stepSize: 1, gamma: 0.1 })], milestones: [2] });
    scheduler.step();
    scheduler.step();
    expect(scheduler.getLastLr()).toEqual([1]);
    expectError(() => new StepLR(optimizer.base, { stepSize: 1, target: "rho" }), "ERR_ARGUMENT", /the optimizer has no radius; pass SAM, DGSAM/);
  });
});

test("a plain optimizer's state dict keeps initialLr, and lastEpoch goes on from it", () => {
  const make = () => new Adam([parameter()], { lr: 1 });
  const first = make();
  const scheduler = new StepLR(first, { stepSize: 2, gamma: 0.5 });
  for (let i = 0; i < 4; i++) scheduler.step();
  const second = make();
  second.loadStateDict(JSON.parse(JSON.stringify(first.stateDict())));
  expect(groupOptions(second, "initialLr")).toEqual([1]);
  // As in PyTorch the constructor goes to the epoch after lastEpoch.
  const resumed = new StepLR(second, { stepSize: 2, gamma: 0.5, lastEpoch: 4 });
  scheduler.step();
  expect([resumed.lastEpoch, resumed.getLastLr()]).toEqual([5, [0.25]]);
  expect(scheduler.getLastLr()).toEqual([0.25]);
});

describe("a group that is added later", () => {
  const after = (spec: Spec, steps: number): [SGD, ReturnType<typeof createScheduler>] => {
    const optimizer = new SGD([parameter()], { lr: 1 });
    const scheduler = createScheduler(optimizer, spec);
    for (let i = 0; i < steps; i++) scheduler.step();
    optimizer.addParamGroup({ params: [parameter()], lr: 0.4 });
    return [optimizer, scheduler];
  };

  test.each<[Spec, number]>([
    [{ name: "StepLR", options: { stepSize: 3, gamma: 0.5 } }, 0.2],
    [{ name: "MultiStepLR", options: { milestones: [3], gamma: 0.5 } }, 0.2],
    [{ name: "ExponentialLR", options: { gamma: 0.5 } }, 0.2],
    [{ name: "ConstantLR", options: { factor: 0.25, totalIters: 3 } }, 1.6],
    [{ name: "PolynomialLR", options: { totalIters: 6 } }, 0.4 * (3 / 4)],
    [{ name: "LinearLR", options: { startFactor: 0.5, totalIters: 5 } }, 0.4 * (0.8 / 0.7)],
    // PyTorch refuses from here on.
    [{ name: "CosineAnnealingLR", options: { tMax: 2 } }, 0.4 + 0.4 / 2],
    [{ name: "CosineAnnealingWarmRestarts", options: { t0: 6 } }, 0.2],
    [{ name: "LambdaLR", options: { lrLambda: 1 / 3 } }, 0.2],
    [{ name: "OneCycleLR", options: { maxLr: 0.8, totalSteps: 10, pctStart: 0.4 } }, 0.8],
  ])("takes part in %j", (spec, expected) => {
    const [optimizer, scheduler] = after(spec, 2);
    scheduler.step();
    expect(optimizer.paramGroups[1]!.lr).toBeCloseTo(expected, 14);
    expect(groupOptions(optimizer, "initialLr")[1]).toBe(0.4);
    expect(scheduler.getLastLr()).toEqual(groupOptions(optimizer, "lr"));
  });

  test("takes part in a later scheduler of a sequence, from what it came with", () => {
    const [optimizer, scheduler] = after({ name: "WarmupLR", options: { totalIters: 3, after: { name: "ExponentialLR", options: { gamma: 0.5 } } } }, 1);
    for (let i = 0; i < 3; i++) scheduler.step();
    expect(groupOptions(optimizer, "lr")).toEqual([0.5, 0.2]);
  });

  test("takes part in reductions on a plateau", () => {
    const optimizer = new SGD([parameter()], { lr: 1 });
    const scheduler = new ReduceLROnPlateau(optimizer, { patience: 0, minLr: 0.06 });
    scheduler.step(1);
    optimizer.addParamGroup({ params: [parameter()], lr: 0.4 });
    scheduler.step(1);
    expect(groupOptions(optimizer, "lr")).toEqual([0.1, 0.06]);
  });

  test("takes part in radii, as the wrapper's or the base's", () => {
    const optimizer = new SAM([parameter()], SGD, { lr: 1, rho: 0.8 });
    const scheduler = new StepLR(optimizer, { stepSize: 1, gamma: 0.5, target: "rho" });
    optimizer.addParamGroup({ params: [parameter()], rho: 0.1 });
    optimizer.base.addParamGroup({ params: [parameter()] });
    scheduler.step();
    expect(scheduler.getLastValues()).toEqual([0.4, 0.05, 0.4]);
  });

  test.each<[Spec, number | undefined]>([
    [{ name: "OneCycleLR", options: { maxLr: [1], totalSteps: 10 } }, undefined],
    [{ name: "OneCycleLR", options: { maxLr: 1, maxMomentum: [0.9], totalSteps: 10 } }, undefined],
    [{ name: "LambdaLR", options: { lrLambda: [1] } }, undefined],
    [{ name: "ReduceLROnPlateau", options: { minLr: [0.1] } }, 1],
  ])("that no list of %j provides for is refused, and nothing changes", (spec, metric) => {
    const [optimizer, scheduler] = after(spec, 0);
    const before = [JSON.stringify(scheduler.stateDict()["lastEpoch"]), groupOptions(optimizer, "lr"), groupOptions(optimizer, "momentum")];
    expectError(() => scheduler.step(metric), "ERR_ARGUMENT", /expected one value, or one for each of the 2 parameter groups, got 1 values/);
    expect([JSON.stringify(scheduler.stateDict()["lastEpoch"]), groupOptions(optimizer, "lr"), groupOptions(optimizer, "momentum")]).toEqual(before);
  });
});

test("OneCycleLR moves only the first of betas", () => {
  const optimizer = new DGSAM([parameter()], Adam, { lr: 1 });
  new OneCycleLR(optimizer, { maxLr: 1, totalSteps: 10 }).step();
  const [betas] = groupOptions(optimizer, "betas") as [number[]];
  expect(betas[0]).toBeLessThan(0.95);
  expect(betas.slice(1)).toEqual([0.999]);
});

test("a warm-up of both follows one after the other", () => {
  const optimizer = new DGSAM([parameter()], SGD, { lr: 1, rho: 0.1 });
  const lr = new WarmupLR(optimizer, { startFactor: 0.5, totalIters: 2, after: new CosineAnnealingWarmRestarts(optimizer, { t0: 4 }) });
  const rho = new WarmupLR(optimizer, { startFactor: 0.5, totalIters: 4, after: new LambdaLR(optimizer, { lrLambda: (epoch) => 1 / (1 + epoch), target: "rho" }) });
  expect([lr.target, rho.target]).toEqual(["lr", "rho"]);
  for (let i = 0; i < 5; i++) for (const each of [lr, rho]) each.step();
  expect(lr.getLastLr()[0]).toBeCloseTo((1 + Math.cos(0.75 * Math.PI)) / 2, 14);
  expect(rho.getLastValues()).toEqual([0.05]);
});

describe("ProportionalRho", () => {
  const make = (lrs: number[]) => new SAM(lrs.map((lr) => ({ params: [parameter()], lr })), SGD);

  test("is the rule of GSAM, from construction on and for every group", () => {
    const bound = fc.double({ min: 0, max: 2, noNaN: true });
    fc.assert(
      fc.property(bound, bound, bound, bound, fc.array(bound, { minLength: 1, maxLength: 3 }), (rhoMin, rhoSpan, lrMin, lrSpan, lrs) => {
        const optimizer = make(lrs.map((share) => lrMin + share * lrSpan));
        const options = { rhoMin, rhoMax: rhoMin + rhoSpan, lrMin, lrMax: lrMin + lrSpan };
        const scheduler = new ProportionalRho(optimizer, options);
        const expected = optimizer.paramGroups.map(({ lr }) => (options.lrMax === lrMin ? options.rhoMax : rhoMin + ((options.rhoMax - rhoMin) * (lr - lrMin)) / (options.lrMax - lrMin)));
        expect(groupOptions(optimizer, "rho")).toEqual(expected);
        expect(scheduler.getLastValues()).toEqual(expected);
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  test("follows a learning rate that is scheduled, and resumes", () => {
    const optimizer = make([0.1]);
    const lr = new CosineAnnealingLR(optimizer, { tMax: 10, etaMin: 0.01 });
    const options = { rhoMin: 0.02, rhoMax: 0.2, lrMin: 0.01, lrMax: 0.1 };
    const rho = new ProportionalRho(optimizer, options);
    expect(rho.getLastValues()).toEqual([0.2]);
    for (let epoch = 1; epoch <= 10; epoch++) {
      lr.step();
      rho.step();
      expect(optimizer.paramGroups[0]!.rho).toBeCloseTo(2 * optimizer.paramGroups[0]!.lr, 14);
    }
    expect(rho.getLastValues()[0]).toBeCloseTo(0.02, 14);
    const resumed = new ProportionalRho(make([0.1]), { ...options, rhoMax: 0.3 });
    resumed.loadStateDict(JSON.parse(JSON.stringify(rho.stateDict())));
    expect(resumed.stateDict()).toEqual(rho.stateDict());
    expect(resumed.stateDict()).toMatchObject({ lastEpoch: 10, options });
  });

  test("refuses radii below 0 and bounds out of order", () => {
    const options = { rhoMin: 0.02, rhoMax: 0.2, lrMin: 0.05, lrMax: 0.1 };
    const optimizer = make([0.1]);
    const scheduler = new ProportionalRho(optimizer, options);
    optimizer.paramGroups[0]!.lr = 1e-3;
    expectError(() => scheduler.step(), "ERR_ARGUMENT", /ProportionalRho: group 0: its lr 0.001 gives the radius -0\.156\d*; lower lrMin, 0.05/);
    expect([scheduler.lastEpoch, optimizer.paramGroups[0]!.rho]).toEqual([0, 0.2]);
    for (const [wrong, text] of [[{ rhoMax: 0.01 }, /rhoMax/], [{ lrMax: 0.01 }, /lrMax/], [{ rhoMin: undefined }, /rhoMin/], [{ lrMin: -1 }, /lrMin/]] as const)
      expectError(() => new ProportionalRho(optimizer, { ...options, ...wrong } as never), "ERR_ARGUMENT", text);
    expectError(() => new ProportionalRho(new SGD([parameter()]), options), "ERR_ARGUMENT", /the optimizer has no radius/);
  });
});
