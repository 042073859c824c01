/** Several algorithms on the same data: each domain of a data set is held out once, and each algorithm trained on the rest. */

import { leaveOneDomainOut, seedHash, type DomainDataset } from "../data/index.js";
import { argumentError } from "../errors.js";
import { findAlgorithm, type AlgorithmName } from "./algorithms.js";
import type { Classifier } from "./evaluate.js";
import { train, type TrainSettings } from "./train.js";

export interface CompareConfig extends Omit<TrainSettings, "algorithm"> {
  dataset: DomainDataset;
  algorithms: readonly AlgorithmName[];
  /** Names of the domains to hold out, one after the other. Default: all. */
  targets?: readonly string[];
  makeModel: (dataset: DomainDataset) => Classifier;
  signal?: AbortSignal;
}

/** One finished training run. */
export interface RunRecord {
  algorithm: AlgorithmName;
  /** The domain that was held out. */
  target: string;
  seed: number;
  steps: number;
  /** Share of the whole target domain that is classified right after the last step. */
  accuracy: number;
  correct: number;
  total: number;
  medianStepSeconds: number;
  /** The mean loss over the source domains at the last step. */
  finalLoss: number;
  /** Gradients of a domain's minibatch per step, over those of ERM: what the algorithm costs without overhead. */
  idealCost: number;
}

export type CompareEvent =
  | { type: "step"; run: number; runs: number; algorithm: AlgorithmName; target: string; step: number; steps: number; loss: number }
  | { type: "run"; run: number; runs: number; record: RunRecord };

/**
 * For one target all algorithms start from the same weights and see the same minibatches, so they differ in their steps
 * only.
 *
 * @throws DgsamError `ERR_ARGUMENT` for a target or algorithm that is not there; as {@link train}
 */
export async function* compareAlgorithms(config: CompareConfig): AsyncGenerator<CompareEvent, void, void> {
  const { dataset, algorithms, makeModel, signal, seed, steps, batchSize, lr, rho } = config;
  const targets = config.targets ?? dataset.domains.map((domain) => domain.name);
  if (targets.length === 0) throw argumentError("targets", "at least one domain", targets);
  // Everything is looked up before the first step, so that a typing error costs no training.
  const splits = targets.map((name) => leaveOneDomainOut(dataset, name));
  for (const name of algorithms) findAlgorithm(name);
  const runs = splits.length * algorithms.length;
  let run = 0;
  for (const { sources, target } of splits) {
    for (const algorithm of algorithms) {
      run++;
      const record: RunRecord = {
        algorithm, target: target.name, seed, steps, accuracy: NaN, correct: 0, total: 0, medianStepSeconds: NaN, finalLoss: NaN,
        idealCost: findAlgorithm(algorithm).gradients(sources.length) / sources.length,
      };
      const events = train({
        algorithm, steps, batchSize, lr, rho, seed: seedHash(seed, target.name), sources, targets: [target],
        makeModel: () => makeModel(dataset),
        ...(signal === undefined ? {} : { signal }),
      });
      for await (const event of events) {
        if (event.type === "step") {
          const loss = event.losses.reduce((sum, each) => sum + each, 0) / event.losses.length;
          record.finalLoss = loss;
          yield { type: "step", run, runs, algorithm, target: target.name, step: event.step, steps, loss };
        } else if (event.type === "evaluation") {
          Object.assign(record, { accuracy: event.accuracy, correct: event.correct, total: event.total });
        } else {
          record.medianStepSeconds = event.medianStepSeconds;
          for (const tensor of [...event.model.parameters(), ...event.model.buffers()]) tensor.dispose();
        }
      }
      yield { type: "run", run, runs, record };
    }
  }
}
