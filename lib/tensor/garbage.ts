/**
 * The garbage collector at once, for when memory runs out.
 *
 * Finalizers wait for the end of the turn, but a loop that runs out of memory never gets there. V8 has two functions that it
 * shows under flags only: `gc`, and `cleanupSome` of FinalizationRegistry, which runs the finalizers that are due. Flags
 * count when a context is made, so both come out of one that is made for them. V8 dropped `cleanupSome` after Node 22: there
 * the finalizers run when the turn ends, and what failed succeeds when it is tried again then.
 */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { native, type Handle } from "../native.js";

const registries: FinalizationRegistry<Handle>[] = [];

/** A registry whose objects own handles of the addon. `release` runs some time after the last reference to an object is gone. */
export function handleRegistry(release: (handle: Handle) => unknown): FinalizationRegistry<Handle> {
  const registry = new FinalizationRegistry<Handle>((handle) => void release(handle));
  registries.push(registry);
  return registry;
}

interface Collector {
  gc: () => void;
  cleanupSome: ((this: FinalizationRegistry<Handle>) => void) | undefined;
}

function behindFlag<T>(flag: string, expression: string): T {
  setFlagsFromString(`--${flag}`);
  try {
    return runInNewContext(expression) as T;
  } finally {
    setFlagsFromString(`--no-${flag}`);
  }
}

const LAST_WITH_CLEANUP_SOME = 22;

function makeCollector(): Collector {
  const hasCleanupSome = Number.parseInt(process.versions.node, 10) <= LAST_WITH_CLEANUP_SOME;
  return {
    // Whoever started Node with the flag keeps it.
    gc: typeof globalThis.gc === "function" ? globalThis.gc : behindFlag("expose-gc", "gc"),
    // V8 writes about flags that it does not know to the error output.
    cleanupSome: hasCleanupSome ? behindFlag("harmony-weak-refs-with-cleanup-some", "FinalizationRegistry.prototype.cleanupSome") : undefined,
  };
}

let collector: Collector | undefined;

/** Frees the handles of objects that nothing refers to. */
function collectGarbage(): void {
  const { gc, cleanupSome } = (collector ??= makeCollector());
  gc();
  if (cleanupSome !== undefined) for (const registry of registries) cleanupSome.call(registry);
}

native.setCollector(collectGarbage);
