/** `dgsam parity`: shows that the native optimizers compute what the twins and PyTorch compute. */

import { setImmediate } from "node:timers/promises";
import { Command } from "commander";
import { parityReport, parityText } from "../report/parity-report.js";
import { PARITY_RUNS, parityRows, type ParityRow } from "../training/parity.js";
import { askPytorch } from "../training/pytorch.js";

export function parityCommand(): Command {
  return new Command("parity")
    .description("Compare the native optimizers with the float64 reference and, in a clone where a Python can be had, with PyTorch")
    .option("--json", "print one JSON object instead of the table")
    .addHelpText("after", "\nThe Python is DGSAM_PYTHON, else python3 if its torch is the addon's, else an environment that is made in the cache. Exit status 1 when an error is above its tolerance.")
    .action(async ({ json = false }: { json?: boolean }) => {
      const pytorch = await askPytorch();
      const rows: ParityRow[] = [];
      for (const [index, run] of PARITY_RUNS.entries()) {
        rows.push(...parityRows(run, "missing" in pytorch ? null : pytorch.trajectories[index]!));
        // Lets Ctrl-C in between runs.
        await setImmediate();
      }
      const report = parityReport(rows, pytorch);
      process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : parityText(report));
      if (!report.pass) process.exitCode = 1;
    });
}
