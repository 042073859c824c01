/** `dgsam parity`: shows that the native optimizers compute what the twins and PyTorch compute. */

import { Command, Option } from "commander";
import { parityReport, parityText } from "../report/parity-report.js";
import { checkDevice, PARITY_DEVICES } from "../training/parity/device.js";
import { compareWithOracles } from "../training/parity/rows.js";

interface ParityOptions {
  device: string;
  json?: boolean;
}

export function parityCommand(): Command {
  return new Command("parity")
    .description("Compare the native optimizers with the float64 reference and, in a clone where a Python can be had, with PyTorch")
    .addOption(new Option("--device <name>", "where the native optimizers run; the others run on the CPU").choices(PARITY_DEVICES).default("cpu", "cpu"))
    .option("--json", "print one JSON object instead of the table")
    .addHelpText(
      "after",
      "\nThe Python is DGSAM_PYTHON, else python3 if its torch is the addon's, else an environment that is made in the cache.\n" +
        "Exit status 1 when an error is above its tolerance.",
    )
    .action(async ({ device, json = false }: ParityOptions) => {
      checkDevice(device);
      const report = parityReport(await compareWithOracles(device));
      process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : parityText(report));
      if (!report.pass) process.exitCode = 1;
    });
}
