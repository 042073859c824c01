/** Warnings of many functions, most of which say rightly that they are not recorded. */
import { setImmediate } from "node:timers/promises";

/** Runs `fn` with nobody else told of the process's warnings, and returns them. */
export async function collectWarnings(fn: () => void): Promise<(Error & { code?: string })[]> {
  const listeners = process.rawListeners("warning");
  const warnings: Error[] = [];
  process.removeAllListeners("warning").on("warning", (warning) => void warnings.push(warning));
  try {
    fn();
  } finally {
    // They come in the next tick.
    await setImmediate();
    process.removeAllListeners("warning");
    for (const each of listeners) process.on("warning", each as (warning: Error) => void);
  }
  return warnings;
}
