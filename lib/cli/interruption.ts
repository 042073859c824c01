/**
 * SIGINT and SIGTERM, heard from the moment this module is loaded. It imports nothing: loading LibTorch and reading the
 * data take a second or two, and a Ctrl-C in them must not find the process without its handlers.
 */

const EXIT_STATUS = { SIGINT: 130, SIGTERM: 143 } as const;

type SignalName = keyof typeof EXIT_STATUS;

const controller = new AbortController();
// Stays on after the first: npm passes a Ctrl-C on that the terminal has sent already.
for (const name of Object.keys(EXIT_STATUS) as SignalName[]) process.on(name, () => controller.abort(name));

/** Aborted by the first of these signals. */
export const interruption: AbortSignal = controller.signal;

/** The exit status for the signal that was heard. */
export function interruptionStatus(): number {
  return EXIT_STATUS[interruption.reason as SignalName];
}

/** For commands that leave nothing behind: ends the process as soon as a signal is heard, also if it was before. */
export function exitWhenInterrupted(): void {
  const exit = (): void => process.exit(interruptionStatus());
  if (interruption.aborted) exit();
  interruption.addEventListener("abort", exit);
}
