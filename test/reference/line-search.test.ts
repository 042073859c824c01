/** The line searches of both L-BFGS on many functions: few of their turns are ever taken by a whole optimization. */
import { beforeAll, describe, expect, it } from "vitest";
import { strongWolfe as nativeSearch } from "../../lib/optim/descent/line-search.js";
import { strongWolfe as twinSearch } from "../../lib/reference/descent/line-search.js";
import { hasTorch, oracle } from "./oracle.js";
import { numbers } from "./support.js";

interface Case {
  bumps: [a: number, w: number, p: number][];
  slope: number;
  firstStep: number;
  toleranceChange: number;
  maxIterations: number;
}

/** Value and slope in the operations, and the order, of line_search.py: sums of bumps and a line. */
function evaluate({ bumps, slope: line }: Case, t: number): { f: number; slope: number } {
  let f = line * t;
  let slope = line;
  for (const [a, w, p] of bumps) {
    const x = w * t - p;
    const y = 1 + x * x;
    f += a / y;
    slope += (-2 * a * w * x) / (y * y);
  }
  return { f, slope };
}

const draw = numbers(11);
const CASES: Case[] = Array.from({ length: 3000 }, (_, i) => ({
  bumps: Array.from({ length: 1 + (i % 5) }, (): [number, number, number] => [4 * draw(), 10 * draw(), 6 * draw()]),
  slope: draw(),
  firstStep: 10 ** (4 * draw()),
  toleranceChange: [1e-9, 1e-2, 0][i % 3]!,
  maxIterations: [25, 25, 3, 1, 0][i % 5]!,
})).filter((each) => evaluate(each, 0).slope < 0);

function native(each: Case): [t: number, evaluations: number] {
  let evaluations = 0;
  const at = (t: number) => {
    evaluations++;
    const { f, slope } = evaluate(each, t);
    return { t, loss: f, slope };
  };
  const { f, slope } = evaluate(each, 0);
  const { firstStep, toleranceChange, maxIterations } = each;
  const { t } = nativeSearch(at, { t: 0, loss: f, slope }, { firstStep, directionSize: 1, toleranceChange, maxIterations });
  return [t, evaluations];
}

function twin(each: Case): [t: number, evaluations: number] {
  let evaluations = 0;
  const at = (t: number) => {
    evaluations++;
    const { f, slope } = evaluate(each, t);
    return { t, f, gtd: slope, g: Float64Array.of(slope) };
  };
  const { f, slope } = evaluate(each, 0);
  const { t } = twinSearch(at, { t: 0, f, gtd: slope, g: Float64Array.of(slope) }, each.firstStep, 1, each.toleranceChange, each.maxIterations);
  return [t, evaluations];
}

describe.skipIf(!hasTorch)("the line searches end where PyTorch's does, after as many evaluations", () => {
  let expected: [number, number][];
  beforeAll(() => (expected = oracle("reference/line_search.py", CASES)));

  it.each([["the twin's", twin], ["the native optimizer's", native]] as const)("%s", (_, search) => {
    const differing = CASES.filter((each, i) => {
      const [t, evaluations] = search(each);
      const [expectedT, expectedEvaluations] = expected[i]!;
      // PyTorch divides a number by a tensor as 1 / b * a. Where the function falls for ever each rounding grows tenfold a step.
      return evaluations !== expectedEvaluations || (expectedT < 1e6 && Math.abs(t - expectedT) > 1e-9 * expectedT);
    });
    expect(differing).toEqual([]);
  });

  it("the functions take it to its first step, beyond, between, and to its last evaluation", () => {
    const ends = CASES.map((each, i) => ({ ...each, t: expected[i]![0], evaluations: expected[i]![1] }));
    expect(ends.filter(({ t, firstStep }) => t === firstStep).length).toBeGreaterThan(100);
    expect(ends.filter(({ t, firstStep }) => t > firstStep).length).toBeGreaterThan(100);
    expect(ends.filter(({ t, firstStep }) => t > 0 && t < firstStep).length).toBeGreaterThan(100);
    expect(ends.filter(({ maxIterations, evaluations }) => maxIterations === 25 && evaluations === 26).length).toBeGreaterThan(3);
    expect(ends.filter(({ t }) => t === 0).length).toBeGreaterThan(10);
  });
});
