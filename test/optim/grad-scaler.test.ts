import {
  Adam, AdamW, autocast, clipGradNorm, GradScaler, gradNorm, Linear, manualSeed, memoryStats, mseLoss, ones, randn, scope, SGD, tensor, zeros,
  type DType, type GradScalerOptions, type ScaledSteps, type Tensor,
} from "dgsam";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { hasTorch, oracle } from "../reference/oracle.js";
import { snakeCase } from "../reference/support.js";
import { decodeTensor, encodeTensor, type EncodedTensor } from "../tensor/pytorch.js";
import { bits, expectError } from "./support.js";

const inScope = (body: () => void) => (): void => scope(body);

const STEPS = 200;
const SHAPES = [[4], [2, 3], []];
const CLASSES = { SGD, Adam, AdamW };

interface Run {
  readonly scaler: Partial<GradScalerOptions>;
  readonly optimizers: { name: keyof typeof CLASSES; options: Record<string, unknown>; dtypes: DType[]; missing: boolean }[];
  readonly seed: number;
}

const optimizers = fc.record({
  // A momentum's first step is PyTorch's only when all parameters have it together.
  kind: fc.constantFrom(
    { name: "SGD" as const, options: { lr: 0.1 }, missing: true },
    { name: "SGD" as const, options: { lr: 0.1, momentum: 0.9, nesterov: true }, missing: false },
    { name: "Adam" as const, options: { lr: 0.01 }, missing: true },
    { name: "AdamW" as const, options: { lr: 0.01, amsgrad: true }, missing: true },
  ),
  dtypes: fc.array(fc.constantFrom<DType>("float32", "float16", "float64", "bfloat16"), { minLength: SHAPES.length, maxLength: SHAPES.length }),
}).map(({ kind, dtypes }) => {
  // PyTorch's SGD is fused or not for all of its parameters; its fused one is wrong in 16 bits.
  const same = (dtype: DType) => dtype.endsWith("16") === dtypes[0]!.endsWith("16");
  return { ...kind, dtypes: kind.name === "SGD" ? dtypes.map((dtype) => (same(dtype) ? dtype : dtypes[0]!)) : dtypes };
});
const runs: fc.Arbitrary<Run> = fc.record({
  scaler: fc.record({
    initScale: fc.constantFrom(65536, 1000, 3),
    growthFactor: fc.constantFrom(2, 1.7),
    backoffFactor: fc.constantFrom(0.5, 0.37),
    growthInterval: fc.integer({ min: 1, max: 6 }),
  }),
  optimizers: fc.array(optimizers, { minLength: 1, maxLength: 3 }),
  seed: fc.integer({ min: 1, max: 1e6 }),
});

interface GivenStep {
  readonly grads: (EncodedTensor | null)[];
  readonly unscale: boolean;
}

/** The gradients of a run: some huge, some missing, an infinity or NaN in one step of eight. */
function stepsOf({ optimizers, seed }: Run): GivenStep[][] {
  let state = seed;
  const draw = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const gradient = (dtype: DType, shape: number[]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const magnitude = dtype === "float16" ? 3000 : 10 ** (6 * draw());
    const numbers = Array.from({ length: size }, () => (draw() - 0.5) * magnitude);
    if (draw() < 0.04) numbers[Math.floor(draw() * size)] = [Infinity, -Infinity, NaN][Math.floor(3 * draw())]!;
    return scope(() => encodeTensor(tensor(numbers, { dtype }).reshape(shape)));
  };
  return Array.from({ length: STEPS }, () =>
    optimizers.map(({ dtypes, missing }) => ({
      grads: SHAPES.map((shape, i) => (missing && i > 0 && draw() < 0.2 ? null : gradient(dtypes[i]!, shape))),
      unscale: draw() < 0.3,
    })),
  );
}

const start = (dtypes: DType[]) => dtypes.map((dtype, i) => tensor(Array.from({ length: SHAPES[i]!.reduce((a, b) => a * b, 1) }, (_, k) => Math.cos(i + k)), { dtype }).reshape(SHAPES[i]!).requiresGrad_());

/** A scaler with its optimizers, fed with given gradients. */
function make({ scaler: options, optimizers }: Run) {
  const scaler = new GradScaler(options);
  scaler.scale(zeros([]));
  const all = optimizers.map(({ name, options, dtypes }) => {
    const params = start(dtypes);
    return { params, optimizer: new CLASSES[name](params, options) };
  });
  const step = (given: GivenStep[]) =>
    scope(() => {
      given.forEach(({ grads, unscale }, i) => {
        const { params, optimizer } = all[i]!;
        params.forEach((param, k) => (param.grad = grads[k] ? decodeTensor(grads[k]) : null));
        if (unscale) scaler.unscale(optimizer);
        scaler.step(optimizer);
      });
      scaler.update();
      return { scale: scaler.getScale(), tracker: scaler.stateDict().growthTracker, params: bits(all.flatMap(({ params }) => params)) };
    });
  return { scaler, all, step };
}

const drawn = fc.sample(runs, { numRuns: 12, seed: 4 }).map((run) => ({ ...run, steps: stepsOf(run) }));

describe.skipIf(!hasTorch)(`as torch.amp.GradScaler("cpu"), bit for bit, over ${drawn.length} drawn runs of ${STEPS} steps`, () => {
  let answers: { scale: number; tracker: number; params: string[] }[][];
  beforeAll(() => {
    answers = scope(() =>
      oracle("optim/grad_scaler.py", {
        runs: drawn.map(({ scaler, optimizers, steps }) => ({
          scaler: snakeCase(scaler),
          optimizers: optimizers.map(({ name, options, dtypes }) => ({ name, options, params: start(dtypes).map(encodeTensor) })),
          steps,
        })),
      }),
    );
  });

  test.each(drawn.map((run, i) => [i, run] as const))("run %i", (i, run) =>
    scope(() => {
      const { step } = make(run);
      run.steps.forEach((given, k) => expect(step(given), `step ${k + 1}`).toEqual(answers[i]![k]));
    }),
  );

  test("among them the scale shrinks and grows, and steps of several optimizers are left out one by one", () => {
    const scales = answers.map((each) => each.map(({ scale }) => scale));
    for (const each of scales) expect(each.some((scale, k) => scale < each[k - 1]!)).toBe(true);
    expect(scales.some((each) => each.some((scale, k) => scale > each[k - 1]!))).toBe(true);
    expect(drawn.filter((run) => run.optimizers.length > 1).length).toBeGreaterThan(3);
  });
});

test("goes on bit for bit from a state dict that was JSON", inScope(() => {
  const [run] = drawn;
  const original = make(run!);
  run!.steps.slice(0, 90).forEach((given) => original.step(given));
  const resumed = make(run!);
  resumed.scaler.loadStateDict(JSON.parse(JSON.stringify(original.scaler.stateDict())));
  expect(resumed.scaler.stateDict()).toEqual(original.scaler.stateDict());
  resumed.all.forEach(({ params, optimizer }, i) => {
    (optimizer as SGD).loadStateDict((original.all[i]!.optimizer as SGD).stateDict());
    params.forEach((param, k) => param.detach().copy_(original.all[i]!.params[k]!));
  });
  for (const given of run!.steps.slice(90)) expect(resumed.step(given)).toEqual(original.step(given));
}));

/** A parameter of one element with its optimizer; its loss is linear, so that the gradient is the given one. */
function problem(gradient = 1) {
  const param = tensor([1], { requiresGrad: true });
  return { param, optimizer: new SGD([param], { lr: 0.5 }), loss: () => param.mul(gradient).sum() };
}

describe("a step", () => {
  test("takes the scale back out of the gradients, and goes by the scaled loss", inScope(() => {
    const { param, optimizer, loss } = problem(3);
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
    const { param, optimizer, loss } = problem(1e35);
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
    const [one, two] = [problem(), problem()];
    const scaler = new GradScaler({ growthInterval: 1 });
    scaler.scale([one.loss(), two.loss()]).forEach((each) => each.backward());
    two.param.grad = tensor([NaN]);
    scaler.step(one.optimizer);
    expect(scaler.step(two.optimizer)).toBeNull();
    scaler.update();
    expect([one.param.item(), two.param.item(), scaler.getScale()]).toEqual([0.5, 1, 32768]);
  }));

  test("passes arguments on, and gives what the optimizer gives", inScope(() => {
    const { param, loss } = problem();
    const optimizer = { paramGroups: [{ params: [param] }], step: (...given: [number, string]) => given.join() };
    const scaler = new GradScaler();
    scaler.scale(loss()).backward();
    expect(scaler.step(optimizer, 3, "a")).toBe("3,a");
  }));

  test("may lie in scopes of its own, and leaves no handle", () => {
    const { param, optimizer, loss } = scope(() => problem());
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
    const { param, optimizer, loss } = problem();
    const scaler = new GradScaler();
    const stale = scaler.scale(loss());
    param.grad = tensor([Infinity]);
    scaler.step(optimizer);
    scaler.update();
    expectError(() => stale.backward(), "ERR_NATIVE", /modified by an inplace operation/);
  }));
});

test("float16 training under autocast needs it, and works with it", { timeout: 60_000 }, inScope(() => {
  manualSeed(2);
  const [x, w] = [randn([64, 8]), randn([8, 1])];
  const y = x.matmul(w).mul(1e-4);
  const train = (scaler: GradScaler) => {
    manualSeed(3);
    const model = new Linear(8, 1, { bias: false });
    model.weight.detach().zero_();
    const optimizer = new SGD(model.parameters(), { lr: 0.1 });
    const losses = Array.from({ length: 60 }, () =>
      scope(() => {
        optimizer.zeroGrad();
        // A loss in float16 arithmetic, whose gradients are below what float16 holds.
        const loss = autocast(() => mseLoss(model.forward(x).to("float32"), y), { dtype: "float16" });
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

describe("an optimizer that scales by itself", () => {
  /** Remembers how it was called. */
  class Fake implements ScaledSteps {
    readonly calls: unknown[] = [];
    readonly paramGroups = [{ params: [] as Tensor[], lr: 1 }];
    skipping = false;
    step(...closures: string[]) {
      this.calls.push(["step", ...closures]);
      return { skipped: false, losses: [1] };
    }
    stepScaled(scale: number, ...closures: string[]) {
      this.calls.push(["stepScaled", scale, ...closures]);
      return { skipped: this.skipping, losses: [2] };
    }
    finishScaled(scale: number) {
      this.calls.push(["finishScaled", scale]);
      return { skipped: this.skipping };
    }
  }

  test("is given the scale, and tells whether the step was left out", () => {
    const fake = new Fake();
    const scaler = new GradScaler({ initScale: 8, growthInterval: 2 });
    expect(scaler.step(fake, "a", "b")).toEqual({ skipped: false, losses: [2] });
    scaler.update();
    expect(scaler.step(fake)).toEqual({ skipped: false });
    scaler.update();
    expect(scaler.getScale()).toBe(16);
    fake.skipping = true;
    expect(scaler.step(fake, "c")).toEqual({ skipped: true, losses: [2] });
    scaler.update();
    expect([scaler.getScale(), scaler.stateDict().growthTracker]).toEqual([8, 0]);
    scaler.step(fake);
    scaler.update();
    expect(fake.calls).toEqual([["stepScaled", 8, "a", "b"], ["finishScaled", 8], ["stepScaled", 16, "c"], ["finishScaled", 8]]);
    expect(scaler.getScale()).toBe(4);
  });

  test("keeps its turn: no second step, no unscale(); one that throws may be tried again", () => {
    const fake = new Fake();
    const scaler = new GradScaler();
    expectError(() => scaler.unscale(fake), "ERR_ARGUMENT", /^GradScaler\.unscale\(optimizer\): Fake unscales what it gathers by itself, in step\(\)/);
    fake.stepScaled = () => { throw new Error("mine"); };
    expect(() => scaler.step(fake, "a")).toThrow("mine");
    expectError(() => scaler.update(), "ERR_STATE", /no gradients were checked/);
    scaler.step(fake);
    expectError(() => scaler.step(fake), "ERR_STATE", /^GradScaler\.step\(\): was called already for this optimizer since the last update\(\)/);
    scaler.update();
  });

  test("is left alone when the scaler is off: a step is a step, one begun by hand is ended with scale 1", () => {
    const fake = new Fake();
    const scaler = new GradScaler({ enabled: false });
    scaler.unscale(fake);
    expect(scaler.step(fake, "a")).toEqual({ skipped: false, losses: [1] });
    expect(scaler.step(fake)).toEqual({ skipped: false });
    scaler.update();
    expect(fake.calls).toEqual([["step", "a"], ["finishScaled", 1]]);
  });
});

test("a scaler that is off changes nothing", inScope(() => {
  const { param, optimizer, loss } = problem();
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

test("options and the scale can be read and set", inScope(() => {
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
  const { param, optimizer, loss } = problem();
  scaler.scale(loss()).backward();
  scaler.step(optimizer);
  scaler.update(2);
  scaler.scale(loss());
  scaler.step(optimizer);
  expect([scaler.getScale(), param.item()]).toEqual([2, 0.25]);
}));

describe("errors", () => {
  test("of order", inScope(() => {
    const { optimizer, loss, param } = problem();
    const scaler = new GradScaler();
    expectError(() => scaler.update(), "ERR_STATE", /^GradScaler\.update\(\): no gradients were checked since the last update\(\); call step\(optimizer\) before$/);
    expectError(() => scaler.step(optimizer), "ERR_STATE", /^GradScaler\.step\(\): the loss was not scaled: call scaler\.scale\(loss\)\.backward\(\)$/);
    expectError(() => scaler.unscale(optimizer), "ERR_STATE", /^GradScaler\.unscale\(\): the loss was not scaled/);
    scaler.scale(loss());
    expectError(() => scaler.step(optimizer), "ERR_STATE", /^GradScaler\.step\(\): none of the optimizer's parameters has a gradient/);
    scaler.update(2);
    scaler.scale(loss()).backward();
    scaler.unscale(optimizer);
    expectError(() => scaler.unscale(optimizer), "ERR_STATE", /^GradScaler\.unscale\(\): was called already for this optimizer/);
    expect(param.grad!.item()).toBe(1);
    scaler.step(optimizer);
    expectError(() => scaler.unscale(optimizer), "ERR_STATE", /^GradScaler\.unscale\(\): is called after step\(\)/);
    expectError(() => scaler.step(optimizer), "ERR_STATE", /^GradScaler\.step\(\): was called already/);
    expect(param.item()).toBe(0.5);
    scaler.update();
    expectError(() => scaler.update(), "ERR_STATE", /no gradients were checked/);
  }));

  test("of arguments", inScope(() => {
    for (const [options, text] of [
      [{ initScale: 0 }, /initScale: expected a positive number that float32 holds/], [{ initScale: 1e39 }, /initScale/], [{ growthFactor: 1 }, /growthFactor: expected a finite number above 1/],
      [{ backoffFactor: 1 }, /backoffFactor: expected a number between 0 and 1/], [{ backoffFactor: 0 }, /backoffFactor/], [{ growthInterval: 1.5 }, /growthInterval: expected an integer/],
      [{ growthInterval: 0 }, /growthInterval/], [{ enabled: 1 }, /enabled: expected a boolean/], [{ device: 1 }, /device: expected a string/],
      [{ init_scale: 1 }, /^GradScaler: unknown option 'init_scale'; the options are initScale, growthFactor/],
    ] as const)
      expectError(() => new GradScaler(options as never), "ERR_ARGUMENT", text);
    const scaler = new GradScaler();
    expectError(() => scaler.scale(3 as never), "ERR_ARGUMENT", /^GradScaler\.scale\(loss\): expected a Tensor or an iterable of Tensors, got the number 3$/);
    expectError(() => scaler.scale([tensor(1), 3 as never]), "ERR_ARGUMENT", /^GradScaler\.scale\(loss\)/);
    for (const wrong of [null, {}, { paramGroups: [] }, new GradScaler()]) {
      expectError(() => (scaler as unknown as { step(optimizer: unknown): unknown }).step(wrong), "ERR_ARGUMENT", /^GradScaler\.step\(optimizer\): expected an optimizer, with paramGroups and step\(\)/);
      expectError(() => scaler.unscale(wrong as never), "ERR_ARGUMENT", /^GradScaler\.unscale\(optimizer\): expected an optimizer/);
    }
    for (const scale of [0, -1, NaN, "2", ones([1]).mul(0)]) expectError(() => scaler.update(scale as never), "ERR_ARGUMENT", /^GradScaler\.update\(newScale\): expected a positive number/);
    expectError(() => scaler.setGrowthFactor(0.5), "ERR_ARGUMENT", /^GradScaler\.setGrowthFactor: growthFactor: expected/);
    expectError(() => scaler.setBackoffFactor(2), "ERR_ARGUMENT", /^GradScaler\.setBackoffFactor: backoffFactor: expected/);
    expectError(() => scaler.setGrowthInterval(-1), "ERR_ARGUMENT", /^GradScaler\.setGrowthInterval: growthInterval: expected/);
    expect(scaler.stateDict()).toEqual(new GradScaler().stateDict());
  }));

  test("of state dicts change nothing", inScope(() => {
    const scaler = new GradScaler({ initScale: 4 });
    const before = scaler.stateDict();
    for (const [dict, text] of [
      [null, /expected \{ scale, growthFactor, .* \} from stateDict\(\), got null/], [{}, /the state dict is empty: it was saved by a scaler with enabled: false/],
      [{ ...before, scale: "4" }, /scale: expected a positive number/], [{ ...before, growthTracker: -1 }, /growthTracker: expected an integer/],
      [{ ...before, growthFactor: undefined }, /growthFactor: expected a finite number above 1, got undefined/], [{ scale: 3, growthTracker: 1 }, /growthFactor/],
    ] as const)
      expectError(() => scaler.loadStateDict(dict as never), "ERR_ARGUMENT", text);
    expect(scaler.stateDict()).toEqual(before);
  }));
});
