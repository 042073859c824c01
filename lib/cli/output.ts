/** What happens when standard output or standard error cannot be written: a full disk, a reader that has gone. */

/** One line and exit status 1 for standard output; standard error is for progress, and the work goes on without. */
export function guardOutput(): void {
  process.stdout.once("error", (error) => {
    process.stdout.on("error", () => {});
    process.stderr.write(`dgsam: cannot write to standard output: ${error.message}\n`);
    process.exitCode = 1;
  });
  process.stderr.on("error", () => {});
}
