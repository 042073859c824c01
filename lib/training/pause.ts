import { setImmediate } from "node:timers/promises";

/** Lets the event loop run: a promise that is already resolved would let in neither timers nor signals. */
export async function pause(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  signal?.throwIfAborted();
}
