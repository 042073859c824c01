#!/usr/bin/env node
/** The `dgsam` command: lists the commands, and turns errors into one line and an exit status. */

import { Command } from "commander";
import { packageVersion } from "./version.js";

// Each command is loaded when it is called: doctor must work where the addon does not load.
const program = new Command("dgsam")
  .description("Train models that keep working on domains they never saw")
  .version(packageVersion())
  .showSuggestionAfterError()
  .enablePositionalOptions();

const COMMANDS = {
  compare: async () => (await import("./compare.js")).compareCommand(),
  doctor: async () => (await import("./doctor.js")).doctorCommand(),
  parity: async () => (await import("./parity.js")).parityCommand(),
} as const;

const asked = process.argv[2];
try {
  for (const [name, load] of Object.entries(COMMANDS)) {
    // Help and misspellings need all of them.
    if (asked === undefined || !(asked in COMMANDS) || asked === name) program.addCommand(await load());
  }
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof Error) || process.env["DGSAM_DEBUG"] !== undefined) throw error;
  process.stderr.write(`dgsam: ${error.message}\n`);
  process.exitCode = 1;
}
