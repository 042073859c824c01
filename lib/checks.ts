/** Checks of what callers pass, in one wording for all rooms: each throws an `ERR_ARGUMENT` that names the argument. */

import { argumentError, DgsamError } from "./errors.js";

/** Throws unless `value` is a number from `low` to `high`, or to below `high`. NaN never is. */
export function checkNumber(name: string, value: unknown, low: number, high = Infinity, highIncluded = true): void {
  if (typeof value === "number" && value >= low && (highIncluded ? value <= high : value < high)) return;
  const range = high === Infinity ? `${highIncluded ? "" : "finite "}number of at least ${low}` : `number from ${low} to ${highIncluded ? "" : "below "}${high}`;
  throw argumentError(name, `a ${range}`, value);
}

/** Throws unless `value` is a safe integer from `low` to `high`, both included. */
export function checkInteger(name: string, value: unknown, low: number, high = Number.MAX_SAFE_INTEGER): asserts value is number {
  if (Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high) return;
  throw argumentError(name, `an integer ${high === Number.MAX_SAFE_INTEGER ? `of at least ${low}` : `from ${low} to ${high}`}`, value);
}

export function checkBoolean(name: string, value: unknown): asserts value is boolean {
  if (typeof value !== "boolean") throw argumentError(name, "a boolean", value);
}

export function checkString(name: string, value: unknown): asserts value is string {
  if (typeof value !== "string") throw argumentError(name, "a string", value);
}

/** Throws unless `value` is one of the choices. */
export function checkChoice(name: string, value: unknown, choices: readonly string[]): void {
  if (!choices.includes(value as string)) throw argumentError(name, choices.map((each) => JSON.stringify(each)).join(" or "), value);
}

/** Whether it is `{ ... }`, of any realm: the fields of an object of some class are no options. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Throws unless `options` is a plain object of known keys: a misspelt one would change nothing in silence. */
export function checkOptions(name: string, options: unknown, known: readonly string[]): asserts options is object {
  if (!isPlainObject(options)) throw argumentError(`${name}: options`, `an object with any of ${known.join(", ")}`, options);
  const stray = Object.keys(options).find((option) => !known.includes(option));
  if (stray !== undefined) throw new DgsamError("ERR_ARGUMENT", `${name}: unknown option '${stray}'; the options are ${known.join(", ")}`);
}

/** The options as they came, none for `undefined`; throws as {@link checkOptions}. */
export function optionsOf<O extends object>(name: string, options: O | undefined, known: readonly string[]): O {
  if (options === undefined) return {} as O;
  checkOptions(name, options, known);
  return options;
}

/** The options with defaults filled in for those that are left out or `undefined`; throws as {@link checkOptions}. */
export function withDefaults<O extends object>(name: string, options: { readonly [K in keyof O]?: O[K] | undefined }, defaults: O): O {
  checkOptions(name, options, Object.keys(defaults));
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...defaults, ...(Object.fromEntries(given) as Partial<O>) };
}
