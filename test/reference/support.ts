/** What the tests of the twins share. */
import type { Closure, Gradients } from "dgsam/reference";
import fc from "fast-check";

/** The error measure of every parity check: the largest difference over the largest expected magnitude. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let difference = 0;
  let magnitude = 0;
  for (let i = 0; i < expected.length; i++) {
    // Written so that a NaN on either side is an infinite error.
    const d = Math.abs(actual[i]! - expected[i]!);
    difference = Math.max(difference, Number.isNaN(d) ? Infinity : d);
    magnitude = Math.max(magnitude, Math.abs(expected[i]!));
  }
  return difference === 0 ? 0 : difference / magnitude;
}

export function worstError(actual: readonly ArrayLike<number>[], expected: readonly ArrayLike<number>[]): number {
  if (actual.length !== expected.length) return Infinity;
  return Math.max(0, ...actual.map((tensor, index) => relativeError(tensor, expected[index]!)));
}

export const copies = (params: readonly Float64Array[]): Float64Array[] => params.map((param) => param.slice());

const component = fc.double({ min: -10, max: 10, noNaN: true });

/** A list of arrays of the given lengths. */
export function tensorsOf(lengths: readonly number[]): fc.Arbitrary<Float64Array[]> {
  return fc.tuple(...lengths.map((length) => fc.array(component, { minLength: length, maxLength: length }).map((values) => Float64Array.from(values))));
}

/** Parameters, and for each of `passes` passes a full list of gradients of which some may be missing. */
export function paramsAndGradients(passes: number): fc.Arbitrary<{ params: Float64Array[]; passes: (Float64Array | null)[][] }> {
  return fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }).chain((lengths) => {
    const grads = tensorsOf(lengths).chain((tensors) => fc.tuple(...tensors.map((tensor) => fc.option(fc.constant(tensor), { freq: 3 }))));
    return fc.record({ params: tensorsOf(lengths), passes: fc.array(grads, { minLength: passes, maxLength: passes }) });
  });
}

/** Cuts a list into consecutive, non-empty groups at the given places. */
export function cut<T>(list: readonly T[], places: readonly number[]): T[][] {
  const inner = [...new Set(places.map((place) => place % list.length))].filter((place) => place > 0).sort((a, b) => a - b);
  const edges = [0, ...inner, list.length];
  return edges.slice(1).map((edge, index) => list.slice(edges[index], edge));
}

/** A closure that gives constant gradients, wherever the parameters are. */
export const constantClosure = (grads: Gradients, loss = 1): Closure => () => ({ loss, grads });

/** The linear congruential steps of a test's own numbers: reproducible, and not the problem's. */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647 - 0.5;
  };
}

/** Option names as PyTorch spells them. */
export const snakeCase = (options: object): object =>
  Object.fromEntries(Object.entries(options).map(([key, value]) => [key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]));
