/**
 * Values of JavaScript's that decide what a captured function does, such as whether a layer is in training: a program holds
 * for those that it was recorded with. Floors above name them, since they know where such values lie.
 */

import { Tensor } from "../tensor.js";

/** A value that a program was recorded with: a field, an entry of a Map, or how many fields there are. */
export interface Guard {
  readonly owner: object;
  readonly kind: "field" | "entry" | "count";
  readonly key: unknown;
  readonly value: unknown;
}

/** What is looked at while a function is recorded. */
export interface Watch {
  /** What the function changed of it, in words; null for nothing. */
  changed(): string | null;
  /** @param uses tells which of some tensors the function uses */
  guards(uses: (tensors: readonly Tensor[]) => readonly boolean[]): Guard[];
  end(): void;
}

const watchers: (() => Watch)[] = [];

/** Adds something to look at while a function is recorded, from now on. */
export function addWatcher(watcher: () => Watch): void {
  watchers.push(watcher);
}

/** Begins to look at all of it; `end` must follow. */
export function watch(): Watch {
  const watches = watchers.map((begin) => begin());
  return {
    changed: () => watches.reduce<string | null>((found, each) => found ?? each.changed(), null),
    guards: (uses) => watches.flatMap((each) => each.guards(uses)),
    end: () => watches.forEach((each) => each.end()),
  };
}

/** Whether it is what it was. */
export function isUnchanged({ owner, kind, key, value }: Guard): boolean {
  switch (kind) {
    case "field":
      return Object.is((owner as Record<PropertyKey, unknown>)[key as PropertyKey], value);
    case "entry":
      return Object.is((owner as ReadonlyMap<unknown, unknown>).get(key), value);
    default:
      return Object.keys(owner).length === value;
  }
}

export function guardsHold(guards: readonly Guard[]): boolean {
  for (const guard of guards) {
    if (!isUnchanged(guard)) return false;
    // That it was disposed of is the function's to find out.
    if (guard.value instanceof Tensor && guard.value.handle === 0) return false;
  }
  return true;
}
