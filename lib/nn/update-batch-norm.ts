/**
 * Running statistics measured anew, as torch.optim.swa_utils.update_bn: averaged weights, or others that were not trained as
 * they are, need the statistics of their own activations.
 */

import { checkInteger, isPlainObject, optionsOf } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import { keep, noGrad, ops, scope, Tensor } from "../tensor/index.js";
import { BatchNorm } from "./batch-norm.js";
import { Module } from "./module.js";

/** What the model's `forward` takes, or a minibatch with it. */
export type BatchNormInput = Tensor | { readonly x: Tensor };

export interface UpdateBatchNormOptions {
  /** How many inputs to take, where there are more: loaders for training never end. Default all. */
  maxBatches?: number;
}

type Model = Module & { forward(x: Tensor): unknown };

/**
 * Sets the running statistics of all BatchNorm layers to the mean over the given inputs: resets them and passes each input
 * through the model once, in training mode and without gradients, with momentum null. Afterwards modes and momenta are what
 * they were, also when something throws; then the statistics are, too. Frozen layers keep theirs. Without a layer to measure
 * nothing is run.
 *
 * The inputs are the caller's: a generator that makes them disposes of them after its `yield`.
 *
 * @param batches inputs, one pass each; with an asynchronous iterable the result is a promise
 * @throws DgsamError `ERR_ARGUMENT`; `ERR_DATA` when there is no input; and whatever the model or the iterable throws
 */
export function updateBatchNorm(model: Model, batches: Iterable<BatchNormInput>, options?: UpdateBatchNormOptions): void;
export function updateBatchNorm(model: Model, batches: AsyncIterable<BatchNormInput>, options?: UpdateBatchNormOptions): Promise<void>;
export function updateBatchNorm(model: Model, batches: Iterable<BatchNormInput> | AsyncIterable<BatchNormInput>, options?: UpdateBatchNormOptions): void | Promise<void> {
  if (!(model instanceof Module)) throw argumentError("updateBatchNorm: model", "a Module", model);
  const { maxBatches = Infinity } = optionsOf("updateBatchNorm", options, ["maxBatches"]);
  if (maxBatches !== Infinity) checkInteger("updateBatchNorm: maxBatches", maxBatches, 1);
  const asynchronous = typeof (batches as AsyncIterable<unknown> | null | undefined)?.[Symbol.asyncIterator] === "function";
  const iterable = typeof (batches as Iterable<unknown> | null | undefined)?.[Symbol.iterator] === "function";
  if ((!asynchronous && !iterable) || typeof batches === "string" || batches instanceof Tensor) throw argumentError("updateBatchNorm: batches", "an iterable of Tensors or of minibatches { x }", batches);
  const layers = model.modules().filter((each): each is BatchNorm => each instanceof BatchNorm && each.runningMean !== null && !each.frozen);
  if (layers.length === 0) return asynchronous ? Promise.resolve() : undefined;
  if (asynchronous) return measureAsync(new Measurement(model, layers), batches as AsyncIterable<BatchNormInput>, maxBatches);
  measure(new Measurement(model, layers), batches as Iterable<BatchNormInput>, maxBatches);
}

function measure(measurement: Measurement, batches: Iterable<BatchNormInput>, maxBatches: number): void {
  try {
    measurement.begin();
    for (const batch of batches) if (measurement.pass(batch) >= maxBatches) break;
    measurement.finish();
  } finally {
    measurement.end();
  }
}

async function measureAsync(measurement: Measurement, batches: AsyncIterable<BatchNormInput>, maxBatches: number): Promise<void> {
  try {
    measurement.begin();
    for await (const batch of batches) if (measurement.pass(batch) >= maxBatches) break;
    measurement.finish();
  } finally {
    measurement.end();
  }
}

/** One pass over the inputs, and what it must put back. */
class Measurement {
  private readonly modes: [module: Module, training: boolean][];
  private readonly layers: { layer: BatchNorm; momentum: number | null; runningStats: Module["runningStats"] }[];
  private readonly statistics: { buffer: Tensor; before: Tensor }[];
  private inputs = 0;
  private finished = false;

  constructor(private readonly model: Model, layers: readonly BatchNorm[]) {
    this.modes = model.modules().map((module) => [module, module.training]);
    this.layers = layers.map((layer) => ({ layer, momentum: layer.momentum, runningStats: layer.runningStats }));
    const buffers = layers.flatMap(({ runningMean, runningVar, numBatchesTracked }) => [runningMean, runningVar, numBatchesTracked].filter((each) => each !== null));
    this.statistics = noGrad(() => buffers.map((buffer) => ({ buffer, before: keep(ops.aten["clone.default"](buffer)) })));
  }

  begin(): void {
    this.model.train();
    for (const { layer } of this.layers) {
      layer.resetRunningStats();
      layer.momentum = null;
      layer.runningStats = "update";
    }
  }

  /** Returns how many inputs there were. */
  pass(batch: unknown): number {
    const input = isPlainObject(batch) ? batch["x"] : batch;
    if (!(input instanceof Tensor)) throw argumentError(`updateBatchNorm: batch ${this.inputs}`, "a Tensor or a minibatch { x }", batch);
    noGrad(() => scope(() => void this.model.forward(input)));
    return ++this.inputs;
  }

  finish(): void {
    if (this.inputs === 0) throw new DgsamError("ERR_DATA", "updateBatchNorm: there was no input to measure by; is the iterator used up?");
    this.finished = true;
  }

  end(): void {
    for (const { layer, momentum, runningStats } of this.layers) Object.assign(layer, { momentum, runningStats });
    for (const [module, training] of this.modes) module.training = training;
    for (const { buffer, before } of this.statistics) {
      if (!this.finished) noGrad(() => ops.aten["copy_.default"](buffer, before));
      before.dispose();
    }
  }
}
