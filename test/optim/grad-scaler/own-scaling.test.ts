import { GradScaler, type ScaledSteps, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "../support.js";

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
