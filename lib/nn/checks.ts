/** Checks of what callers pass. */

import { argumentError, DgsamError } from "../errors.js";
import { Tensor } from "../tensor/index.js";

/** Throws `ERR_ARGUMENT` unless `value` is a Tensor: where we read its fields before an operator checks it. */
export function checkTensor(name: string, value: unknown): asserts value is Tensor {
  if (!(value instanceof Tensor)) throw argumentError(name, "a Tensor", value);
}

/** Throws `ERR_ARGUMENT` unless `value` is an integer of at least `minimum`. */
export function checkSize(name: string, value: unknown, minimum = 1): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < minimum) throw argumentError(name, `an integer of at least ${minimum}`, value);
}

/** Throws `ERR_ARGUMENT` unless `value` is a number from `low` to `high`. NaN never is. */
export function checkNumber(name: string, value: unknown, low: number, high = Infinity): void {
  if (typeof value === "number" && value >= low && value <= high) return;
  throw argumentError(name, high === Infinity ? `a number of at least ${low}` : `a number from ${low} to ${high}`, value);
}

export function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== "boolean") throw argumentError(name, "a boolean", value);
}

/** Throws `ERR_ARGUMENT` unless `value` is one of the choices. */
export function checkChoice(name: string, value: unknown, choices: readonly string[]): void {
  if (!choices.includes(value as string)) throw argumentError(name, choices.map((each) => JSON.stringify(each)).join(" or "), value);
}

/** One integer for both spatial dimensions, or [height, width]. */
export type Pair = number | readonly [height: number, width: number];

export function checkPair(name: string, value: unknown, minimum = 1): [height: number, width: number] {
  const pair: unknown[] = Array.isArray(value) ? value : [value, value];
  const [height, width] = pair;
  const valid = (size: unknown): size is number => Number.isSafeInteger(size) && (size as number) >= minimum;
  if (pair.length !== 2 || !valid(height) || !valid(width)) throw argumentError(name, `an integer of at least ${minimum}, or a pair of them [height, width]`, value);
  return [height, width];
}

/** Whether it is `{ ... }`, of any realm: the entries of a Map, a Tensor or another object of a class are no options. */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The options with defaults filled in. Throws `ERR_ARGUMENT` for one that there is not: a misspelt option changes nothing in silence. */
export function withDefaults<O extends object>(name: string, options: { readonly [K in keyof O]?: O[K] | undefined }, defaults: O): O {
  if (!isPlainObject(options)) throw argumentError(`${name}: options`, `an object with any of ${Object.keys(defaults).join(", ")}`, options);
  const result = { ...defaults };
  for (const [option, value] of Object.entries(options)) {
    if (!Object.hasOwn(defaults, option)) throw new DgsamError("ERR_ARGUMENT", `${name}: unknown option '${option}'; the options are ${Object.keys(defaults).join(", ")}`);
    if (value !== undefined) result[option as keyof O] = value as O[keyof O];
  }
  return result;
}
