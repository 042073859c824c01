/** Checks of model options. */

import { argumentError } from "../errors.js";

/** Throws `ERR_ARGUMENT` unless `value` is a positive multiple of `unit`. */
export function checkWidth(name: string, value: unknown, unit: number): void {
  if (!Number.isSafeInteger(value) || (value as number) < unit || (value as number) % unit !== 0) throw argumentError(name, `a multiple of ${unit}`, value);
}
