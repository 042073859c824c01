import { LBFGS, TwinError, type LBFGSOptions } from "dgsam/reference";
import { beforeAll, describe, expect, it } from "vitest";
import { CASES, PROBLEMS, STEPS, titleOf, twinProblem } from "./lbfgs-problems.js";
import { hasTorch, oracle } from "./oracle.js";
import { relativeError, snakeCase } from "./support.js";

interface Answer {
  params: number[][];
  losses: number[];
  funcEvals: number[];
  nIter: number[];
}

const flat = (params: readonly Float64Array[]) => params.flatMap((param) => [...param]);

describe.skipIf(!hasTorch)(`LBFGS equals torch.optim in float64 over ${STEPS} steps`, () => {
  let answers: Answer[];
  beforeAll(() => {
    const cases = CASES.map(({ problem, options }) => ({ problem, options: snakeCase(options), steps: STEPS }));
    answers = oracle("reference/lbfgs.py", { problems: PROBLEMS, cases });
  });

  it.each(CASES.map((each, index) => [titleOf(each), each, index] as const))("%s", (_, { problem, options }, index) => {
    const { params, closure } = twinProblem(problem);
    const unused = Float64Array.of(1, 2);
    const optimizer = new LBFGS([unused, ...params], options);
    const answer = answers[index]!;
    for (let step = 0; step < STEPS; step++) {
      const loss = optimizer.step(() => {
        const { loss, grads } = closure();
        return { loss, grads: [null, ...grads] };
      });
      expect(relativeError(flat(params), answer.params[step]!), `step ${step + 1}`).toBeLessThanOrEqual(1e-8);
      expect(Math.abs(loss - answer.losses[step]!), `loss of step ${step + 1}`).toBeLessThanOrEqual(1e-8 * Math.max(1, Math.abs(loss)));
      // The same decisions at every turn.
      expect([optimizer.funcEvals, optimizer.nIter]).toEqual([answer.funcEvals[step], answer.nIter[step]]);
    }
    expect(unused).toEqual(Float64Array.of(1, 2));
  });

  it("the measure tells the runs apart: none is near another's path", () => {
    for (const [i, one] of CASES.entries())
      for (const [j, other] of CASES.entries())
        if (i < j && one.problem === other.problem)
          expect(Math.max(...answers[i]!.params.map((params, step) => relativeError(params, answers[j]!.params[step]!))), `${titleOf(one)}, ${titleOf(other)}`).toBeGreaterThan(1e-6);
  });
});

describe("LBFGS", () => {
  it("finds the minimum of Rosenbrock's function", () => {
    const { params, closure } = twinProblem("ROSENBROCK");
    const optimizer = new LBFGS(params, { lineSearchFn: "strong_wolfe" });
    expect(optimizer.step(closure)).toBeCloseTo(twinProblem("ROSENBROCK").closure().loss, 12);
    for (let step = 0; step < 20; step++) optimizer.step(closure);
    for (const value of flat(params)) expect(value).toBeCloseTo(1, 4);
  });

  it.each([
    ["a loss", { loss: NaN }],
    ["a gradient", { grads: [Float64Array.of(1, Infinity, 0), Float64Array.of(0, 0, 0)] }],
    ["an exception", null],
  ])("is undone by %s that is not finite, whichever evaluation it comes in", (_, bad) => {
    for (const lineSearchFn of [null, "strong_wolfe"] as const) {
      const run = (failing: number) => {
        const { params, closure } = twinProblem("ROSENBROCK");
        const optimizer = new LBFGS(params, { lineSearchFn, lr: 0.01 });
        optimizer.step(closure);
        if (failing > 0) {
          const before = [flat(params), optimizer.funcEvals, optimizer.nIter];
          let calls = 0;
          const step = () =>
            optimizer.step(() => {
              if (++calls < failing) return closure();
              if (bad === null) throw new TypeError("mine");
              return { ...closure(), ...bad };
            });
          expect(step).toThrow(bad === null ? TypeError : TwinError);
          expect([flat(params), optimizer.funcEvals, optimizer.nIter]).toEqual(before);
        }
        optimizer.step(closure);
        return flat(params);
      };
      const undisturbed = run(0);
      for (const failing of [1, 2, 5]) expect(run(failing)).toEqual(undisturbed);
    }
  });

  it("leaves a parameter whose gradient is gone where it is, although it remembers others", () => {
    const { params, closure } = twinProblem("ROSENBROCK");
    const optimizer = new LBFGS(params, { lr: 0.01 });
    optimizer.step(closure);
    const [first, second] = params.map((param) => param.slice());
    optimizer.step(() => ({ ...closure(), grads: [null, closure().grads[1]!] }));
    expect(params[0]).toEqual(first);
    expect(params[1]).not.toEqual(second);
  });

  it.each<[string, LBFGSOptions, string]>([
    ["a negative lr", { lr: -1 }, "LBFGS: lr: expected a finite number >= 0, got -1"],
    ["no iteration", { maxIter: 0 }, "LBFGS: maxIter: expected a finite number >= 1, got 0"],
    ["no evaluation", { maxEval: 0 }, "LBFGS: maxEval: expected a finite number >= 1, got 0"],
    ["no history", { historySize: 0 }, "LBFGS: historySize: expected a finite number >= 1, got 0"],
    ["a tolerance that is not a number", { toleranceChange: NaN }, "LBFGS: toleranceChange: expected a finite number >= 0, got NaN"],
  ])("refuses %s", (_, options, message) => {
    expect(() => new LBFGS([Float64Array.of(1)], options)).toThrow(expect.objectContaining({ code: "ERR_ARGUMENT", message }));
  });

  it("refuses no parameters, and gradients that do not fit", () => {
    expect(() => new LBFGS([])).toThrow("params: expected at least one parameter, got none");
    expect(() => new LBFGS([Float64Array.of(1)]).step(() => ({ loss: 1, grads: [] }))).toThrow(expect.objectContaining({ code: "ERR_SHAPE" }));
  });
});
