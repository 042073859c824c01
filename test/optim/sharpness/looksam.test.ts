import { LookSAM, SGD } from "dgsam";
import { describe, expect, test } from "vitest";
import { values, worstError } from "../support.js";
import { quadratic } from "./quadratic.js";

describe("LookSAM", () => {
  test("every k-th step is SAM's and keeps the part of gp orthogonal to g; the steps between add alpha ||g|| of its direction", () => {
    const { p, loss } = quadratic();
    const optimizer = new LookSAM([p], SGD, { lr: 0, rho: 5, k: 3, alpha: 0.5 });
    let calls = 0;
    const counted = () => (calls++, loss());
    // g = (3, 4), gp = (6, 16) at (6, 16/3). <g, gp> / ||g||^2 = 82/25: v = (6 - 3 * 82/25, 16 - 4 * 82/25) = (-96, 72) / 25, whose
    // direction is (-4, 3) / 5. Between: (3, 4) + 0.5 * 5 * (-4, 3) / 5 = (1, 5.5).
    for (const gathered of [[6, 16], [1, 5.5], [1, 5.5], [6, 16]]) {
      optimizer.step(counted);
      expect(worstError(values(p.grad!), gathered)).toBeLessThan(1e-11);
    }
    expect(calls).toBe(2 + 1 + 1 + 2);
    expect(values(p)).toEqual([3, 4 / 3]);
  });
});
