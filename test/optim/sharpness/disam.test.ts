import { DISAM, SGD, tensor, type Tensor } from "dgsam";
import { expect, test } from "vitest";
import { closuresIn, MODES, Visits } from "../modes.js";
import { values, worstError } from "../support.js";

test.each(MODES)("DISAM climbs along the gradient of mean loss less lambda times variance, and descends along that of the mean loss there, %s", (mode) => {
  const p = tensor([1, 1], { dtype: "float64", requiresGrad: true });
  const visits = new Visits(2);
  const closureOf = closuresIn(mode, (weights: Tensor) => (visits.note(p), p.square().mul(weights).sum()));
  const closures = [[0.5, 0], [0, 1.5]].map((weights) => closureOf(tensor(weights, { dtype: "float64" })));
  visits.reset();
  new DISAM([p], SGD, { lr: 0.5, rho: 5, lambda: 2 }).step(closures);
  const { points } = visits;
  // L = (1/2, 3/2) with gradients (1, 0) and (0, 3): mean 1, variance ((1/2)^2 + (1/2)^2) / 2. Its gradient is the mean of
  // 2 (L_d - 1) grad L_d = (-1, 0) and (0, 3), which is (-1/2, 3/2). The climb follows (1/2, 3/2) - 2 (-1/2, 3/2) = (3/2, -3/2).
  const climb = 5 / Math.SQRT2;
  const top = [1 + climb, 1 - climb];
  expect(points.slice(0, 2)).toEqual([[1, 1], [1, 1]]);
  for (const point of points.slice(2)) expect(worstError(point, top)).toBeLessThan(1e-12);
  expect(points).toHaveLength(4);
  const gathered = [top[0]! / 2, (3 * top[1]!) / 2];
  expect(worstError(values(p.grad!), gathered)).toBeLessThan(1e-12);
  expect(worstError(values(p), [1 - 0.5 * gathered[0]!, 1 - 0.5 * gathered[1]!])).toBeLessThan(1e-12);
});
