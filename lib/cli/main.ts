#!/usr/bin/env node
/** The `dgsam` command: lists the commands, and turns errors into one line and an exit status. */

import { Command } from "commander";
import { DgsamError } from "../errors.js";
import { packageVersion } from "./version.js";

const COMMANDS: Readonly<Record<string, { summary: string; load: () => Promise<Command> }>> = {
  compare: { summary: "train ERM, SAM and DGSAM on RotatedMNIST and compare them on the unseen angle", load: async () => (await import("./compare.js")).compareCommand() },
  doctor: { summary: "show what the package runs on and what is wrong with it", load: async () => (await import("./doctor.js")).doctorCommand() },
  parity: { summary: "compare the native optimizers with the float64 reference and PyTorch", load: async () => (await import("./parity.js")).parityCommand() },
};

/** Only the command that is asked for is loaded, the others are listed: help and doctor must work where the addon does not. */
async function makeProgram(args: readonly string[]): Promise<Command> {
  const program = new Command("dgsam")
    .description("Train models that keep working on domains they never saw")
    .version(packageVersion())
    .showSuggestionAfterError();
  const asked = args[0] === "help" ? args[1] : args[0];
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const command = name === asked ? await load() : new Command(name);
    program.addCommand(command.summary(summary));
  }
  return program;
}

try {
  const program = await makeProgram(process.argv.slice(2));
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof Error) || process.env["DGSAM_DEBUG"]) throw error;
  // An error that is not ours is a mistake in this package, and its text says little without the stack.
  const hint = error instanceof DgsamError ? "" : " (DGSAM_DEBUG=1 shows where)";
  process.stderr.write(`dgsam: ${error.message}${hint}\n`);
  process.exitCode = 1;
}
