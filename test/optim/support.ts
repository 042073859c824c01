/** Small problems and comparisons for the optimizer tests. */
import { BatchNorm1d, DgsamError, manualSeed, ops, randn, tensor, type Closure, type DType, type Tensor } from "dgsam";
import { expect } from "vitest";
import { closuresIn, type Mode } from "./modes.js";

/** What the rules add to every norm that divides. */
export const EPS = 1e-12;

/** Per-tensor error as the project measures it: max|a - b| / max|b|. */
export function worstError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let difference = 0;
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!));
    scale = Math.max(scale, Math.abs(expected[i]!));
  }
  return scale === 0 ? difference : difference / scale;
}

export function values(source: Tensor): number[] {
  return Array.from(source.data() as Float64Array, Number);
}

/** The exact bits of tensors, to compare before and after. */
export function bits(tensors: Iterable<Tensor>): string[] {
  return [...tensors].map((each) => Buffer.from(each.toBytes()).toString("hex"));
}

/** A value with the exact bits of all tensors in its arrays and objects in their places. */
export function stateBits(value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(stateBits);
  if ("toBytes" in value) return bits([value as Tensor])[0];
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, stateBits(each)]));
}

/** Domains with quadratic losses mean((A_d w - b_d)^2) + c tanh(c), over parameters w [size] and c []. */
export function quadraticDomains({ domains = 3, size = 5, dtype = "float64" as DType, seed = 1, mode = "eager" as Mode, anew = false } = {}) {
  manualSeed(seed);
  const matrices = Array.from({ length: domains }, () => randn([size, size], { dtype }));
  const targets = Array.from({ length: domains }, () => randn([size], { dtype }));
  const w = randn([size], { dtype, requiresGrad: true });
  const c = randn([], { dtype, requiresGrad: true });
  const closureOf = closuresIn(mode, (matrix: Tensor, target: Tensor) => {
    const residual = ops.aten.sub(ops.aten.mv(matrix, w), target) as Tensor;
    return ops.aten.add(ops.aten.mean(ops.aten.pow(residual, 2)), ops.aten.mul(c, ops.aten.tanh(c))) as Tensor;
  }, { anew });
  const closures = matrices.map((matrix, i) => closureOf(matrix, targets[i]!));
  /** A domain's with its matrix multiplied, say by NaN. */
  const spoilt = (domain: number, factor: number) => closureOf(matrices[domain]!.mul(factor), targets[domain]!);
  return { w, c, params: [w, c], closures, spoilt };
}

/** A loss that is linear in the parameters, so that its gradient is the given one everywhere. */
export function linearLoss(param: Tensor, gradient: readonly number[], mode: Mode = "eager"): Closure {
  return closuresIn(mode, (slopes: Tensor) => ops.aten.dot(param, slopes) as Tensor)(tensor([...gradient], { dtype: param.dtype }));
}

/** Checks that `fn` throws a DgsamError of this code whose text matches. */
export function expectError(fn: () => unknown, code: string, text: RegExp): void {
  let thrown: unknown;
  try {
    fn();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(DgsamError);
  expect((thrown as DgsamError).code).toBe(code);
  expect((thrown as DgsamError).message).toMatch(text);
}

/** A model with BatchNorm, of which `param` is trained, and how many passes moved its statistics. */
export function statisticsModel(mode: Mode = "eager") {
  const model = new BatchNorm1d(1, { bias: false, dtype: "float64" });
  const x = tensor([-1, 0.5, 2], { dtype: "float64", shape: [3, 1] });
  const closureOf = closuresIn(mode, () => model.forward(x).pow(3).sum());
  // Passes that move them and passes that do not have a program each.
  const [, update] = (["hold", "update"] as const).map((how) => (model.setRunningStats(how), closureOf()));
  model.resetRunningStats();
  const closure = Object.assign(update!, { param: model.weight! });
  return { model, closure, tracked: () => Number(model.numBatchesTracked!.item()) };
}
