import * as reference from "dgsam/reference";
import { beforeAll, describe, expect, it } from "vitest";
import { CASES, type Case } from "./cases.js";
import { hasTorch, oracle } from "./oracle.js";
import { copies, numbers, snakeCase, worstError } from "./support.js";

const STEPS = 200;

/** After which steps parameters are compared: the first ones, where bias corrections matter, and every tenth. */
const compared = (step: number) => step < 12 || step % 10 === 9;

const draw = numbers(7);
const START = [6, 3, 4, 2, 3].map((length) => Float64Array.from({ length }, () => 2 * draw()));
/**
 * Five parameters: always a gradient; one that first appears at step 13; one that is gone from step 120 on; one that comes
 * and goes; one that never has any. The gradients change in size, so that AMSGrad's maximum matters.
 */
const GRADS: (Float64Array | null)[][] = Array.from({ length: STEPS }, (_, step) => {
  const present = [true, step >= 12, step < 119, step % 3 !== 1, false];
  return START.map((param, index) => (present[index] ? param.map(() => draw() * (step % 7 === 0 ? 20 : 1)) : null));
});

describe.skipIf(!hasTorch)(`the base optimizers equal torch.optim in float64 over ${STEPS} steps`, () => {
  let trajectories: number[][][][];
  beforeAll(() => {
    trajectories = oracle("reference/base_optimizers.py", {
      params: START.map((param) => [...param]),
      steps: GRADS.map((grads) => grads.map((grad) => grad && [...grad])),
      compared: GRADS.map((_, step) => compared(step)),
      cases: CASES.map(({ name, options }) => ({ name, options: snakeCase(options) })),
    });
  });

  it.each(CASES.map((each, index) => ({ ...each, index })))("$name $options", ({ name, options, index }) => {
    const params = copies(START);
    const optimizer = new reference[name](params, options);
    const expected = trajectories[index]!.values();
    for (const [step, grads] of GRADS.entries()) {
      optimizer.step(grads);
      if (compared(step)) expect(worstError(params, expected.next().value!), `step ${step + 1}`).toBeLessThanOrEqual(1e-12);
    }
    expect(params[4]).toEqual(START[4]);
  });

  it("tells the option combinations apart: no two of them end alike", () => {
    // But by definition: what says nothing without a momentum or a weight decay; AdamW without weight decay, which is Adam; a
    // divisor that RAdam never uses since its variance stays intractable.
    const same = ({ name, options: { momentum, dampening, weightDecay, decoupledWeightDecay, betas, eps, momentumDecay } }: Case) =>
      (momentum === 0 && dampening === 0.3) ||
      (weightDecay === 0 && (name === "AdamW" || decoupledWeightDecay === true)) ||
      (name === "NAdam" && (betas as number[] | undefined)?.[0] === 0 && momentumDecay === 0.3) ||
      (name === "RAdam" && (betas as number[] | undefined)?.[1] === 0.6 && eps === 1e-3);
    const ends = CASES.flatMap((one, index) => (same(one) ? [] : [JSON.stringify(trajectories[index]!.at(-1))]));
    expect(new Set(ends).size).toBe(ends.length);
  });
});
