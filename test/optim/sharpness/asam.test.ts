import { ASAM, cat, noGrad, SGD, tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { closuresIn, MODES, Visits, type Mode } from "../modes.js";
import { values, worstError } from "../support.js";

/** Loss <g, w> + <h, b>, and where it was evaluated. */
function linearProblem(mode: Mode) {
  const w = tensor([1, -2], { dtype: "float64", shape: [1, 2], requiresGrad: true });
  const b = tensor([5], { dtype: "float64", requiresGrad: true });
  const slopes = tensor([3, 1], { dtype: "float64" });
  const visits = new Visits(3);
  const loss = closuresIn(mode, () => {
    visits.note(noGrad(() => cat([w.flatten(), b])));
    return w.mul(slopes).sum().add(b.mul(0.5).sum());
  })();
  visits.reset();
  return { w, b, loss, visits };
}

describe.each(MODES)("ASAM, %s", (mode) => {
  test("the normalized form climbs rho T^2 g / ||T g|| with T = |w| + eta for weights and 1 for biases", () => {
    const { w, b, loss, visits } = linearProblem(mode);
    new ASAM([w, b], SGD, { lr: 0.1, form: "normalized", rho: 0.5, eta: 0.5 }).step(loss);
    // T = (1.5, 2.5, 1), g = (3, 1, 0.5): T g = (4.5, 2.5, 0.5) of norm sqrt(20.25 + 6.25 + 0.25); T^2 g = (6.75, 6.25, 0.5).
    const scale = 0.5 / Math.sqrt(26.75);
    expect(worstError(visits.points[1]!, [1 + 6.75 * scale, -2 + 6.25 * scale, 5 + 0.5 * scale])).toBeLessThan(1e-12);
    // Back, then down along the same gradient.
    expect(worstError([...values(w), ...values(b)], [1 - 0.3, -2 - 0.1, 5 - 0.05])).toBeLessThan(1e-15);
  });

  test("the elementwise form has T = |w| for every parameter", () => {
    const { w, b, loss, visits } = linearProblem(mode);
    new ASAM([w, b], SGD, { lr: 0.1, rho: 0.5 }).step(loss);
    // T g = (3, 2, 2.5) of norm sqrt(9 + 4 + 6.25); T^2 g = (3, 4, 12.5).
    const scale = 0.5 / Math.sqrt(19.25);
    expect(worstError(visits.points[1]!, [1 + 3 * scale, -2 + 4 * scale, 5 + 12.5 * scale])).toBeLessThan(1e-12);
  });

  test("the radius is 2 by default, 0.5 in the normalized form, whose eta is 0.01", () => {
    const climbed = (options: object) => {
      const { w, b, loss, visits } = linearProblem(mode);
      new ASAM([w, b], SGD, { lr: 0.1, ...options }).step(loss);
      return visits.points[1];
    };
    expect(climbed({})).toEqual(climbed({ form: "elementwise", rho: 2 }));
    expect(climbed({ form: "normalized" })).toEqual(climbed({ form: "normalized", rho: 0.5, eta: 0.01 }));
    expect(climbed({ form: "normalized" })).not.toEqual(climbed({ form: "normalized", rho: 0.5, eta: 0.02 }));
  });
});
