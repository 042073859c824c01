import { SAGM, SGD } from "dgsam";
import { expect, test } from "vitest";
import { MODES } from "../modes.js";
import { values, worstError } from "../support.js";
import { quadratic } from "./quadratic.js";

test.each(MODES)("SAGM descends along the mean of g and of the gradient at p + g (rho / ||g|| - alpha), %s", (mode) => {
  const { p, loss } = quadratic(mode);
  new SAGM([p], SGD, { lr: 0.5, rho: 5, alpha: 0.25 }).step(loss);
  // g = (3, 4) times 5/5 - 1/4 = 3/4: the second gradient is taken at (21/4, 13/3), where it is (21/4, 13).
  const gathered = [(3 + 21 / 4) / 2, (4 + 13) / 2];
  expect(worstError(values(p.grad!), gathered)).toBeLessThan(1e-12);
  expect(worstError(values(p), [3 - 0.5 * gathered[0]!, 4 / 3 - 0.5 * gathered[1]!])).toBeLessThan(1e-12);
});
