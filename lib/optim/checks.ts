/** Checks of options, one way for all optimizers: every failure is an `ERR_ARGUMENT` that names optimizer and option. */

import { argumentError, DgsamError } from "../errors.js";
import { Tensor } from "../tensor/index.js";

/** Throws unless `value` is a number within the bounds. NaN never is. */
export function checkNumber(optimizer: string, option: string, value: unknown, low: number, high = Infinity, highIncluded = true): void {
  if (typeof value === "number" && value >= low && (highIncluded ? value <= high : value < high)) return;
  const range = high === Infinity ? `${highIncluded ? "" : "finite "}number >= ${low}` : `number from ${low} to ${highIncluded ? "" : "below "}${high}`;
  throw argumentError(`${optimizer}: ${option}`, `a ${range}`, value);
}

export function checkBoolean(optimizer: string, option: string, value: unknown): void {
  if (typeof value !== "boolean") throw argumentError(`${optimizer}: ${option}`, "a boolean", value);
}

/** Throws unless `value` is one of the choices. */
export function checkChoice(optimizer: string, option: string, value: unknown, choices: readonly string[]): void {
  if (!choices.includes(value as string)) throw argumentError(`${optimizer}: ${option}`, choices.map((each) => JSON.stringify(each)).join(" or "), value);
}

/** Whether `value` is an object that is no array and no tensor. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Tensor);
}

/** Throws unless `options` is an object. */
export function checkOptionsObject(what: string, options: unknown): void {
  if (!isRecord(options)) throw argumentError(what, "an object of options", options);
}

/** Throws unless every key of `options` is among `known`. */
export function checkKnownOptions(optimizer: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((option) => !known.includes(option));
  if (unknown !== undefined) throw new DgsamError("ERR_ARGUMENT", `${optimizer}: unknown option '${unknown}'; the options are ${known.join(", ")}`);
}

/** The elements of `params`, an iterable of tensors or of groups; throws when it is none. */
export function checkParams(what: string, params: unknown, expected: string): unknown[] {
  if (params instanceof Tensor || typeof (params as Iterable<unknown> | null | undefined)?.[Symbol.iterator] !== "function" || typeof params === "string")
    throw argumentError(what, expected, params);
  return [...(params as Iterable<unknown>)];
}
