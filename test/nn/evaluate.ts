/** Python expressions over torch beside our own calls: see evaluate.py. */
import { type Tensor } from "dgsam";
import { expect } from "vitest";
import { values, worstError } from "../optim/support.js";
import { oracle } from "../reference/oracle.js";

export interface Evaluation {
  /** Python; `torch`, `nn`, `F` and the names of `tensors` are known. */
  expression: string;
  tensors?: Record<string, Tensor>;
  seed?: number;
}

export interface Evaluated {
  values: number[];
  shape: number[];
  /** Of the result's sum, by the name of each tensor that requires a gradient. */
  grads: Record<string, number[]>;
}

export function evaluateInPython(evaluations: readonly Evaluation[]): Evaluated[] {
  const cases = evaluations.map(({ expression, tensors = {}, seed = 0 }) => ({
    expression,
    seed,
    tensors: Object.fromEntries(
      Object.entries(tensors).map(([name, each]) => [name, { data: plain(each), dtype: each.dtype, requiresGrad: each.requiresGrad }]),
    ),
  }));
  return oracle<Evaluated[]>("nn/evaluate.py", cases);
}

/** Nested arrays that JSON can hold. */
function plain(source: Tensor): unknown {
  return JSON.parse(JSON.stringify(source.toArray(), (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value)));
}

export function expectNear(actual: Tensor, { values: expected, shape }: Pick<Evaluated, "values" | "shape">, tolerance: number): void {
  expect(actual.shape).toEqual(shape);
  expect(worstError(values(actual), expected)).toBeLessThanOrEqual(tolerance);
}
