// The argument checks of this room.
import { argumentError } from "../errors.js";

/** Throws ERR_ARGUMENT unless `value` is an integer from `minimum` to `maximum`, both included. */
export function checkInteger(
  name: string, value: unknown, minimum: number, maximum = Number.MAX_SAFE_INTEGER,
): asserts value is number {
  if (Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum) return;
  const range = maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
  throw argumentError(name, `an integer ${range}`, value);
}

/** Throws ERR_ARGUMENT unless `value` is a seed that NumPy's RandomState takes: an integer from 0 to 2^32 - 1. */
export function checkSeed(name: string, value: unknown): asserts value is number {
  checkInteger(name, value, 0, 2 ** 32 - 1);
}

/** Throws ERR_ARGUMENT unless `domain` has an item `index`. Runs for every item of a batch, so it makes no text in vain. */
export function checkItem(domain: { readonly name: string; readonly length: number }, index: unknown): void {
  if (Number.isInteger(index) && (index as number) >= 0 && (index as number) < domain.length) return;
  throw argumentError(`domain ${JSON.stringify(domain.name)}: item`, `an integer from 0 to ${domain.length - 1}`, index);
}
