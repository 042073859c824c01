/** How the commands show warnings. */

import { printable } from "../report/printable.js";
import { DgsamWarning } from "../warnings.js";

/** By these Node prints them otherwise: to a file, or without some. */
const PRINTS_OTHERWISE = /--(disable|redirect)-warning/;

/**
 * Ours as a line each, as errors are; Node prints all others. Where Node was told how to print them (`--no-warnings`, `--trace-warnings`,
 * `--disable-warning`, `--redirect-warnings`), it stays so.
 */
export function showWarnings(): void {
  const { traceProcessWarnings = false } = process as { traceProcessWarnings?: boolean };
  const listeners = process.listeners("warning");
  const { NODE_OPTIONS = "", NODE_REDIRECT_WARNINGS } = process.env;
  if (listeners.length === 0 || traceProcessWarnings || NODE_REDIRECT_WARNINGS !== undefined || PRINTS_OTHERWISE.test([NODE_OPTIONS, ...process.execArgv].join(" "))) return;
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (warning instanceof DgsamWarning) process.stderr.write(`Warning: ${warning.code === "WARN_DATA" ? printable(warning.message) : warning.message}\n`);
    else for (const listener of listeners) listener(warning);
  });
}
