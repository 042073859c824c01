/** Several algorithms on the same data: each domain of a data set is held out once, and each algorithm trained on the rest. */

import { leaveOneDomainOut, seedHash, type LeaveOneDomainOut } from "../data/index.js";
import { DgsamError } from "../errors.js";
import { ALGORITHMS, type AlgorithmName } from "./algorithms.js";
import { checkCompareConfig, type CompareConfig } from "./config.js";
import { mean } from "./statistics.js";
import { train, type StepMode, type TrainEvent } from "./train.js";

/** One finished training run. */
export interface RunRecord extends StepMode {
  algorithm: AlgorithmName;
  /** The domain that was held out. */
  target: string;
  seed: number;
  steps: number;
  /** Share of the whole target domain that is classified right after the last step. */
  accuracy: number;
  correct: number;
  total: number;
  /** Without the first few steps and without evaluation. */
  medianStepSeconds: number;
  /** Of these steps' time, how much they waited for minibatches. */
  waitingShare: number;
  /** The mean of the source domains' losses in the last step's event. */
  finalLoss: number;
  /** Gradients of a domain's minibatch per step, over those of ERM: what the algorithm costs without overhead. */
  idealCost: number;
}

export type CompareEvent =
  | { type: "step"; run: number; runs: number; algorithm: AlgorithmName; target: string; seed: number; step: number; steps: number; loss: number }
  | { type: "run"; run: number; runs: number; record: RunRecord };

/**
 * Trains every algorithm with every target held out, for each seed. For one target and seed all of them start from the same weights and see the
 * same minibatches, so they differ in their steps only. Runs follow one another: each has the machine for itself.
 *
 * @throws DgsamError `ERR_ARGUMENT` at the call for a bad config, also for a target that is not there; then as
 *   {@link train}, with the algorithm and the target added
 */
export function compareAlgorithms(config: CompareConfig): AsyncGenerator<CompareEvent, void, void> {
  checkCompareConfig(config);
  const { dataset, targets = dataset.domains.map((domain) => domain.name) } = config;
  return run(config, targets.map((name) => leaveOneDomainOut(dataset, name)));
}

async function* run(config: CompareConfig, splits: readonly LeaveOneDomainOut[]): AsyncGenerator<CompareEvent, void, void> {
  const { algorithms, seeds = [config.seed] } = config;
  const runs = seeds.length * splits.length * algorithms.length;
  let run = 0;
  for (const seed of seeds) {
    for (const split of splits) {
      for (const algorithm of algorithms) yield* trainOne({ ...config, seed }, algorithm, split, { run: ++run, runs });
    }
  }
}

async function* trainOne(
  config: CompareConfig, algorithm: AlgorithmName, { sources, target }: LeaveOneDomainOut, position: { run: number; runs: number },
): AsyncGenerator<CompareEvent, void, void> {
  const { dataset, makeModel, steps, batchSize, lr, rho, seed, eager = false, evaluationBatchSize, signal } = config;
  const record: RunRecord = {
    algorithm, target: target.name, seed, steps, accuracy: NaN, correct: 0, total: 0, medianStepSeconds: NaN, waitingShare: NaN, finalLoss: NaN,
    idealCost: ALGORITHMS[algorithm].gradients(sources.length) / sources.length, mode: "eager",
  };
  const events = train({
    algorithm, steps, batchSize, lr, rho, seed: seedHash(seed, target.name), sources, targets: [target], eager,
    makeModel: () => makeModel(dataset),
    ...(evaluationBatchSize === undefined ? {} : { evaluationBatchSize }), ...(signal === undefined ? {} : { signal }),
  });
  for await (const event of named(events, `${algorithm} with ${JSON.stringify(target.name)} held out${config.seeds === undefined ? "" : `, seed ${seed}`}`)) {
    switch (event.type) {
      case "step":
        record.finalLoss = mean(event.losses);
        yield { type: "step", ...position, algorithm, target: target.name, seed, step: event.step, steps, loss: record.finalLoss };
        break;
      case "evaluation":
        Object.assign(record, { accuracy: event.accuracy, correct: event.correct, total: event.total });
        break;
      case "done":
        record.medianStepSeconds = event.medianStepSeconds;
        record.waitingShare = event.waitingShare;
        record.mode = event.mode;
        if (event.notCaptured !== undefined) record.notCaptured = event.notCaptured;
        event.model.dispose();
    }
  }
  yield { type: "run", ...position, record };
}

/** The same events; an error tells which run it was. */
async function* named(events: AsyncGenerator<TrainEvent, void, void>, run: string): AsyncGenerator<TrainEvent, void, void> {
  try {
    yield* events;
  } catch (error) {
    if (!(error instanceof DgsamError)) throw error;
    throw new DgsamError(error.code, `${run}: ${error.message}`, { cause: error });
  }
}
