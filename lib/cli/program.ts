/** Lists the commands, runs the one that is asked for, and turns errors into one line and an exit status. */

import { Command, CommanderError } from "commander";
import { DgsamError } from "../errors.js";
import { printable } from "../report/printable.js";
import { packageVersion } from "../version.js";
import { exitWhenInterrupted } from "./interruption.js";
import { guardOutput } from "./output.js";
import { showWarnings } from "./warnings.js";

interface Entry {
  summary: string;
  load: () => Promise<Command>;
  /** The command itself ends well on SIGINT and SIGTERM; the others have nothing to leave behind. */
  hearsSignals?: boolean;
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  compare: {
    summary: "train ERM, SAM and DGSAM on your images, or RotatedMNIST, and compare them on the domain that is held out",
    load: async () => (await import("./compare.js")).compareCommand(),
    hearsSignals: true,
  },
  data: {
    summary: "look through a data set of images for what is damaged, doubled or missing",
    load: async () => (await import("./data.js")).dataCommand(),
    hearsSignals: true,
  },
  doctor: {
    summary: "show what the package runs on and what is wrong with it",
    load: async () => (await import("./doctor.js")).doctorCommand(),
  },
  parity: {
    summary: "compare the native optimizers with the float64 reference and PyTorch",
    load: async () => (await import("./parity.js")).parityCommand(),
  },
};

/** Only the command that is asked for is loaded, the others are listed: help and doctor must work where the addon does not. */
async function makeProgram(asked: string | undefined): Promise<Command> {
  const program = new Command("dgsam")
    .description("Train models that keep working on domains they never saw")
    .version(packageVersion())
    .showSuggestionAfterError()
    .exitOverride();
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const command = name === asked ? await load() : new Command(name);
    // Where commander ends the process itself, an error of the output would go unheard.
    program.addCommand(command.summary(summary).exitOverride());
  }
  return program;
}

export async function runProgram(args: readonly string[]): Promise<void> {
  guardOutput();
  showWarnings();
  const asked = args[0] === "help" ? args[1] : args[0];
  const entry = asked !== undefined && Object.hasOwn(COMMANDS, asked) ? COMMANDS[asked] : undefined;
  if (entry?.hearsSignals !== true) exitWhenInterrupted();
  try {
    const program = await makeProgram(asked);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      // It has said so itself.
      process.exitCode = error.exitCode;
      return;
    }
    if (!(error instanceof Error) || process.env["DGSAM_DEBUG"]) throw error;
    // An error that is not ours is a mistake in this package, and its text says little without the stack.
    const hint = error instanceof DgsamError ? "" : " (DGSAM_DEBUG=1 shows where)";
    // What data are called may hold anything; other texts have lines of their own.
    const text = error instanceof DgsamError && error.code === "ERR_DATA" ? printable(error.message) : error.message;
    process.stderr.write(`dgsam: ${text}${hint}\n`);
    process.exitCode = 1;
  }
}
