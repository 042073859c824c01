import { GSAM, SGD } from "dgsam";
import { expect, test } from "vitest";
import { MODES } from "../modes.js";
import { values, worstError } from "../support.js";
import { quadratic } from "./quadratic.js";

test.each(MODES)("GSAM descends along gp less alpha times the part of g that is orthogonal to gp, %s", (mode) => {
  const { p, loss } = quadratic(mode);
  new GSAM([p], SGD, { lr: 0.5, rho: 5, alpha: 0.5 }).step(loss);
  // g = (3, 4); the climb of length 5 leads to (6, 16/3), where gp = (6, 16). <g, gp> / ||gp||^2 = 82 / 292, so the orthogonal
  // part is (3 - 6 * 82/292, 4 - 16 * 82/292) = (384, -144) / 292, and G = (6 - 192/292, 16 + 72/292).
  const gathered = [6 - 192 / 292, 16 + 72 / 292];
  expect(worstError(values(p.grad!), gathered)).toBeLessThan(1e-12);
  expect(worstError(values(p), [3 - 0.5 * gathered[0]!, 4 / 3 - 0.5 * gathered[1]!])).toBeLessThan(1e-12);
});
