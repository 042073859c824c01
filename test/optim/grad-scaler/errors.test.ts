import { GradScaler, ones, tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "../support.js";
import { inScope, problem } from "./problem.js";

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
    expectError(() => (scaler.step as (...args: unknown[]) => unknown).call(scaler, optimizer, () => 1), "ERR_ARGUMENT", /^GradScaler\.step\(optimizer\): expected no closure for SGD; call scaler\.scale\(loss\)\.backward\(\) before$/);
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
