/** Steps along gradients that a scaler scaled and the caller differentiated; scaled-steps.test.ts has those of the family. */
import { autocast, clipGradNorm, GradScaler, gradNorm, Linear, manualSeed, memoryStats, mseLoss, randn, scope, SGD, tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { closuresIn, MODES } from "../modes.js";
import { expectError } from "../support.js";
import { inScope, problem } from "./problem.js";

describe.each(MODES)("a step, %s", (mode) => {
  test("takes the scale back out of the gradients, and goes by the scaled loss", inScope(() => {
    const { param, optimizer, loss } = problem(3, mode);
    const scaler = new GradScaler({ initScale: 1024 });
    const scaled = scaler.scale(loss());
    expect([scaled.item(), scaler.getScale()]).toEqual([3072, 1024]);
    scaled.backward();
    expect(param.grad!.item()).toBe(3072);
    scaler.unscale(optimizer);
    expect([param.grad!.item(), clipGradNorm(param, 1)]).toEqual([3, 3]);
    expect(scaler.step(optimizer)).toBeUndefined();
    scaler.update();
    expect(param.item()).toBeCloseTo(0.5, 5);
  }));

  test("that is not finite is left out, and the scale shrinks; after growthInterval finite ones it grows", inScope(() => {
    const { param, optimizer, loss } = problem(1e35, mode);
    const scaler = new GradScaler({ initScale: 2 ** 20, backoffFactor: 0.25, growthFactor: 3, growthInterval: 2 });
    const scales = Array.from({ length: 9 }, () => {
      optimizer.zeroGrad();
      scaler.scale(loss().mul(1e-30)).backward();
      param.grad = param.grad!.mul(1e30);
      const result = scaler.step(optimizer);
      expect(result === null).toBe(param.grad.isfinite().item() === false);
      scaler.update();
      return Math.log2(scaler.getScale());
    });
    expect(scales.slice(0, 6)).toEqual([18, 16, 14, 12, 10, 10]);
    expect(scales[6]).toBeCloseTo(10 + Math.log2(3), 5);
    expect(param.isfinite().item()).toBe(true);
  }));

  test("scales several losses, in any iterable", inScope(() => {
    const scaler = new GradScaler({ initScale: 4 });
    expect(scaler.scale([tensor(1), tensor(2)]).map((each) => each.item())).toEqual([4, 8]);
    expect(scaler.scale(new Set([tensor([3], { dtype: "float16" })])).map((each) => [each.dtype, each.item()])).toEqual([["float16", 12]]);
    expect(scaler.scale(tensor(1, { dtype: "float16" })).dtype).toBe("float32");
  }));

  test("of several optimizers: each by its own gradients, the scale by all", inScope(() => {
    const [one, two] = [problem(1, mode), problem(1, mode)];
    const scaler = new GradScaler({ growthInterval: 1 });
    scaler.scale([one.loss(), two.loss()]).forEach((each) => each.backward());
    two.param.grad = tensor([NaN]);
    scaler.step(one.optimizer);
    expect(scaler.step(two.optimizer)).toBeNull();
    scaler.update();
    expect([one.param.item(), two.param.item(), scaler.getScale()]).toEqual([0.5, 1, 32768]);
  }));

  test("passes arguments on, and gives what the optimizer gives", inScope(() => {
    const { param, loss } = problem(1, mode);
    const optimizer = { paramGroups: [{ params: [param] }], step: (...given: [number, string]) => given.join() };
    const scaler = new GradScaler();
    scaler.scale(loss()).backward();
    expect(scaler.step(optimizer, 3, "a")).toBe("3,a");
  }));

  test("may lie in scopes of its own, and leaves no handle", () => {
    const { param, optimizer, loss } = scope(() => problem(1, mode));
    const scaler = scope(() => new GradScaler());
    const iteration = () => {
      scope(() => scaler.scale(loss()).backward());
      scope(() => scaler.unscale(optimizer));
      scope(() => scaler.step(optimizer));
      scaler.update();
      optimizer.zeroGrad();
    };
    iteration();
    const { handles } = memoryStats();
    for (let i = 0; i < 10; i++) iteration();
    expect([memoryStats().handles, param.item()]).toEqual([handles, 1 - 11 / 2]);
  });

  test("refuses the graph of a loss that an older scale multiplied", inScope(() => {
    const { param, optimizer, loss } = problem(1, mode);
    const scaler = new GradScaler();
    const stale = scaler.scale(loss());
    param.grad = tensor([Infinity]);
    scaler.step(optimizer);
    scaler.update();
    expectError(() => stale.backward(), "ERR_NATIVE", /modified by an inplace operation/);
  }));
});

test.each(MODES)("float16 training under autocast needs it, and works with it, %s", { timeout: 60_000 }, (mode) => scope(() => {
  manualSeed(2);
  const [x, w] = [randn([64, 8]), randn([8, 1])];
  const y = x.matmul(w).mul(1e-4);
  const train = (scaler: GradScaler) => {
    manualSeed(3);
    const model = new Linear(8, 1, { bias: false });
    model.weight.detach().zero_();
    const optimizer = new SGD(model.parameters(), { lr: 0.1 });
    // A loss in float16 arithmetic, whose gradients are below what float16 holds.
    const lossOf = closuresIn(mode, () => autocast(() => mseLoss(model.forward(x).to("float32"), y), { dtype: "float16" }))();
    const losses = Array.from({ length: 60 }, () =>
      scope(() => {
        optimizer.zeroGrad();
        const loss = lossOf();
        scaler.scale(loss).backward();
        scaler.step(optimizer);
        scaler.update();
        return loss.item() as number;
      }),
    );
    return { last: losses.at(-1)! / losses[0]!, scale: scaler.getScale(), norm: gradNorm(model.parameters()) };
  };
  const scaled = train(new GradScaler({ initScale: 2 ** 40 }));
  expect(scaled.last).toBeLessThan(0.01);
  expect(scaled.scale).toBeLessThan(2 ** 40);
  expect(train(new GradScaler({ enabled: false })).last).toBeGreaterThan(2 * scaled.last);
}));

test.each(MODES)("a scaler that is off changes nothing, %s", (mode) => scope(() => {
  const { param, optimizer, loss } = problem(1, mode);
  const scaler = new GradScaler({ enabled: false });
  const given = loss();
  expect([scaler.scale(given) === given, scaler.getScale(), scaler.isEnabled(), scaler.stateDict()]).toEqual([true, 1, false, {}]);
  given.backward();
  scaler.unscale(optimizer);
  scaler.step(optimizer);
  scaler.step(optimizer);
  scaler.update();
  scaler.loadStateDict({});
  expect(param.item()).toBe(0);
}));

test.each(MODES)("options and the scale can be read and set, %s", (mode) => scope(() => {
  const scaler = new GradScaler();
  expect([scaler.isEnabled(), scaler.stateDict()]).toEqual([true, { scale: 65536, growthFactor: 2, backoffFactor: 0.5, growthInterval: 2000, growthTracker: 0 }]);
  scaler.setGrowthFactor(3);
  scaler.setBackoffFactor(0.1);
  scaler.setGrowthInterval(7);
  expect([scaler.getGrowthFactor(), scaler.getBackoffFactor(), scaler.getGrowthInterval()]).toEqual([3, 0.1, 7]);
  scaler.update(12);
  expect(scaler.getScale()).toBe(12);
  scaler.update(tensor([0.5], { dtype: "float64" }));
  expect(scaler.getScale()).toBe(0.5);
  const { param, optimizer, loss } = problem(1, mode);
  scaler.scale(loss()).backward();
  scaler.step(optimizer);
  scaler.update(2);
  scaler.scale(loss());
  scaler.step(optimizer);
  expect([scaler.getScale(), param.item()]).toEqual([2, 0.25]);
}));
