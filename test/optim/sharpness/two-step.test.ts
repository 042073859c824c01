/** The two-step interface, and steps with a scaled loss, of every algorithm that has them. */
import { Adam, ASAM, DGSAM, ERM, GradScaler, GSAM, SAGM, SAM, SGD, tensor, zeros, type Tensor, type TwoStep } from "dgsam";
import { describe, expect, test } from "vitest";
import { bits, expectError, quadraticDomains, statisticsModel, values, worstError } from "../support.js";
import { closuresIn, inBothModes, MODES } from "../modes.js";
import { FAMILY } from "./family.js";

type AnyTwoStep = new (params: Tensor[], Base: unknown, options: object) => TwoStep;

const TWO_STEP = [
  { name: "SAM", Wrapper: SAM as unknown as AnyTwoStep, options: {} },
  { name: "ASAM", Wrapper: ASAM as unknown as AnyTwoStep, options: { form: "normalized" } },
  { name: "GSAM", Wrapper: GSAM as unknown as AnyTwoStep, options: {} },
  { name: "SAGM", Wrapper: SAGM as unknown as AnyTwoStep, options: { alpha: 0.1 } },
];

describe.each(inBothModes(TWO_STEP))("$name in two steps, $mode", ({ name, Wrapper, options, mode }) => {
  const make = (params: Tensor[], more: object = {}) => new Wrapper(params, Adam, { lr: 0.1, rho: 0.1, ...options, ...more });

  test("gives the same bits as step(closure)", () => {
    const one = quadraticDomains({ domains: 1, mode });
    const two = quadraticDomains({ domains: 1, mode });
    const whole = make(one.params);
    const halves = make(two.params);
    for (let i = 0; i < 5; i++) {
      whole.step(one.closures[0]!);
      halves.zeroGrad();
      two.closures[0]!().backward();
      halves.firstStep({ zeroGrad: true });
      two.closures[0]!().backward();
      halves.secondStep(true);
      expect(bits(two.params)).toEqual(bits(one.params));
    }
    expect(halves.stateDict().steps).toBe(5);
  });

  test("unscales what a scaler scaled, and only once it ends", () => {
    const one = quadraticDomains({ domains: 1, mode });
    const two = quadraticDomains({ domains: 1, mode });
    const plain = make(one.params);
    const scaled = make(two.params);
    plain.step(one.closures[0]!);
    two.closures[0]!().mul(1024).backward();
    scaled.firstStep({ zeroGrad: true, lossScale: 1024 });
    two.closures[0]!().mul(1024).backward();
    expectError(() => scaled.secondStep(), "ERR_STATE", /scaled by 1024; end the step by scaler\.step/);
    expectError(() => scaled.finishScaled(512), "ERR_STATE", /loss scale of 1024, but the scaler's is 512/);
    expect(scaled.finishScaled(1024)).toEqual({ skipped: false });
    expect(worstError(values(two.w), values(one.w))).toBeLessThan(1e-13);
  });

  test("a gradient that nobody took is an error, and may still be taken", () => {
    const { w, params, closures } = quadraticDomains({ domains: 1, mode });
    const optimizer = make(params);
    const before = bits(params);
    expectError(() => optimizer.firstStep(), "ERR_STATE", new RegExp(`^${name}\\.firstStep\\(\\): no parameter has a gradient; call backward\\(\\) on the loss before$`));
    expect(bits(params)).toEqual(before);
    closures[0]!().backward();
    optimizer.firstStep(true);
    expectError(() => optimizer.secondStep(), "ERR_STATE", new RegExp(`^${name}\\.secondStep\\(\\): no parameter has a gradient`));
    closures[0]!().backward();
    optimizer.secondStep();
    expect(optimizer.stateDict().steps).toBe(1);
    const whole = quadraticDomains({ domains: 1, mode });
    make(whole.params).step(whole.closures[0]!);
    expect(bits([w])).toEqual(bits([whole.w]));
  });

  test("a gradient that is not finite is cleared with the error, in either half, and the next step goes", () => {
    for (const half of [1, 2]) {
      const w = zeros([2], { requiresGrad: true });
      const sam = new SAM([w], SGD, { lr: 0.1 });
      const pass = (scale: number) => w.mul(scale).sum().backward();
      const step = (bad: number) => {
        pass(bad === 1 ? NaN : 1);
        sam.firstStep({ zeroGrad: true });
        pass(bad === 2 ? NaN : 1);
        sam.secondStep({ zeroGrad: true });
      };
      expectError(() => step(half), "ERR_NON_FINITE", /pass/);
      expect(w.grad).toBeNull();
      step(0);
      expect(values(w)[0]).toBeCloseTo(-0.1, 6);
    }
  });

  test("with a scaled loss, a gradient that is not finite in either half leaves the step out", () => {
    for (const poisoned of [0, 1]) {
      const { params, closures } = quadraticDomains({ domains: 1, mode });
      const optimizer = make(params);
      const before = bits(params);
      for (const half of [0, 1]) {
        closures[0]!().mul(half === poisoned ? NaN : 8).backward();
        if (half === 0) optimizer.firstStep({ zeroGrad: true, lossScale: 8 });
      }
      expect(optimizer.finishScaled(8)).toEqual({ skipped: true });
      expect(bits(params)).toEqual(before);
      expect(optimizer.stateDict().steps).toBe(0);
    }
  });

  test("wrong options are named", () => {
    const { params } = quadraticDomains();
    expectError(() => make(params).firstStep({ lossScale: 0 }), "ERR_ARGUMENT", new RegExp(`${name}\\.firstStep\\(options\\): lossScale: expected`));
    expectError(() => make(params).secondStep({ lossScale: 2 } as never), "ERR_ARGUMENT", /unknown option 'lossScale'; the options are zeroGrad/);
  });
});

describe.each(inBothModes(FAMILY))("$name with a scaled loss, $mode", ({ Wrapper, options, mode }) => {
  const make = (params: Tensor[]) => new Wrapper(params, SGD, { lr: 0.05, momentum: 0.9, rho: 0.1, ...options });

  test("takes the step of the loss as it is", () => {
    const [one, two] = [quadraticDomains({ mode }), quadraticDomains({ mode })];
    const [plain, scaled] = [make(one.params), make(two.params)];
    for (let i = 0; i < 7; i++) {
      const expected = plain.step(one.closures);
      // A power of two scales exactly; the 1e-12 beside the norms is all that differs.
      const result = scaled.stepScaled(2 ** 12, two.closures);
      expect(result.skipped).toBe(false);
      expect(worstError(result.losses, expected.losses)).toBeLessThan(1e-12);
      expect(worstError(result.gradNorms, expected.gradNorms)).toBeLessThan(1e-12);
      for (const [i, param] of two.params.entries()) expect(worstError(values(param), values(one.params[i]!))).toBeLessThan(1e-12);
    }
  });

  test("a gradient that overflows by the scale leaves the whole step out, whatever the policy", () => {
    const param = tensor([1, 2], { dtype: "float16", requiresGrad: true });
    const optimizer = make([param]);
    const closureOf = closuresIn(mode, (slope: Tensor) => param.mul(slope).sum());
    const loss = (slope: number) => closureOf(tensor(slope, { dtype: "float16" }));
    const before = bits([param]);
    expect(optimizer.stepScaled(2 ** 15, [loss(1), loss(100)]).skipped).toBe(true);
    expect(bits([param])).toEqual(before);
    expect(optimizer.stepScaled(2, [loss(1), loss(100)]).skipped).toBe(false);
    expect(bits([param])).not.toEqual(before);
    for (const scale of [0, -1, NaN, Infinity, "2"]) expectError(() => optimizer.stepScaled(scale as number, [loss(1)]), "ERR_ARGUMENT", /stepScaled\(scale\): expected/);
  });
});

describe.each(MODES)("DGSAM's open form with a scaled loss, %s", (mode) => {
  test("unscales G alone", () => {
    const [one, two] = [quadraticDomains({ mode }), quadraticDomains({ mode })];
    const [plain, scaled] = [one, two].map(({ params }) => new DGSAM(params, SGD, { lr: 0.05, rho: 0.1, seed: 3 }));
    for (const [optimizer, { closures }, lossScale] of [[plain!, one, 1], [scaled!, two, 64]] as const) {
      const order = optimizer.order(3, lossScale === 1 ? {} : { lossScale });
      order.forEach((domain, pass) => {
        closures[domain]!().mul(lossScale).backward();
        if (pass < order.length - 1) optimizer.ascend();
      });
      if (lossScale === 1) optimizer.descend();
      else {
        expectError(() => optimizer.descend(), "ERR_STATE", /scaled by 64; end the step by scaler\.step/);
        expectError(() => optimizer.finishScaled(2), "ERR_STATE", /loss scale of 64, but the scaler's is 2/);
        expect(optimizer.finishScaled(64)).toEqual({ skipped: false });
      }
    }
    expect(worstError(values(two.w), values(one.w))).toBeLessThan(1e-13);
  });

  test("a gradient that is not finite leaves the step out", () => {
    const { params, closures } = quadraticDomains({ mode });
    const optimizer = new DGSAM(params, SGD, { lr: 0.05, rho: 0.1 });
    const before = [bits(params), optimizer.stateDict().generator];
    const order = optimizer.order(3, { lossScale: 8 });
    order.forEach((domain, pass) => {
      closures[domain]!().mul(pass === 1 ? Infinity : 8).backward();
      if (pass < order.length - 1) optimizer.ascend();
    });
    expect(optimizer.finishScaled(8)).toEqual({ skipped: true });
    expect([bits(params), optimizer.stateDict().generator]).toEqual(before);
  });
});

describe.each(MODES)("a scaler whose scale is 1, or that is off, %s", (mode) => {
  test("a scale of 1 still leaves steps out", () => {
    const { params, closures } = quadraticDomains({ domains: 1, mode });
    const before = bits(params);
    const sam = new SAM(params, SGD, { lr: 0.1 });
    const scaler = new GradScaler({ initScale: 1 });
    scaler.scale(closures[0]!().mul(NaN)).backward();
    sam.firstStep({ lossScale: scaler.getScale() });
    expect(scaler.step(sam)).toEqual({ skipped: true });
    const dgsam = new DGSAM(params, SGD, { lr: 0.1 });
    dgsam.order(1, { lossScale: 1 });
    closures[0]!().mul(NaN).backward();
    dgsam.ascend();
    closures[0]!().backward();
    expect(dgsam.finishScaled(1)).toEqual({ skipped: true });
    expect(bits(params)).toEqual(before);
  });

  test("one that is off leaves the policy to the optimizer", () => {
    const { params, closures } = quadraticDomains({ domains: 1, mode });
    const off = new GradScaler({ enabled: false });
    const sam = new SAM(params, SGD, { lr: 0.1 });
    const before = bits(params);
    closures[0]!().backward();
    sam.firstStep({ zeroGrad: true });
    closures[0]!().mul(NaN).backward();
    expectError(() => off.step(sam), "ERR_NON_FINITE", /second pass/);
    expect(bits(params)).toEqual(before);
  });
});

describe.each(MODES)("a step that was begun by hand, %s", (mode) => {
  test("takes no state dict while the parameters are perturbed, and is given up for one before", () => {
    const { params, closures } = quadraticDomains({ mode });
    const optimizer = new DGSAM(params, SGD, { lr: 0.1 });
    optimizer.step(closures);
    const dict = optimizer.stateDict();
    const order = optimizer.order(3);
    closures[order[0]!]!().backward();
    optimizer.ascend();
    expectError(() => optimizer.loadStateDict(dict), "ERR_STATE", /parameters are perturbed/);
    optimizer.abort();
    optimizer.order(3);
    optimizer.loadStateDict({ ...dict, generator: [1, 2, 3, 4] });
    expectError(() => optimizer.ascend(), "ERR_STATE", /begin the step with order\(\)/);
    expect(optimizer.stateDict().generator).toEqual([1, 2, 3, 4]);
    for (const generator of [[0, 0, 0, 0], [1, 2, 3], "x"]) expectError(() => optimizer.loadStateDict({ ...dict, generator: generator as never }), "ERR_ARGUMENT", /generator: expected four integers/);
    dict.base = { ...dict.base, paramGroups: [{ ...dict.base.paramGroups[0]!, rho: -4 }] } as never;
    expectError(() => optimizer.loadStateDict(dict), "ERR_ARGUMENT", /group 0: rho: expected a finite number of at least 0/);
  });

  test("that the base optimizer cannot end is undone", () => {
    const { model, closure, tracked } = statisticsModel(mode);
    const dgsam = new DGSAM([closure.param], SGD, { lr: 0.1, model });
    const before = [bits([closure.param]), dgsam.stateDict().generator];
    dgsam.order(1);
    for (const last of [false, true]) {
      closure().backward();
      if (!last) dgsam.ascend();
    }
    dgsam.paramGroups[0]!.lr = -1;
    expectError(() => dgsam.descend(), "ERR_ARGUMENT", /lr/);
    expect([bits([closure.param]), dgsam.stateDict().generator]).toEqual(before);
    expect(tracked()).toBe(0);
    expect(closure.param.grad).toBeNull();
  });
});

test.each(MODES)("ERM's step is the base optimizer's on the mean loss, %s", (mode) => {
  const [one, two] = [quadraticDomains({ mode }), quadraticDomains({ mode })];
  const erm = new ERM(one.params, Adam, { lr: 0.1 });
  const adam = new Adam(two.params, { lr: 0.1 });
  for (let i = 0; i < 5; i++) {
    erm.step(one.closures);
    adam.zeroGrad();
    two.closures.map((closure) => closure()).reduce((sum, loss) => sum.add(loss)).div(3).backward();
    adam.step();
    expect(worstError(values(one.w), values(two.w))).toBeLessThan(1e-13);
  }
});
