/** Scopes: memory freed in bulk, without waiting for the garbage collector. */

import { argumentError, DgsamError } from "../errors.js";
import { keepOwner, openScope, runInAsyncScope } from "./lifetime.js";
import type { NoPromise } from "./synchronous.js";
import { Tensor } from "./tensor.js";

const NOTHING: ReadonlySet<object> = new Set();

/** Objects that scopes do not look into. */
const tensorless = new WeakSet<object>();

/** Says that an object, whose fields may be costly to read, holds no tensor. Returns it. */
export function withoutTensors<T extends object>(value: T): T {
  tensorless.add(value);
  return value;
}

/** All tensors in a value: itself, and in arrays, maps, sets and objects at any depth. */
function tensorsIn(value: unknown): Set<object> {
  const found = new Set<object>();
  const seen = new Set<object>();
  const pending: unknown[] = [value];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next !== "object" || next === null || seen.has(next) || ArrayBuffer.isView(next) || tensorless.has(next)) continue;
    if (next instanceof Tensor) {
      found.add(next);
      continue;
    }
    seen.add(next);
    const parts: Iterable<unknown>[] =
      next instanceof Map ? [next.keys(), next.values()] : [Array.isArray(next) || next instanceof Set ? next : Object.values(next)];
    for (const part of parts) for (const each of part) pending.push(each);
  }
  return found;
}

export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return (
    ((typeof value === "object" && value !== null) || typeof value === "function") &&
    typeof (value as { then?: unknown }).then === "function"
  );
}

/**
 * Runs `fn` and frees every tensor made in it, but what it returns (also inside arrays and objects) and what
 * {@link keep} was called on. Scopes nest: what survives an inner one belongs to the outer one.
 *
 * @throws DgsamError `ERR_ARGUMENT` when `fn` returns a promise: use {@link scopeAsync}
 */
export function scope<T>(fn: () => T & NoPromise<T, "fn returns a promise: use scopeAsync(fn)">): T {
  if (typeof fn !== "function") throw argumentError("scope(fn)", "a function", fn);
  const close = openScope();
  let survivors = NOTHING;
  try {
    const result = fn();
    if (isPromiseLike(result)) {
      // Whoever made the promise may reject it; that is not news beside this error.
      Promise.resolve(result).catch(() => {});
      throw new DgsamError("ERR_ARGUMENT", "scope(fn): fn returned a promise, and what it makes later would escape; use scopeAsync(fn)");
    }
    if (typeof result === "object") survivors = tensorsIn(result);
    return result;
  } finally {
    close(survivors);
  }
}

/** As {@link scope}, for an asynchronous `fn`: the scope ends when its promise settles. */
export async function scopeAsync<T>(fn: () => PromiseLike<T> | T): Promise<T> {
  if (typeof fn !== "function") throw argumentError("scopeAsync(fn)", "a function", fn);
  const { result, close } = runInAsyncScope(fn);
  let survivors = NOTHING;
  try {
    const value = await result;
    survivors = tensorsIn(value);
    return value;
  } finally {
    close(survivors);
  }
}

/** Takes a tensor out of every scope it is in: `dispose()` or the garbage collector frees it. Returns the tensor. */
export function keep<T extends Tensor>(tensor: T): T {
  if (!(tensor instanceof Tensor)) throw argumentError("keep(tensor)", "a Tensor", tensor);
  keepOwner(tensor);
  return tensor;
}
