/** What happens when standard output or standard error cannot be written: a full disk, a reader that has gone. */

/**
 * For standard output the exit status is 1, and one line says why unless its reader has left, as `head` does. Standard error
 * is for progress, and the work goes on without.
 */
export function guardOutput(): void {
  process.stdout.once("error", (error: NodeJS.ErrnoException) => {
    process.stdout.on("error", () => {});
    process.exitCode = 1;
    if (error.code !== "EPIPE") process.stderr.write(`dgsam: cannot write to standard output: ${error.message}\n`);
  });
  process.stderr.on("error", () => {});
}
