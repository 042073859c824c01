/** What L-BFGS is tried on: two with known minima, and the fixed small problem. */
import { makeProblem, PROBLEM_SIZES, problemBatches, problemParams, type Closure, type LBFGSOptions } from "dgsam/reference";
import { numbers } from "./support.js";

const SIZE = 10;

/** A positive definite matrix, and a vector. */
function quadraticData(): { matrix: number[][]; vector: number[] } {
  const draw = numbers(3);
  const rows = Array.from({ length: SIZE }, () => Array.from({ length: SIZE }, () => draw() * (1 + 8 * Math.abs(draw()))));
  const matrix = rows.map((_row, i) => rows.map((_, j) => (i === j ? 1 : 0) + rows.reduce((sum, other) => sum + other[i]! * other[j]!, 0) * 4));
  return { matrix, vector: Array.from({ length: SIZE }, draw) };
}

export const QUADRATIC = { kind: "quadratic", params: [[1, -2, 3, -1, 2, -3], [2, 1, 0, -1]], ...quadraticData() };
/** In six dimensions; its minimum is 0, at ones. */
export const ROSENBROCK = { kind: "rosenbrock", params: [[-1.2, 1, -1.2], [1, 0.5, 2]] };
export const MLP = {
  kind: "mlp", params: problemParams().map((param) => [...param]), sizes: PROBLEM_SIZES, batches: problemBatches().map(({ x, y }) => [[...x], y]),
};
export const PROBLEMS = { QUADRATIC, ROSENBROCK, MLP };
export type ProblemName = keyof typeof PROBLEMS;

const short = { lr: 0.5, historySize: 5, maxEval: 3 };

/** Runs in which rounding errors stay small: without a line search many others of these are chaotic before they converge. */
export const CASES: { problem: ProblemName; options: LBFGSOptions }[] = [
  ...(["QUADRATIC", "ROSENBROCK", "MLP"] as const).flatMap((problem) => [
    { problem, options: { lineSearchFn: "strong_wolfe" as const } },
    { problem, options: { ...short, lineSearchFn: "strong_wolfe" as const } },
    { problem, options: short },
  ]),
  { problem: "QUADRATIC", options: {} },
  { problem: "QUADRATIC", options: { maxIter: 3, toleranceGrad: 0.1 } },
  { problem: "QUADRATIC", options: { toleranceChange: 0.01, lineSearchFn: "strong_wolfe" } },
  { problem: "ROSENBROCK", options: { maxIter: 4, lineSearchFn: "strong_wolfe" } },
  { problem: "MLP", options: { maxIter: 4 } },
];
export const STEPS = 200;
export const titleOf = ({ problem, options }: (typeof CASES)[number]): string => `${problem} ${JSON.stringify(options)}`;

/** The parameters at their start, and the loss with its gradients over them. */
export function twinProblem(name: ProblemName): { params: readonly Float64Array[]; closure: Closure } {
  if (name === "MLP") {
    const { net, meanClosure } = makeProblem();
    return { params: net.params, closure: meanClosure };
  }
  const params = PROBLEMS[name].params.map((param) => Float64Array.from(param));
  const lossAndGradient = name === "QUADRATIC" ? quadratic : rosenbrock;
  return {
    params,
    closure: () => {
      const { loss, gradient } = lossAndGradient(params.flatMap((param) => [...param]));
      let at = 0;
      return { loss, grads: params.map(({ length }) => Float64Array.from(gradient.slice(at, (at += length)))) };
    },
  };
}

function quadratic(x: number[]): { loss: number; gradient: number[] } {
  const product = QUADRATIC.matrix.map((row) => row.reduce((sum, value, i) => sum + value * x[i]!, 0));
  const loss = x.reduce((sum, value, i) => sum + value * (0.5 * product[i]! - QUADRATIC.vector[i]!), 0);
  return { loss, gradient: product.map((value, i) => value - QUADRATIC.vector[i]!) };
}

function rosenbrock(x: number[]): { loss: number; gradient: number[] } {
  const gradient = x.map(() => 0);
  let loss = 0;
  for (let i = 0; i + 1 < x.length; i++) {
    const valley = x[i + 1]! - x[i]! ** 2;
    loss += 100 * valley ** 2 + (1 - x[i]!) ** 2;
    gradient[i]! += -400 * valley * x[i]! - 2 * (1 - x[i]!);
    gradient[i + 1]! += 200 * valley;
  }
  return { loss, gradient };
}
