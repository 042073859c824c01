/** What late steps (`check: "late"`) found, and who reads it when. */
import { Adam, crossEntropy, DGSAM, ERM, keep, ops, randint, randn, SAM, scope, SGD, SharpnessAware, tensor, zeros, type Closure, type Passes, type Tensor } from "dgsam";
import { setImmediate } from "node:timers/promises";
import { inspect } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { UnreadSteps } from "../../../lib/optim/sharpness/late-step.js";
import { native } from "../../../lib/native.js";
import { expectError, values, worstError } from "../support.js";
import { problem, spoil } from "./late-problem.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const { aten } = ops;

describe("what a step found", () => {
  test("can be read when others were taken since, several times, and printed", () => {
    const { model, batches, closures } = problem();
    const optimizer = new SAM(model.parameters(), SGD, { lr: 0.1, check: "late" });
    const first = optimizer.step(closures);
    const good = batches[0]!.x.clone();
    spoil(batches[0]!);
    const second = optimizer.step(closures);
    aten.copy_(batches[0]!.x, good);
    const third = optimizer.step(closures);
    expect(inspect(third)).toMatch(/losses: \[ \d/);
    for (let i = 0; i < 2; i++) expectError(() => void second.gradNorms, "ERR_NON_FINITE", /the loss of domain 0 \(pass 1\) is NaN/);
    expect(optimizer.stateDict().steps).toBe(2);
    expect(first.perturbedLoss).toBeGreaterThan(0);
    expect(first.losses).not.toEqual(third.losses);
    expect(JSON.parse(JSON.stringify(first))).toEqual({ ...first });
    expect(third.gradNorms.length).toBe(2);
  });

  test("is each step's own, however many were taken since, and bounded in memory", () => {
    const { model, batches, closures } = problem();
    const optimizer = new ERM(model.parameters(), SGD, { lr: 0.01, check: "late", policy: "skip" });
    const count = () => (native as unknown as { memoryStats(): { handles: number } }).memoryStats().handles;
    const good = batches[0]!.x.clone();
    void optimizer.step(closures).losses;
    const before = count();
    const results = Array.from({ length: UnreadSteps.LIMIT + 6 }, (_, step) => {
      if (step === 2) scope(() => spoil(batches[0]!));
      const result = optimizer.step(closures);
      if (step === 2) scope(() => void aten.copy_(batches[0]!.x, good));
      return result;
    });
    // Steps that were settled to make room say nothing until they are asked. Blocks are 64 rows and three tensors: two are full, of which one is settled and waits for its next use.
    expect(count()).toBe(before + 2 * 67);
    expect(optimizer.stateDict().steps).toBe(1 + UnreadSteps.LIMIT + 5);
    expect(results.map(({ skipped }, step) => [step, skipped]).filter(([, skipped]) => skipped)).toEqual([[2, true]]);
    expect(count()).toBe(before + 67);
    for (let i = 0; i < 3 * UnreadSteps.LIMIT; i++) optimizer.step(closures);
    expect(count()).toBeLessThanOrEqual(before + 3 * 67);
    optimizer.dispose();
    expect(count()).toBeLessThanOrEqual(before);
    const expected = problem();
    const sync = new ERM(expected.model.parameters(), SGD, { lr: 0.01, check: "sync" });
    void sync.step(expected.closures);
    for (const [step, { losses }] of results.entries()) if (step !== 2) expect(worstError(losses, sync.step(expected.closures).losses), `step ${step}`).toBeLessThan(1e-5);
  });

  test("is told of passes in scopes of their own, of two in a row, and of a closure that reuses its memory", () => {
    class Scoped extends SharpnessAware {
      static readonly isPlannable = true;
      protected run(passes: Passes): void {
        scope(() => passes.differentiate(0));
        this.climb.ascend({ accumulate: true });
        passes.differentiate(0);
        passes.differentiate(1);
        this.climb.gather({ sum: 1 });
      }
    }
    const take = (check: "late" | "sync") => {
      const { model, closures } = problem();
      const memory = zeros([]);
      const reused = closures.map((closure) => (): Tensor => {
        aten.detach_(memory);
        return aten.copy_(memory, closure());
      });
      const optimizer = new Scoped(model.parameters(), SGD, { lr: 0.1, check });
      const results = [closures, reused].map((each) => ({ ...optimizer.step(each.slice(0, 2)) }));
      return results.flatMap(({ losses, gradNorms }) => [...losses, ...gradNorms]);
    };
    expect(worstError(take("late"), take("sync"))).toBeLessThan(1e-5);
  });

  test("is told of losses that the caller keeps, disposes of or overwrites, and nothing of a pass that failed", () => {
    class Catching extends SharpnessAware {
      static readonly isPlannable = true;
      protected run(passes: Passes): void {
        expect(() => passes.differentiate(0)).toThrow("no batch");
        passes.differentiate(1);
        this.climb.gather({ sum: 1 });
      }
    }
    const take = (check: "late" | "sync") => {
      const w = tensor([0.5, -1], { requiresGrad: true });
      const options = { lr: 0.1, check };
      let last: Tensor | null = null;
      const next = (before: (loss: Tensor) => void) => (): Tensor => {
        if (last !== null && last.handle !== 0) before(last);
        return (last = w.square().sum());
      };
      const told: number[] = [];
      for (const Wrapper of [ERM, SAM, DGSAM]) {
        for (const closure of [next((loss) => loss.dispose()), next((loss) => void loss.detach().zero_()), next((loss) => void keep(loss))]) {
          last = null;
          const { losses, gradNorms } = new Wrapper([w], SGD, options).step([[closure, closure], closure]);
          told.push(...losses, ...gradNorms);
        }
      }
      const fails = (): Tensor => {
        throw new Error("no batch");
      };
      const { losses } = new Catching([w], SGD, options).step([[(): Tensor => w.mul(10).square().sum(), fails], (): Tensor => w.square().sum()]);
      expect(losses[0]).toBeNaN();
      return [...told, losses[1]!];
    };
    expect(worstError(take("late"), take("sync"))).toBeLessThan(1e-6);
  });

  test("is read when the optimizer has been disposed, and when its neighbours were read long ago; no memory is left", () => {
    const { model, closures } = problem();
    const count = () => (native as unknown as { memoryStats(): { handles: number } }).memoryStats().handles;
    // As many as fill a block, and a few; domains come and go.
    const take = (check: "late" | "sync") => {
      const { model, closures } = problem();
      const optimizer = new ERM(model.parameters(), SGD, { lr: 0.01, check });
      return { optimizer, results: Array.from({ length: 70 }, (_, i) => optimizer.step(closures.slice(i % 2))) };
    };
    const expected = take("sync").results;
    new ERM(model.parameters(), SGD, { lr: 0.01, check: "late" }).step(closures);
    collect();
    const { optimizer, results } = take("late");
    const check = (i: number) => expect(worstError(results[i]!.losses, expected[i]!.losses), `step ${i}`).toBeLessThan(1e-5);
    for (let i = 0; i < 70; i += 3) check(i);
    const before = count();
    optimizer.dispose();
    // Two blocks, of which one has its numbers on the way and the other still waits for readers.
    expect(count()).toBeLessThan(before);
    for (let i = 69; i >= 0; i--) check(i);
    expect(count()).toBeLessThanOrEqual(before - 2 * 65);
  });

  test("leaves the gradients of later steps alone", () => {
    const { model, batches, closures } = problem();
    const optimizer = new ERM(model.parameters(), SGD, { lr: 0.1, check: "late", policy: "skip" });
    const good = batches[0]!.x.clone();
    void optimizer.step(closures).losses;
    spoil(batches[0]!);
    const stopped = optimizer.step(closures);
    aten.copy_(batches[0]!.x, good);
    optimizer.zeroGrad();
    optimizer.step(closures);
    const gradients = model.parameters().map(({ grad }) => values(grad!));
    expect(stopped.skipped).toBe(true);
    expect(model.parameters().map(({ grad }) => grad && values(grad))).toEqual(gradients);
  });

  test("is not read at the end of a scope", () => {
    const { model, batches, closures } = problem();
    const optimizer = new ERM(model.parameters(), SGD, { lr: 0.01, check: "late" });
    spoil(batches[0]!);
    const result = scope(() => [optimizer.step(closures)])[0]!;
    expectError(() => void result.losses, "ERR_NON_FINITE", /domain 0/);
  });

  test("holds no minibatch", async () => {
    const { model } = problem();
    const optimizer = new DGSAM(model.parameters(), Adam, { lr: 0.01, check: "late" });
    let freed = 0;
    const registry = new FinalizationRegistry(() => void freed++);
    const step = () => {
      const batches = [0, 1].map(() => ({ x: randn([4, 6]), y: randint(3, [4]) }));
      for (const each of batches) registry.register(each, null);
      return optimizer.step(batches.map((batch) => () => crossEntropy(model.forward(batch.x) as Tensor, batch.y)));
    };
    const results = [step(), step(), step()];
    for (let i = 0; i < 50 && freed < 6; i++) {
      collect();
      await setImmediate();
    }
    expect(freed).toBe(6);
    expect(results.every(({ losses }) => losses.every(Number.isFinite))).toBe(true);
  });

  test("says which pass, and what of it, was not finite", () => {
    const w = zeros([3], { requiresGrad: true });
    const linear = (slope: number): Closure => () => aten.sum(aten.mul(w, slope));
    const step = (slopes: number[], Wrapper: typeof DGSAM | typeof ERM = DGSAM) =>
      void new (Wrapper as typeof DGSAM)([w], SGD, { check: "late", order: "fixed", lr: 0.1 } as never).step(slopes.map(linear)).losses;
    expectError(() => step([1, Infinity]), "ERR_NON_FINITE", /the loss of domain 1 \(pass 2\) is (NaN|Infinity)/);
    // The loss is 0 where its gradient is infinite.
    const root: Closure = () => aten.sum(aten.sqrt(aten.mul(w, w)));
    const optimizer = new SAM([w], SGD, { check: "late" });
    expectError(() => void optimizer.step([linear(1), root, linear(2)]).losses, "ERR_NON_FINITE", /the gradient of domain 1 \(pass 1\) is NaN/);
    expect(values(w.detach())).toEqual([0, 0, 0]);
  });

  test("has room for any number of domains and passes", () => {
    class Many extends SharpnessAware {
      static readonly isPlannable = true;
      protected run(passes: Passes): void {
        for (let i = 0; i < 100; i++) passes.differentiate(i % passes.domains);
        this.climb.gather();
      }
    }
    const w = zeros([3], { requiresGrad: true });
    const optimizer = new Many([w], SGD, { lr: 0.1, check: "late" });
    const { losses, gradNorms } = optimizer.step([() => aten.sum(aten.add(w, 1))]);
    expect(losses).toEqual([3]);
    expect(gradNorms[0]).toBeCloseTo(Math.sqrt(3), 6);
  });
});
