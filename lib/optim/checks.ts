/** Checks of what optimizers are told, beside those of lib/checks.ts. */

import { isPlainObject } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import { Tensor } from "../tensor/index.js";

/** Throws `ERR_ARGUMENT` unless `options` is a plain object; which options there are, others know. */
export function checkOptionsObject(name: string, options: unknown): void {
  if (!isPlainObject(options)) throw argumentError(name, "an object of options", options);
}

/** The elements of `params`, an iterable of tensors or of groups. Throws `ERR_ARGUMENT` when it is none. */
export function checkParams(name: string, params: unknown, expected: string): unknown[] {
  if (params instanceof Tensor || typeof (params as Iterable<unknown> | null | undefined)?.[Symbol.iterator] !== "function" || typeof params === "string")
    throw argumentError(name, expected, params);
  return [...(params as Iterable<unknown>)];
}

/** Throws `ERR_ARGUMENT` unless all are leaf tensors, none of them twice or in `known` already. */
export function checkLeaves(name: string, params: readonly unknown[], known: Iterable<Tensor> = []): asserts params is Tensor[] {
  const seen = new Set(known);
  params.forEach((param, i) => {
    if (!(param instanceof Tensor)) throw argumentError(`${name}: params[${i}]`, "a Tensor", param);
    if (!param.isLeaf) throw new DgsamError("ERR_ARGUMENT", `${name}: params[${i}]: expected a leaf tensor, got the result of an operation; pass the tensors it was made from, or detach() it`);
    if (seen.has(param)) throw new DgsamError("ERR_ARGUMENT", `${name}: params[${i}] is in the optimizer already; each parameter belongs to one group, once`);
    seen.add(param);
  });
}
