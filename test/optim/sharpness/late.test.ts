/**
 * Steps that wait for nothing (`check: "late"`) come to the same as those that look at every number, and a step that is not finite
 * is left out without the host. This is how steps on a GPU are; here the CPU takes them.
 */
import {
  Adadelta, Adagrad, Adam, Adamax, AdamW, BatchNorm1d, capture, crossEntropy, DGSAM, DISAM, ERM, GradScaler, Linear, LookSAM, NAdam, ops, RAdam, RMSprop, SAM, scope, SGD,
  SharpnessAware, zeros, type Closure, type Passes, type StepResult, type Tensor,
} from "dgsam";
import { afterEach, describe, expect, test } from "vitest";
import { native } from "../../../lib/native.js";
import { bits, expectError, stateBits, values, worstError } from "../support.js";
import { FAMILY, type AnyWrapper } from "./family.js";
import { numbers, problem, spoil } from "./late-problem.js";

const { aten } = ops;
// LookSAM by default takes its second gradient in none but the first of the few steps here.
const LATE = [...FAMILY, { name: "LookSAM, k = 2", Wrapper: LookSAM as never as AnyWrapper, options: { k: 2 } }];
const BASES = [
  { Base: SGD, options: { lr: 0.1 } }, { Base: SGD, options: { lr: 0.1, momentum: 0.9, nesterov: true } },
  { Base: SGD, options: { lr: 0.1, momentum: 0.9, dampening: 0.5 } }, { Base: Adam, options: { lr: 0.01, amsgrad: true } }, { Base: AdamW, options: { lr: 0.01 } },
  { Base: RMSprop, options: { lr: 0.01, eps: 0.1, momentum: 0.5, centered: true } }, { Base: Adagrad, options: { lr: 0.01, lrDecay: 0.1 } },
  { Base: Adadelta, options: { eps: 0.1 } }, { Base: NAdam, options: { lr: 0.01, eps: 0.1 } }, { Base: RAdam, options: { lr: 0.01, eps: 0.1 } }, { Base: Adamax, options: { lr: 0.01, eps: 0.1 } },
].map((each) => ({ ...each, name: `${each.Base.name} ${JSON.stringify(each.options)}` }));

describe.each(BASES)("late steps over $name", ({ Base, options }) => {
  test.each(LATE)("$name gives what looking gives", ({ Wrapper, options: own }) => {
    const run = (check: "sync" | "late") => {
      const { model, closures } = problem();
      const optimizer = new Wrapper(model.parameters(), Base, { ...options, ...own, model, check });
      const results = Array.from({ length: 4 }, () => optimizer.step(closures) as StepResult & Record<string, unknown>);
      return { numbers: numbers(model), results: results.map((result) => ({ ...result })), steps: optimizer.stateDict().steps };
    };
    const [late, sync] = [run("late"), run("sync")];
    expect(worstError(late.numbers, sync.numbers)).toBeLessThan(1e-5);
    expect(late.steps).toBe(4);
    late.results.forEach((result, i) => {
      const expected = sync.results[i]!;
      expect(Object.keys(result)).toEqual(Object.keys(expected));
      expect(worstError(result.losses, expected.losses)).toBeLessThan(1e-5);
      expect(worstError(result.gradNorms, expected.gradNorms)).toBeLessThan(1e-5);
      expect([result.skipped, result.nonFiniteDomain, result.order]).toEqual([false, null, expected.order]);
      if ("perturbedLoss" in expected) expect(result.perturbedLoss).toBeCloseTo(expected.perturbedLoss as number, 5);
    });
  });

  test.each(LATE)("$name leaves a step out that is not finite", ({ Wrapper, options: own }) => {
    for (const policy of ["throw", "skip"] as const) {
      const { model, batches, closures } = problem();
      const optimizer = new Wrapper(model.parameters(), Base, { ...options, ...own, model, check: "late", policy });
      void optimizer.step(closures).losses;
      const state = () => {
        const { base, direction } = optimizer.stateDict() as { base: unknown; direction?: Tensor[] | null };
        return stateBits([model.parameters(), [...model.buffers()], (base as { state: unknown }).state, direction]);
      };
      const before = state();
      spoil(batches[1]!);
      const step = () => optimizer.step(closures);
      if (policy === "throw") {
        expectError(() => void step().losses, "ERR_NON_FINITE", /domain 1 \(pass \d\) is NaN/);
      } else {
        expect(step()).toMatchObject({ skipped: true, nonFiniteDomain: 1 });
      }
      expect(state()).toEqual(before);
      expect(optimizer.stateDict().steps).toBe(1);
      // And goes on.
      const { batches: others } = problem(4);
      const next = optimizer.step(others.map(({ x, y }) => () => crossEntropy(model.forward(x) as Tensor, y)));
      expect(next.skipped).toBe(false);
      expect(state()).not.toEqual(before);
    }
  });
});

test.each([{ nesterov: false }, { nesterov: true }, { dampening: 0.5 }])("a first step that is left out leaves no trace in a momentum: %o", (options) => {
  const run = (spoilt: boolean) => {
    const { model, batches, closures } = problem();
    const optimizer = new SAM(model.parameters(), SGD, { lr: 0.1, momentum: 0.9, ...options, check: "late", policy: "skip" });
    if (spoilt) {
      const whole = batches[0]!.x.clone();
      spoil(batches[0]!);
      expect(optimizer.step(closures).skipped).toBe(true);
      aten.copy_(batches[0]!.x, whole);
      model.children().forEach((layer) => layer instanceof BatchNorm1d && layer.resetRunningStats());
    }
    for (let i = 0; i < 3; i++) optimizer.step(closures);
    return stateBits([model.parameters(), (optimizer.stateDict().base as { state: unknown }).state]);
  };
  expect(run(true)).toEqual(run(false));
});

test("a step that is left out leaves LookSAM's direction, and a first one none", () => {
  const run = (spoilt: number | null) => {
    const { model, batches, closures } = problem();
    const optimizer = new LookSAM(model.parameters(), SGD, { lr: 0.1, k: 2, check: "late", policy: "skip" });
    const whole = batches[0]!.x.clone();
    const results = Array.from({ length: 4 }, (_, step) => {
      if (step === spoilt) spoil(batches[0]!);
      else aten.copy_(batches[0]!.x, whole);
      return optimizer.step(closures);
    });
    return { direction: optimizer.stateDict().direction!.flatMap((each) => values(each)), optimizer, results, model };
  };
  // The third step forms one, the fourth descends along the first step's where that one stopped.
  const { direction, results } = run(2);
  const whole = run(null);
  expect(results.map(({ skipped }) => skipped)).toEqual([false, false, true, false]);
  expect(direction.some((each) => each !== 0)).toBe(true);
  expect(direction.every(Number.isFinite)).toBe(true);
  expect(direction).not.toEqual(whole.direction);
  const { closures, model } = problem();
  const first = new LookSAM(model.parameters(), SGD, { lr: 0.1, k: 2, check: "late" });
  first.step(closures);
  expect(direction).toEqual(first.stateDict().direction!.flatMap((each) => values(each)));
  // Nothing to bend along.
  const none = (steps: number) => {
    const { model: other, batches, closures: losses } = problem();
    const optimizer = new LookSAM(other.parameters(), SGD, { lr: 0.1, k: 4, check: "late", policy: "skip" });
    const good = batches[0]!.x.clone();
    spoil(batches[0]!);
    optimizer.step(losses);
    aten.copy_(batches[0]!.x, good);
    other.children().forEach((layer) => layer instanceof BatchNorm1d && layer.resetRunningStats());
    for (let i = 0; i < steps; i++) optimizer.step(losses);
    expect(optimizer.stateDict().direction!.flatMap((each) => values(each)).every((each) => each === 0)).toBe(true);
    return numbers(other);
  };
  const { model: plain, closures: losses } = problem();
  const erm = new ERM(plain.parameters(), SGD, { lr: 0.1, check: "late" });
  for (let i = 0; i < 2; i++) erm.step(losses);
  expect(worstError(none(2), numbers(plain))).toBeLessThan(1e-6);
});

/** Entries of the addon that read no tensor's values; of operators, which `call` calls, see test/oracles/dgsam_ops/late.py. */
const READ_NOTHING = new Set(["call", "describe", "deviceOf", "differentiate", "gradientStamp", "gradMode", "leaveToCollector", "release", "releaseAll", "setGradMode", "zeroGrads"]);

type Entries = Record<string, (...args: unknown[]) => unknown>;
const entries = native as unknown as Entries;
const original: Entries = { ...entries };
afterEach(() => void Object.assign(entries, original));

test.each(LATE)("$name: nothing is read before the result is", ({ Wrapper, options }) => {
  const { model, closures } = problem();
  const optimizer = new Wrapper(model.parameters(), Adam, { lr: 0.01, ...options, model, check: "late", clipGradNorm: 0.1, clipGradValue: 0.05 });
  optimizer.step(closures);
  const called = new Set<string>();
  for (const [name, entry] of Object.entries(original)) if (typeof entry === "function") entries[name] = (...args) => (called.add(name), entry(...args));
  const result = optimizer.step(closures);
  const during = new Set(called);
  called.clear();
  void result.losses;
  const reading = [...called].filter((name) => !during.has(name));
  Object.assign(entries, original);
  // By whatever entry it is read, the step did not call it; that it calls no operator which reads is checked where these are.
  expect(reading.length).toBeGreaterThan(0);
  expect([...during].filter((name) => !READ_NOTHING.has(name))).toEqual([]);
});

describe("late steps", () => {
  test("take micro-batches, groups, missing gradients and captured closures", () => {
    const run = (check: "sync" | "late", Wrapper: typeof DGSAM | typeof DISAM | typeof SAM) => {
      const { model, batches } = problem();
      const extra = zeros([2], { requiresGrad: true });
      const [first, ...rest] = model.parameters();
      const optimizer = new (Wrapper as typeof DGSAM)([{ params: [first!, extra], rho: 0.2 }, { params: rest }], Adam, { lr: 0.01, check } as never);
      const loss = capture((x: Tensor, y: Tensor) => crossEntropy(model.forward(x) as Tensor, y));
      const results = [0, 1, 2].map(() => optimizer.step(batches.map(({ x, y }, domain) => {
        const halves = [0, 2].map((start) => loss.on(aten.narrow(x, 0, start, 2), aten.narrow(y, 0, start, 2)));
        // One domain alone reaches it.
        return domain === 1 ? () => aten.add(crossEntropy(model.forward(x) as Tensor, y), aten.sum(extra)) : halves;
      })));
      return { numbers: [...numbers(model), ...values(extra.detach())], losses: results.flatMap(({ losses }) => losses) };
    };
    for (const Wrapper of [DGSAM, DISAM, SAM]) {
      const [late, sync] = [run("late", Wrapper), run("sync", Wrapper)];
      expect(worstError(late.numbers, sync.numbers)).toBeLessThan(1e-5);
      expect(worstError(late.losses, sync.losses)).toBeLessThan(1e-5);
    }
  });

  // Norms far below, about, and far above those of the gradients.
  test.each([{ clipGradNorm: 0.1 }, { clipGradNorm: 1.5 }, { clipGradNorm: 1e6 }, { clipGradNorm: 0 }, { clipGradValue: 0.02 }, { clipGradNorm: 1, clipGradValue: 0.1 }])("clip as others do: %o", (clipping) => {
    for (const Base of [SGD, Adam, RMSprop]) {
      const run = (check: "sync" | "late", clips: object) => {
        const { model, closures } = problem();
        const optimizer = new DGSAM(model.parameters(), Base as typeof SGD, { lr: 0.01, ...clips, check });
        const results = [0, 1, 2].map(() => optimizer.step(closures));
        return { numbers: numbers(model), grads: model.parameters().flatMap(({ grad }) => values(grad!)), norms: results.flatMap(({ gradNorms }) => gradNorms) };
      };
      const [late, sync, whole] = [run("late", clipping), run("sync", clipping), run("late", {})];
      expect(worstError(late.numbers, sync.numbers)).toBeLessThan(1e-5);
      expect(worstError(late.grads, sync.grads)).toBeLessThan(1e-5);
      // The norms that are told are the whole gradients'.
      expect(worstError(late.norms, sync.norms)).toBeLessThan(1e-5);
      if (clipping.clipGradNorm === 1e6) expect(late.grads).toEqual(whole.grads);
      else expect(worstError(late.grads, whole.grads)).toBeGreaterThan(1e-3);
    }
  });

  test("clip the last gradient of one parameter to the bits of a step that looks", () => {
    const run = (check: "sync" | "late") => {
      const w = aten.add(zeros([7]), 0.1).requiresGrad_();
      const optimizer = new SAM([w], SGD, { lr: 0.1, momentum: 0.9, clipGradNorm: 0.3, clipGradValue: 0.12, check });
      for (let i = 0; i < 4; i++) optimizer.step(() => aten.sum(aten.mul(aten.sin(w), w)));
      return stateBits([w, w.grad]);
    };
    expect(run("late")).toEqual(run("sync"));
  });

  test("that clip leave out what is not finite, by the policy", () => {
    for (const policy of ["throw", "skip"] as const) {
      const { model, batches, closures } = problem();
      const optimizer = new DGSAM(model.parameters(), Adam, { lr: 0.01, model, policy, clipGradNorm: 0.5, clipGradValue: 0.1, check: "late" });
      void optimizer.step(closures).losses;
      const state = () => stateBits([model.parameters(), [...model.buffers()], (optimizer.stateDict().base as { state: unknown }).state]);
      const before = state();
      spoil(batches[1]!);
      const result = optimizer.step(closures);
      if (policy === "throw") expectError(() => void result.skipped, "ERR_NON_FINITE", /domain 1 \(pass \d\) is NaN/);
      else expect(result).toMatchObject({ skipped: true, nonFiniteDomain: 1 });
      expect(state()).toEqual(before);
    }
  });

  test("go with a GradScaler, which reads whether they were left out", () => {
    const { model, batches, closures } = problem();
    const optimizer = new SAM(model.parameters(), SGD, { lr: 0.1, check: "late" });
    const scaler = new GradScaler({ initScale: 1024 });
    scaler.step(optimizer, closures);
    scaler.update();
    expect(scaler.getScale()).toBe(1024);
    const before = bits(model.parameters());
    spoil(batches[2]!);
    scaler.step(optimizer, closures);
    scaler.update();
    expect(scaler.getScale()).toBe(512);
    expect(bits(model.parameters())).toEqual(before);
  });

  test("that fail otherwise leave all as it was", () => {
    const { model, closures } = problem();
    const optimizer = new DGSAM(model.parameters(), Adam, { lr: 0.01, model, check: "late", order: "fixed" });
    void optimizer.step(closures).losses;
    const state = () => stateBits([model.parameters(), [...model.buffers()], (optimizer.stateDict().base as { state: unknown }).state, optimizer.stateDict().steps]);
    const before = state();
    const failing = () => { throw new Error("mine"); };
    expect(() => optimizer.step([closures[0]!, failing, closures[2]!])).toThrow("mine");
    expect(state()).toEqual(before);
    expectError(() => optimizer.step([closures[0]!, () => zeros([2], { requiresGrad: true })]), "ERR_SHAPE", /closure 1: expected a loss of one element/);
    expect(state()).toEqual(before);
  });

  test("that fail in the midst of the first ascent bring everything back, looking or not", () => {
    for (const check of ["late", "sync"] as const) {
      const a = aten.add(zeros([2]), 3).requiresGrad_();
      // Nothing can be written to it.
      const b = aten.expand(zeros([1]), [4]).requiresGrad_();
      const optimizer = new SAM([a, b], SGD, { lr: 0.1, rho: 0.5, check });
      expect(() => optimizer.step(() => aten.add(aten.sum(a), aten.sum(b)))).toThrow();
      expect(values(a.detach()), check).toEqual([3, 3]);
    }
  });

  test("that fail before they begin leave no ledger behind", () => {
    const w = aten.add(zeros([2]), 1).requiresGrad_();
    let fails = true;
    const model = { buffers: () => { if (fails) throw new Error("mine"); return []; }, setRunningStats: () => {} };
    const optimizer = new SAM([w], SGD, { lr: 0.1, check: "late", model });
    expect(() => optimizer.step(() => aten.sum(w))).toThrow("mine");
    fails = false;
    aten.sum(aten.mul(w, NaN)).backward();
    expectError(() => optimizer.firstStep(), "ERR_NON_FINITE", /first pass/);
  });

  test("tell the norms of a model that was converted", () => {
    const model = new Linear(3, 2);
    const optimizer = new SAM(model.parameters(), SGD, { lr: 0, check: "late" });
    const step = (dtype: "float32" | "float64") => optimizer.step(() => aten.sum(model.forward(aten.add(zeros([2, 3], { dtype }), 1)) as Tensor)).gradNorms;
    const before = step("float32");
    model.to("float64");
    const after = step("float64");
    expect(after.length).toBe(2);
    expect(worstError(after, before)).toBeLessThan(1e-6);
  });

  test("that were left out do not touch a state that was loaded since, and clear what they left", () => {
    const { model, batches, closures } = problem();
    const optimizer = new SAM(model.parameters(), SGD, { lr: 0.1, check: "late", policy: "skip" });
    for (let i = 0; i < 3; i++) void optimizer.step(closures).losses;
    const saved = optimizer.stateDict();
    spoil(batches[0]!);
    const bad = optimizer.step(closures);
    optimizer.loadStateDict(saved);
    expect(bad.skipped).toBe(true);
    expect(optimizer.stateDict().steps).toBe(3);
    expect(model.parameters().map(({ grad }) => grad)).toEqual(model.parameters().map(() => null));
    // But not what came since.
    const other = optimizer.step(closures);
    optimizer.zeroGrad();
    aten.sum(aten.cat(model.parameters().map((each) => each.flatten()))).backward();
    expect(other.skipped).toBe(true);
    expect(model.parameters().every(({ grad }) => grad !== null)).toBe(true);
  });

  test("that were left out clear no gradients of a later pass, though they look the same", () => {
    for (const Wrapper of [ERM, SAM]) {
      const w = zeros([2], { requiresGrad: true });
      const optimizer = new Wrapper([w], SGD, { lr: 0.1, check: "late", policy: "skip" });
      const bad = optimizer.step(() => aten.sum(aten.mul(w, NaN)));
      optimizer.zeroGrad();
      aten.sum(aten.mul(w, 2)).backward();
      expect(bad.skipped).toBe(true);
      expect(w.grad?.toArray(), Wrapper.name).toEqual([2, 2]);
      const worse = optimizer.step(() => aten.sum(aten.mul(w, NaN)));
      expect([worse.skipped, w.grad]).toEqual([true, null]);
    }
  });

  test("that were left out say so after their parameters were disposed of", () => {
    for (const policy of ["skip", "throw"] as const) {
      const result = scope(() => {
        const w = zeros([2], { requiresGrad: true });
        return new DGSAM([w], SGD, { lr: 0.1, check: "late", policy }).step([() => aten.sum(aten.mul(w, NaN))]);
      });
      for (let i = 0; i < 2; i++) {
        if (policy === "skip") expect([result.skipped, result.nonFiniteDomain]).toEqual([true, 0]);
        else expectError(() => result.skipped, "ERR_NON_FINITE", /domain 0/);
      }
    }
  });

  test("write to no buffer that the passes do not write to", () => {
    const w = aten.add(zeros([2]), 1).requiresGrad_();
    const fixed = aten.add(zeros([2]), 1);
    const model = { buffers: () => [fixed, aten.expand(zeros([1]), [3])], setRunningStats: () => {} };
    const optimizer = new SAM([w], SGD, { lr: 0.1, check: "late", model });
    const { version } = fixed;
    expect(optimizer.step(() => aten.sum(aten.mul(w, fixed))).skipped).toBe(false);
    expect(fixed.version).toBe(version);
  });

  test("and others leave out what micro-batches add up to", () => {
    for (const check of ["late", "sync"] as const) {
      const w = zeros([1], { dtype: "float64", requiresGrad: true });
      const optimizer = new ERM([w], SGD, { lr: 0.1, check, policy: "skip" });
      const large: Closure = () => aten.sum(aten.add(w, 1.5e308));
      expect(optimizer.step([[large, large]]).skipped, check).toBe(true);
    }
  });

  test("leave nothing in memory", () => {
    const { model, closures } = problem();
    const optimizer = new SAM(model.parameters(), SGD, { lr: 0.1, check: "late" });
    const count = () => scope(() => (native as unknown as { memoryStats(): { handles: number } }).memoryStats().handles);
    void optimizer.step(closures).losses;
    void optimizer.step(closures).losses;
    const before = count();
    for (let i = 0; i < 5; i++) void optimizer.step(closures).losses;
    expect(count()).toBe(before);
  });

  test("are refused where an algorithm needs what they find", () => {
    const w = zeros([2], { requiresGrad: true });
    const closure: Closure = () => aten.sum(w);
    expectError(() => new SAM([w], SGD, { check: "now" as never }), "ERR_ARGUMENT", /check/);
    class Looks extends SharpnessAware {
      protected run(): void {}
    }
    expectError(() => new Looks([w], SGD, { check: "late" }), "ERR_ARGUMENT", /depends on no number/);
    class Weighs extends SharpnessAware {
      static readonly isPlannable = true;
      protected run(passes: Passes): void {
        passes.differentiateWeighted((losses) => losses);
      }
    }
    expectError(() => new Weighs([w], SGD, { check: "late" }).step([closure]), "ERR_STATE", /differentiateWeighted.*check: "sync"/);
    class Products extends SharpnessAware {
      static readonly isPlannable = true;
      protected run(passes: Passes): void {
        passes.differentiate(0);
        this.climb.accumulate();
        this.climb.products();
      }
    }
    expectError(() => new Products([w], SGD, { check: "late" }).step([closure]), "ERR_STATE", /products.*check: "sync"/);
  });
});
