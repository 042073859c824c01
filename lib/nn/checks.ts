/** Checks of what layers are told, beside those of lib/checks.ts. */

import { argumentError } from "../errors.js";
import { Tensor } from "../tensor/index.js";

/** Throws `ERR_ARGUMENT` unless `value` is a Tensor: where we read its fields before an operator checks it. */
export function checkTensor(name: string, value: unknown): asserts value is Tensor {
  if (!(value instanceof Tensor)) throw argumentError(name, "a Tensor", value);
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
