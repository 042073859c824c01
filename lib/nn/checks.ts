/** Checks of constructor arguments. */

import { argumentError } from "../errors.js";

export function checkSize(name: string, value: unknown, least = 1): void {
  if (!Number.isSafeInteger(value) || (value as number) < least) throw argumentError(name, `an integer >= ${least}`, value);
}

export function checkProbability(name: string, value: unknown): void {
  if (typeof value !== "number" || !(value >= 0 && value <= 1)) throw argumentError(name, "a number from 0 to 1", value);
}

/** One integer for both spatial dimensions, or [height, width]. */
export type Pair = number | readonly [number, number];

export function pair(name: string, value: Pair, least: number): [number, number] {
  const [height, width] = Array.isArray(value) ? (value as [number, number]) : [value as number, value as number];
  checkSize(name, height, least);
  checkSize(name, width, least);
  return [height, width];
}
