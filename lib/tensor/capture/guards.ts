/**
 * Values of JavaScript's that decide what a captured function does, such as whether a layer is in training: a program holds
 * for those that it was recorded with. Floors above name them, since they know where such values lie.
 */

import type { Tensor } from "../tensor.js";

/** A property that a program was recorded with. */
export interface Guard {
  readonly owner: object;
  readonly key: PropertyKey;
  readonly value: unknown;
}

/** @param uses tells which of some tensors the function uses */
export type GuardFinder = (uses: (tensors: readonly Tensor[]) => readonly boolean[]) => Guard[];

const finders: GuardFinder[] = [];

/** Adds a finder of guards for every function that is recorded from now on. */
export function addGuardFinder(finder: GuardFinder): void {
  finders.push(finder);
}

export function findGuards(uses: (tensors: readonly Tensor[]) => readonly boolean[]): Guard[] {
  return finders.flatMap((find) => find(uses));
}

export function guardsHold(guards: readonly Guard[]): boolean {
  for (const { owner, key, value } of guards) if (!Object.is((owner as Record<PropertyKey, unknown>)[key], value)) return false;
  return true;
}
