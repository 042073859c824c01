/** GradScaler and the sharpness-aware family together: one finite decision for a whole step. */
import { Adam, autocast, crossEntropy, DGSAM, GradScaler, GSAM, manualSeed, MLP, randint, randn, SAGM, SAM, SGD, type Tensor, type TwoStep } from "dgsam";
import { describe, expect, test } from "vitest";
import { FAMILY } from "./sharpness/family.js";
import { closuresIn, inBothModes, MODES, type Mode } from "./modes.js";
import { bits, expectError, values, worstError } from "./support.js";

/** A small network on three domains, computing in float16 where autocast says so. */
function problem(mode: Mode = "eager") {
  manualSeed(3);
  const model = new MLP([8, 16, 4]);
  const batches = Array.from({ length: 3 }, () => ({ x: randn([8, 8]), y: randint(4, [8]) }));
  const closureOf = closuresIn(mode, (x: Tensor, y: Tensor) => autocast(() => crossEntropy(model.forward(x), y), { dtype: "float16" }));
  return { model, params: model.parameters(), closures: batches.map(({ x, y }) => closureOf(x, y)) };
}

describe.each(inBothModes(FAMILY))("$name, $mode, under a scaler", ({ Wrapper, options, mode }) => {
  test("leaves out what overflows, shrinks the scale, and trains on", () => {
    const { params, closures } = problem(mode);
    const optimizer = new Wrapper(params, Adam, { lr: 0.02, rho: 0.05, ...options });
    // A gradient of the loss in float16 overflows at this scale.
    const scaler = new GradScaler({ initScale: 2 ** 24 });
    const before = bits(params);
    const history: { skipped: boolean; scale: number; loss: number }[] = [];
    for (let step = 0; step < 60; step++) {
      const { skipped, losses } = scaler.step(optimizer, closures) as { skipped: boolean; losses: number[] };
      scaler.update();
      history.push({ skipped, scale: scaler.getScale(), loss: losses.reduce((sum, each) => sum + each, 0) });
      if (history.every((each) => each.skipped)) expect(bits(params)).toEqual(before);
    }
    const left = history.filter(({ skipped }) => skipped).length;
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(20);
    expect(history.at(-1)!.scale).toBe(2 ** (24 - left));
    expect(history.at(-1)!.loss).toBeLessThan(0.7 * history[left]!.loss);
    expect(optimizer.stateDict().steps).toBe(60 - left);
    expectError(() => scaler.step(optimizer), "ERR_STATE", /call firstStep\(\) first|begin the step with order\(\)|no step was begun by hand; pass the closures/);
  });
});

describe.each(MODES)("a step that was begun by hand, %s", (mode) => {
  test.each([["SAM", SAM], ["GSAM", GSAM], ["SAGM", SAGM]] as const)("%s is ended by scaler.step()", (_, Algorithm) => {
    const [one, two] = [problem(mode), problem(mode)];
    const make = (params: Tensor[]) => new (Algorithm as unknown as new (params: Tensor[], Base: unknown, options: object) => TwoStep)(params, SGD, { lr: 0.1, rho: 0.05 });
    const [whole, halves] = [make(one.params), make(two.params)];
    const [a, b] = [new GradScaler({ initScale: 256 }), new GradScaler({ initScale: 256 })];
    for (let step = 0; step < 3; step++) {
      a.step(whole, one.closures[0]!);
      a.update();
      halves.zeroGrad();
      b.scale(two.closures[0]!()).backward();
      halves.firstStep({ zeroGrad: true, lossScale: b.getScale() });
      b.scale(two.closures[0]!()).backward();
      expect(b.step(halves)).toEqual({ skipped: false });
      b.update();
      for (const [i, param] of two.params.entries()) expect(worstError(values(param), values(one.params[i]!))).toBeLessThan(1e-6);
    }
    expectError(() => b.step(halves), "ERR_STATE", /call firstStep\(\) first/);
  });

  test("DGSAM's open form is ended by scaler.step(), and one bad pass leaves it out", () => {
    const { params, closures } = problem(mode);
    const optimizer = new DGSAM(params, SGD, { lr: 0.1, rho: 0.05 });
    const scaler = new GradScaler({ initScale: 256 });
    for (const bad of [-1, 0, 2, 3]) {
      const before = bits(params);
      const order = optimizer.order(3, { lossScale: scaler.getScale() });
      order.forEach((domain, pass) => {
        scaler.scale(pass === bad ? closures[domain]!().mul(Infinity) : closures[domain]!()).backward();
        if (pass < 3) optimizer.ascend();
      });
      const scale = scaler.getScale();
      expect(scaler.step(optimizer)).toEqual({ skipped: bad !== -1 });
      scaler.update();
      expect(scaler.getScale()).toBe(bad === -1 ? scale : scale / 2);
      if (bad === -1) expect(bits(params)).not.toEqual(before);
      else expect(bits(params)).toEqual(before);
    }
  });

  test("a scaler that is off changes nothing", () => {
    const [one, two] = [problem(mode), problem(mode)];
    const plain = new DGSAM(one.params, Adam, { lr: 0.02 });
    const scaled = new DGSAM(two.params, Adam, { lr: 0.02 });
    const off = new GradScaler({ enabled: false });
    for (let step = 0; step < 3; step++) {
      plain.step(one.closures);
      off.step(scaled, two.closures);
      off.update();
    }
    expect(bits(two.params)).toEqual(bits(one.params));
  });
});
