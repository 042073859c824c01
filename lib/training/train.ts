/** One training run, as an asynchronous iterator of events. */

import { setImmediate } from "node:timers/promises";
import { z } from "zod";
import { DomainLoader, seedHash, type Domain } from "../data/index.js";
import { DgsamError } from "../errors.js";
import { crossEntropy } from "../nn/index.js";
import { manualSeed, scope } from "../tensor/index.js";
import { ALGORITHM_NAMES, findAlgorithm, type AlgorithmName } from "./algorithms.js";
import { evaluateByBatch, type Accuracy, type Classifier } from "./evaluate.js";

const settings = z.strictObject({
  algorithm: z.enum(ALGORITHM_NAMES as [AlgorithmName, ...AlgorithmName[]]),
  steps: z.int().min(1),
  batchSize: z.int().min(1),
  lr: z.number().positive(),
  rho: z.number().min(0),
  seed: z.int(),
});

/** The numbers of a run. */
export interface TrainSettings {
  algorithm: AlgorithmName;
  steps: number;
  /** Items per source domain and step. */
  batchSize: number;
  /** Learning rate of Adam. */
  lr: number;
  /** Radius of the climb of SAM and DGSAM. */
  rho: number;
  /** Initial weights, minibatches and the algorithm's own choices follow from it, each from a seed of its own. */
  seed: number;
}

export interface TrainConfig extends TrainSettings {
  /** Makes the network; called once, after seeding. */
  makeModel: () => Classifier;
  /** The domains to train on. */
  sources: readonly Domain[];
  /** The domains to evaluate on after the last step. */
  targets: readonly Domain[];
  /** Stops the run within a step: the iterator throws the signal's reason. */
  signal?: AbortSignal;
}

export type TrainEvent =
  /** After each step: the source domains' losses at its beginning, and how long it took with loading its data. */
  | { type: "step"; step: number; losses: number[]; seconds: number }
  | ({ type: "evaluation"; step: number } & Accuracy)
  | { type: "done"; steps: number; medianStepSeconds: number; model: Classifier };

// The first steps allocate memory and compile JavaScript; they say nothing about the rest.
const WARM_UP_STEPS = 5;

/**
 * Trains one network and evaluates it after the last step.
 *
 * The event loop runs between steps, so timers, signals and `signal` are heard. Leaving the loop early is allowed.
 *
 * @throws DgsamError `ERR_ARGUMENT` for settings out of range; `ERR_NON_FINITE`
 */
export async function* train(config: TrainConfig): AsyncGenerator<TrainEvent, void, void> {
  const { makeModel, sources, targets, signal, ...rest } = config;
  const { algorithm, steps, batchSize, lr, rho, seed } = checkSettings(rest);
  manualSeed(seedHash(seed, "model"));
  const model = makeModel();
  const loader = new DomainLoader(sources, { batchSize, seed: seedHash(seed, "minibatches") });
  const runStep = findAlgorithm(algorithm).create({ parameters: model.parameters(), model, lr, rho, seed: seedHash(seed, "order") });
  const durations: number[] = [];
  for (let step = 1; step <= steps; step++) {
    signal?.throwIfAborted();
    const start = performance.now();
    const losses = scope(() => runStep(loader.next().map(({ x, y }) => () => crossEntropy(model.forward(x), y))));
    const seconds = (performance.now() - start) / 1000;
    durations.push(seconds);
    yield { type: "step", step, losses, seconds };
    await setImmediate();
  }
  for (const target of targets) {
    const evaluation = evaluateByBatch(model, target);
    let next = evaluation.next();
    for (; !next.done; next = evaluation.next()) {
      await setImmediate();
      signal?.throwIfAborted();
    }
    yield { type: "evaluation", step: steps, ...next.value };
  }
  yield { type: "done", steps, medianStepSeconds: median(durations.slice(Math.min(WARM_UP_STEPS, durations.length - 1))), model };
}

/** @throws DgsamError `ERR_ARGUMENT` that lists everything out of range */
export function checkSettings(value: unknown): TrainSettings {
  const result = settings.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => `${issue.path.join(".") || "settings"}: ${issue.message}`);
  throw new DgsamError("ERR_ARGUMENT", `train: ${faults.join("; ")}`);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
