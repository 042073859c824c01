/**
 * The package pytorch_optimizer as an oracle that nobody here wrote. Where its rules are other ones:
 *
 * - SAM, plain and adaptive (ASAM's elementwise form): the same rule.
 * - GSAM adds its epsilon to ||g|| ||gp|| and to ||gp||, where ours divides by ||gp||^2 as it is; with an epsilon of 0 it is
 *   the same rule, but for the 1e-12 in the ascent. It comes back from the climb by subtraction.
 * - LookSAM takes norms and angles tensor by tensor, so it is compared over one tensor, and adds 1e-8 to ||v||, hence the
 *   tolerance. It takes the gradient twice in the steps between, at the same point.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { hasTorch, oracleLines } from "./oracle.js";
import { snakeCase, worstError } from "./support.js";
import { STEPS, title, trainTwin, type Variant } from "./variants.js";

const SGD = { base: "SGD", baseOptions: { lr: 0.05, momentum: 0.9 }, domains: 3 } as const;
const Adam = { base: "Adam", baseOptions: { lr: 0.01 }, domains: 3 } as const;

const cases: (Variant & { readonly tolerance: number })[] = [
  { algorithm: "SAM", options: { rho: 0.05 }, ...SGD, tolerance: 1e-12 },
  { algorithm: "SAM", options: { rho: 0.5, adaptive: true }, ...Adam, tolerance: 1e-12 },
  { algorithm: "SAM", options: { rho: 0.1 }, ...SGD, groups: [{ count: 2, rho: 0.3 }, { count: 4 }], tolerance: 1e-12 },
  { algorithm: "GSAM", options: { rho: 0.05, alpha: 0.4 }, ...SGD, tolerance: 1e-12 },
  { algorithm: "GSAM", options: { rho: 0.5, alpha: 0.8, adaptive: true }, ...Adam, tolerance: 1e-10 },
  { algorithm: "LookSAM", options: { rho: 0.1, k: 5, alpha: 0.7 }, ...Adam, tolerance: 1e-5 },
  { algorithm: "LookSAM", options: { rho: 0.5, k: 3, alpha: 0.3, adaptive: true }, ...Adam, tolerance: 1e-5 },
];

describe.skipIf(!hasTorch)("the twins follow pytorch_optimizer in float64 over 200 steps", () => {
  let answers: { params: number[][][] }[];
  beforeAll(() => {
    const runs = cases.map(({ algorithm, base, groups, options, baseOptions }) => ({ algorithm, base, groups, dtype: "float64", options: snakeCase({ ...options, ...baseOptions }) }));
    [, ...answers] = oracleLines<{ params: number[][][] }>("oracles/published_problem.py", { steps: STEPS, every: 1, runs });
  });

  for (const [index, variant] of cases.entries()) {
    it(`${title(variant)}, to ${variant.tolerance}`, () => {
      const trajectory = trainTwin(variant);
      const { params } = answers[index]!;
      expect(params).toHaveLength(STEPS);
      const whole = (list: readonly ArrayLike<number>[]) => list.flatMap((param) => Array.from(param));
      const errors = params.map((expected, step) => (expected.length === 1 ? worstError([whole(trajectory[step]!)], expected) : worstError(trajectory[step]!, expected)));
      expect(Math.max(...errors)).toBeLessThanOrEqual(variant.tolerance);
    });
  }
});
