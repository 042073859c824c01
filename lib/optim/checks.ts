/** Checks of what optimizers are told, beside those of lib/checks.ts. */

import { checkNumber, isPlainObject } from "../checks.js";
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

/** The tensors in what a caller passed as parameters, each once. Throws `ERR_ARGUMENT` when it is none. */
export function tensorsOf(name: string, params: unknown): Tensor[] {
  const list = params instanceof Tensor ? [params] : checkParams(name, params, "a Tensor or an iterable of Tensors");
  const stray = list.findIndex((each) => !(each instanceof Tensor));
  if (stray !== -1) throw argumentError(`${name}: element ${stray}`, "a Tensor", list[stray]);
  return [...new Set(list as Tensor[])];
}

/** Throws `ERR_ARGUMENT` unless `betas` is two decays, each from 0 to below 1. */
export function checkBetas(name: string, betas: unknown): void {
  if (!Array.isArray(betas) || betas.length !== 2) throw argumentError(name, "two numbers", betas);
  betas.forEach((beta, i) => checkNumber(`${name}[${i}]`, beta, 0, 1, false));
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
