import { beforeAll, describe, expect, it } from "vitest";
import { hasTorch, oracleLines } from "./oracle.js";
import { snakeCase, worstError } from "./support.js";
import { ordersOf, STEPS, title, trainTwin, VARIANTS, type Variant } from "./variants.js";

const EVERY = 10;

describe.skipIf(!hasTorch)("the twins equal the transcriptions of the papers in PyTorch, in float64 over 200 steps", () => {
  let answers: { params: number[][][] }[];
  beforeAll(() => {
    const runs = VARIANTS.map((variant) => {
      const { algorithm, base, groups, unused, omitted, domains } = variant;
      return { algorithm, base, dtype: "float64", options: snakeCase({ ...variant.options, ...variant.baseOptions }), groups, unused, omitted, domains, orders: ordersOf(variant) };
    });
    [, ...answers] = oracleLines<{ params: number[][][] }>("oracles/parity_problem.py", { steps: STEPS, every: EVERY, runs });
  });

  for (const [index, variant] of VARIANTS.entries()) {
    it(title(variant), () => {
      const trajectory = trainTwin(variant);
      const { params } = answers[index]!;
      expect(params).toHaveLength(STEPS / EVERY);
      for (const [checkpoint, expected] of params.entries()) {
        const step = (checkpoint + 1) * EVERY;
        expect(worstError(trajectory[step - 1]!, expected), `step ${step}`).toBeLessThanOrEqual(1e-12);
      }
    });
  }

  it("tells the variants apart: no two of them end alike", () => {
    // But by definition: of one domain DISAM is SAM, and so is DGSAM without reuse.
    const isSam = ({ algorithm, options, domains }: Variant) => domains === 1 && (algorithm === "DISAM" || "reuse" in options);
    const ends = answers.filter((_, index) => !isSam(VARIANTS[index]!)).map(({ params }) => JSON.stringify(params.at(-1)));
    expect(new Set(ends).size).toBe(ends.length);
  });
});
