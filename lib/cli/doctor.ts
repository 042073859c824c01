/** `dgsam doctor`: shows what the package runs on and what is wrong with it, also where the addon does not load. */

import { Command } from "commander";
import { collectDoctorReport } from "../report/diagnosis.js";
import { doctorText } from "../report/doctor-text.js";

export function doctorCommand(): Command {
  return new Command("doctor")
    .description("Show Node, addon, LibTorch, devices and threads, and what is wrong with them")
    .option("--json", "print one JSON object instead of the text")
    .addHelpText("after", "\nExit status 1 when something is unusable.")
    .action(async ({ json = false }: { json?: boolean }) => {
      const report = await collectDoctorReport();
      process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : doctorText(report));
      if (!report.ok) process.exitCode = 1;
    });
}
