/** How the commands show warnings. */

import { DgsamWarning } from "../warnings.js";

/**
 * Ours as a line each, as errors are; Node prints all others. Where Node was told to print none (`--no-warnings`), or with where they come
 * from (`--trace-warnings`), it stays so.
 */
export function showWarnings(): void {
  const { traceProcessWarnings = false } = process as { traceProcessWarnings?: boolean };
  const listeners = process.listeners("warning");
  if (listeners.length === 0 || traceProcessWarnings) return;
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (warning instanceof DgsamWarning) process.stderr.write(`Warning: ${warning.message}\n`);
    else for (const listener of listeners) listener(warning);
  });
}
