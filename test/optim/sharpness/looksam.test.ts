import { LookSAM, manualSeed, ones, randn, SGD } from "dgsam";
import { describe, expect, test } from "vitest";
import { closuresIn, MODES } from "../modes.js";
import { values, worstError } from "../support.js";
import { quadratic } from "./quadratic.js";

describe.each(MODES)("LookSAM, %s", (mode) => {
  test("every k-th step is SAM's and keeps the part of gp orthogonal to g; the steps between add alpha ||g|| of its direction", () => {
    const { p, loss, visits } = quadratic(mode);
    const optimizer = new LookSAM([p], SGD, { lr: 0, rho: 5, k: 3, alpha: 0.5 });
    // g = (3, 4), gp = (6, 16) at (6, 16/3). <g, gp> / ||g||^2 = 82/25: v = (6 - 3 * 82/25, 16 - 4 * 82/25) = (-96, 72) / 25, whose
    // direction is (-4, 3) / 5. Between: (3, 4) + 0.5 * 5 * (-4, 3) / 5 = (1, 5.5).
    for (const gathered of [[6, 16], [1, 5.5], [1, 5.5], [6, 16]]) {
      optimizer.step(loss);
      expect(worstError(values(p.grad!), gathered)).toBeLessThan(1e-11);
    }
    expect(visits.points).toHaveLength(2 + 1 + 1 + 2);
    expect(values(p)).toEqual([3, 4 / 3]);
  });

  test("the descent along gp leaves a parameter alone that only the first pass reaches, as SAM does", () => {
    const { p, loss } = quadratic(mode);
    const other = ones([2], { dtype: "float64", requiresGrad: true });
    const sum = closuresIn(mode, () => other.sum())();
    let calls = 0;
    // What a pass reaches is JavaScript's to say; the losses are replays.
    new LookSAM([p, other], SGD, { lr: 0.1, weightDecay: 0.1 }).step(() => (calls++ === 0 ? loss().add(sum()) : loss()));
    expect(other.grad).toBeNull();
    expect(values(other)).toEqual([1, 1]);
  });

  // The direction of v is v / ||v||: made of rounding errors, it bent the descent by up to alpha ||g||.
  test.each([["float64", 1e-15], ["float32", 1e-6]] as const)("where gp is parallel to g there is nothing to add between, in %s", (dtype, tolerance) => {
    manualSeed(1);
    for (let trial = 0; trial < 50; trial++) {
      const p = randn([1], { dtype, requiresGrad: true });
      const slope = randn([1], { dtype });
      const loss = closuresIn(mode, () => p.square().mul(0.37).add(p.mul(slope)).sum())();
      const optimizer = new LookSAM([p], SGD, { lr: 0, rho: 0.1, k: 2 });
      optimizer.step(loss);
      optimizer.step(loss);
      const gathered = values(p.grad!);
      p.grad = null;
      loss().backward();
      expect(worstError(gathered, values(p.grad!))).toBeLessThanOrEqual(tolerance);
    }
  });
});
