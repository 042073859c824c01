/** One training run, as an asynchronous iterator of events. */

import { DomainLoader, seedHash, type Minibatch } from "../data/index.js";
import { crossEntropy } from "../nn/index.js";
import type { SharpnessAware } from "../optim/index.js";
import { capture, manualSeed, type Tensor } from "../tensor/index.js";
import { ALGORITHMS } from "./algorithms.js";
import { checkClassifier } from "./checks.js";
import { checkTrainConfig, type TrainConfig } from "./config.js";
import { evaluateLoading, type Accuracy, type Classifier } from "./evaluate.js";
import { pause } from "./pause.js";
import { median, sum } from "./statistics.js";
import { nextMinibatches, takeStep, type ReadLosses } from "./step.js";

export type TrainEvent =
  /**
   * After each step: the source domains' losses as the step first computed them (in DGSAM the parameters have climbed in
   * between), and its duration, loading of the minibatches included. On a GPU, where steps wait for nothing, the events of up to
   * 16 steps come together when their losses are read; each then has the mean duration.
   */
  | { type: "step"; step: number; losses: number[]; seconds: number }
  /** After the last step, for each target. */
  | ({ type: "evaluation"; step: number } & Accuracy)
  /** At the end. `waitingShare`: of the steps' time, how much they waited for minibatches. The model is the caller's from here on. */
  | ({ type: "done"; steps: number; medianStepSeconds: number; waitingShare: number; model: Classifier } & StepMode);

/** How the passes of the steps were made. */
export interface StepMode {
  /** Replayed natively, once they were recorded, or by calling the model. */
  mode: "captured" | "eager";
  /** Why the model could not be recorded, where that is why it was called. */
  notCaptured?: string;
}

// The first steps allocate memory and compile JavaScript; they say nothing about the rest.
const WARM_UP_STEPS = 5;

// Of how many late steps the losses are read together: few enough to hear soon of one that is not finite.
const READ_EVERY = 16;

/**
 * Trains one network on one minibatch per source domain and step, and evaluates it after the last step.
 *
 * The event loop runs between steps, so timers, signals and `signal` are heard. Memory does not grow with the steps.
 * Leaving the loop early is allowed; the model is then freed.
 *
 * @throws DgsamError `ERR_ARGUMENT` at the call, listing everything that is wrong with the config; while iterating,
 *   `ERR_NON_FINITE` naming step, algorithm and domain, `ERR_OOM` for a minibatch beyond memory, and whatever the model throws
 */
export function train(config: TrainConfig): AsyncGenerator<TrainEvent, void, void> {
  checkTrainConfig(config);
  return run(config);
}

async function* run(config: TrainConfig): AsyncGenerator<TrainEvent, void, void> {
  const { algorithm, steps, lr, rho, seed, makeModel, targets, eager = false, evaluationBatchSize, signal } = config;
  signal?.throwIfAborted();
  manualSeed(seedHash(seed, "model"));
  const model = makeModel();
  checkClassifier("train: what makeModel returned", model);
  const passes = makePasses(model, eager);
  let finished = false;
  try {
    const optimizer = ALGORITHMS[algorithm].makeOptimizer({ parameters: model.parameters(), model, lr, rho, seed: seedHash(seed, "order") });
    const durations: number[] = [];
    const waits: number[] = [];
    const stream = minibatchesOf(config)[Symbol.asyncIterator]();
    try {
      while (durations.length < steps) {
        const first = durations.length + 1;
        const start = performance.now();
        const { losses, failure } = await takeSteps(optimizer, Math.min(READ_EVERY, steps - durations.length), signal, async (taken) => {
          const where = `train: step ${first + taken} of ${algorithm}`;
          const asked = performance.now();
          const minibatches = await nextMinibatches(stream, where);
          waits.push((performance.now() - asked) / 1000);
          try {
            return takeStep(optimizer, passes.lossOf, minibatches, where);
          } finally {
            minibatches.forEach(disposeMinibatch);
          }
        });
        const seconds = (performance.now() - start) / 1000 / losses.length;
        for (const [i, each] of losses.entries()) {
          durations.push(seconds);
          yield { type: "step", step: first + i, losses: each, seconds };
        }
        if (failure !== null) throw failure.error;
        await pause(signal);
      }
    } finally {
      await stream.return?.(undefined as never);
      release(optimizer);
    }
    const evaluating = { ...(evaluationBatchSize === undefined ? {} : { batchSize: evaluationBatchSize }), ...(signal === undefined ? {} : { signal }) };
    for (const target of targets) yield { type: "evaluation", step: steps, ...await evaluateLoading(model, target, evaluating) };
    const settled = Math.min(WARM_UP_STEPS, steps - 1);
    const [timed, waited] = [durations, waits].map((each) => each.slice(settled));
    finished = true;
    yield { type: "done", steps, medianStepSeconds: median(timed!), waitingShare: sum(waited!) / sum(timed!), model, ...passes.mode() };
  } finally {
    passes.release();
    if (!finished) model.dispose();
  }
}

/** Frees what was held for the steps. The garbage collector sees little of that memory, and would keep it through the runs to come. */
function release(optimizer: SharpnessAware): void {
  optimizer.zeroGrad();
  optimizer.dispose();
}

/**
 * Takes a step or, where steps are late, several before their losses are read.
 *
 * @param most how many
 * @param take takes one; gets the number of those before it
 * @returns the losses of each until one that failed, and how it did
 */
async function takeSteps(optimizer: SharpnessAware, most: number, signal: AbortSignal | undefined, take: (taken: number) => Promise<ReadLosses>): Promise<{ losses: number[][]; failure: { error: unknown } | null }> {
  const unread: ReadLosses[] = [];
  const losses: number[][] = [];
  let failure: { error: unknown } | null = null;
  try {
    do {
      if (unread.length > 0) await pause(signal);
      unread.push(await take(unread.length));
    } while (optimizer.isLate && unread.length < most);
  } catch (error) {
    failure = { error };
  }
  try {
    for (const read of unread) losses.push(read());
  } catch (error) {
    // It was sooner.
    failure = { error };
  }
  return { losses, failure };
}

/** The stream of a run. Domains that read and decode are given two steps to do so. */
function minibatchesOf({ sources, batchSize, seed, signal }: TrainConfig): DomainLoader {
  const prefetch = sources.some(({ load }) => load !== undefined) ? 2 : 0;
  return new DomainLoader(sources, { batchSize, seed: seedHash(seed, "minibatches"), prefetch, ...(signal === undefined ? {} : { signal }) });
}

function disposeMinibatch({ x, y }: Minibatch): void {
  x.dispose();
  y.dispose();
}

interface Passes {
  /** The loss of a minibatch. */
  readonly lossOf: (minibatch: Minibatch) => () => Tensor;
  /** How it was computed so far. */
  readonly mode: () => StepMode;
  /** Frees what was recorded. */
  readonly release: () => void;
}

function makePasses(model: Classifier, eager: boolean): Passes {
  const loss = (x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y);
  if (eager) return { lossOf: ({ x, y }) => () => loss(x, y), mode: () => ({ mode: "eager" }), release: () => {} };
  const captured = capture(loss);
  const mode = (): StepMode => {
    const [reason] = captured.stats.refused;
    return reason === undefined ? { mode: "captured" } : { mode: "eager", notCaptured: reason };
  };
  return { lossOf: ({ x, y }) => captured.on(x, y), mode, release: () => captured.dispose() };
}
