import { SWAD, TwinError } from "dgsam/reference";
import { beforeAll, describe, expect, it } from "vitest";
import { hasTorch } from "./oracle.js";
import { relativeError } from "./support.js";
import { answers, RUNS, titleOf, WIDTH, type Answer } from "./swad-runs.js";

describe.skipIf(!hasTorch)("SWAD follows the published rule", () => {
  let expected: Answer[][];
  beforeAll(() => (expected = answers()));

  it.each(RUNS.map((run, index) => [titleOf(run, index), run, index] as const))("%s", (_, { weights, evaluations, ...options }, index) => {
    const param = new Float64Array(WIDTH);
    const swad = new SWAD([param], options);
    let step = 0;
    for (const [i, [end, loss]] of evaluations.entries()) {
      for (; step < end; step++) {
        param.set(weights[step]!);
        swad.update();
      }
      swad.evaluate(loss);
      const answer = expected[index]![i]!;
      const result = swad.result();
      expect({ converged: result.converged, dead: swad.finished }).toEqual({ converged: answer.converged, dead: answer.dead });
      expect(relativeError(result.params[0]!, answer.weights), `evaluation ${i}`).toBeLessThanOrEqual(1e-12);
      if (answer.averaged.length > 0) expect([result.startStep, result.endStep]).toEqual([answer.averaged[0]![0], answer.averaged.at(-1)![1]]);
    }
  });

  it("the runs take every turn", () => {
    const ends = expected.map((run) => run.at(-1)!);
    expect(ends.filter(({ dead }) => dead).length).toBeGreaterThan(20);
    expect(ends.filter(({ converged, dead }) => converged && !dead).length).toBeGreaterThan(20);
    expect(expected.filter(([first]) => !first!.converged).length).toBeGreaterThan(50);
    expect(expected.flat().filter(({ converged, averaged }) => converged && averaged.length === 0).length).toBeGreaterThan(3);
    const twice = ({ averaged }: Answer) => new Set(averaged.map(String)).size < averaged.length;
    expect(ends.filter(twice).length).toBeGreaterThan(10);
  });
});

describe("SWAD refuses", () => {
  const param = Float64Array.of(1);
  it.each([
    ["nConverge 0", () => new SWAD([param], { nConverge: 0 }), "SWAD: nConverge: expected a finite number >= 1, got 0"],
    ["nTolerance 0", () => new SWAD([param], { nTolerance: 0 }), "SWAD: nTolerance: expected a finite number >= 1, got 0"],
    ["a negative ratio", () => new SWAD([param], { toleranceRatio: -1 }), "SWAD: toleranceRatio: expected a finite number >= 0, got -1"],
    ["an evaluation without a step", () => new SWAD([param]).evaluate(1), "SWAD.evaluate: expected a step since the last evaluation, got none"],
    ["a result without an evaluation", () => new SWAD([param]).result(), "SWAD.result: expected an evaluation first, got none"],
  ])("%s", (_, call, message) => {
    expect(call).toThrow(TwinError);
    expect(call).toThrow(message);
  });
});
