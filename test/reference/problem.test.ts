import {
  congruentialDraws, makeProblem, parameterShapes, PROBLEM_DOMAINS, PROBLEM_EXAMPLES, PROBLEM_SIZES, problemBatches, problemOrders, problemParams,
} from "dgsam/reference";
import { describe, expect, it } from "vitest";
import { hasTorch, oracleLines } from "./oracle.js";
import { worstError } from "./support.js";

describe("the fixed small problem", () => {
  it.skipIf(!hasTorch)("is the same bit for bit in Python", () => {
    const [{ problem }] = oracleLines<never, { problem: unknown }>("oracles/parity_problem.py", { steps: 100, every: 100, runs: [] });
    const batches = problemBatches();
    expect(problem).toEqual({
      params: problemParams().map((param) => [...param]),
      x: batches.map(({ x }) => [...x]),
      y: batches.map(({ y }) => y),
      orders: problemOrders(100),
    });
  });

  it("draws what its definition says", () => {
    // By hand: 1664525 + 1013904223 = 1015568748 = 15496 * 65536 + ...
    const draw = congruentialDraws(1);
    expect(draw()).toBe(15496 / 65536 - 0.5);
    expect(draw()).toBe(Number((1664525n * 1015568748n + 1013904223n) % 2n ** 32n >> 16n) / 65536 - 0.5);
  });

  it("is exact in float32, so that both dtypes start from the same numbers", () => {
    for (const tensor of [...problemParams(), ...problemBatches().map(({ x }) => x)]) {
      expect(Float64Array.from(Float32Array.from(tensor))).toEqual(tensor);
    }
  });

  it("has the documented shapes, every class in every domain and every order of the domains", () => {
    expect(parameterShapes(PROBLEM_SIZES)).toEqual([[16, 8], [16], [16, 16], [16], [4, 16], [4]]);
    for (const { x, y } of problemBatches()) {
      expect(x.length).toBe(PROBLEM_EXAMPLES * 8);
      expect([...new Set(y)].sort()).toEqual([0, 1, 2, 3]);
    }
    expect(new Set(problemOrders(100).map(String)).size).toBe(6);
  });

  it("its mean closure is the mean of the domains' closures, and its parameters are fresh each time", () => {
    const { net, closures, meanClosure } = makeProblem();
    const mean = meanClosure();
    const parts = closures.map((closure) => closure());
    expect(parts).toHaveLength(PROBLEM_DOMAINS);
    expect(mean.loss).toBeCloseTo(parts.reduce((sum, { loss }) => sum + loss, 0) / 3, 14);
    const expected = net.params.map((param, index) => param.map((_, i) => parts.reduce((sum, { grads }) => sum + grads[index]![i]!, 0) / 3));
    expect(worstError(mean.grads as Float64Array[], expected)).toBeLessThan(1e-14);
    net.params[0]!.fill(0);
    expect(makeProblem().net.params[0]).toEqual(problemParams()[0]);
  });
});
