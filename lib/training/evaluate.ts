/** How well a model does on a domain. */

import { optionsOf } from "../checks.js";
import { batches, Loader, type Batch, type Domain } from "../data/index.js";
import { argumentError, DgsamError } from "../errors.js";
import type { Module } from "../nn/index.js";
import { noGrad, ops, scope, type Tensor } from "../tensor/index.js";
import { checkClassifier, isDomain } from "./checks.js";
import { pause } from "./pause.js";

/** A module from images to logits. */
export type Classifier = Module & { forward(x: Tensor): Tensor };

export interface Accuracy {
  /** The domain's name. */
  domain: string;
  correct: number;
  total: number;
  /** correct / total. */
  accuracy: number;
}

/** Counts what a model gets right, in eval mode. */
class Count {
  #correct = 0;
  #total = 0;

  constructor(readonly model: Classifier, readonly domain: Domain) {}

  /** Takes the batch's memory, too. */
  add({ x, y }: Batch): void {
    try {
      this.#correct += noGrad(() => scope(() => Number(ops.aten.sum(ops.aten.eq(ops.aten.argmax(this.model.forward(x), 1), y)).item())));
      this.#total += y.shape[0]!;
    } finally {
      x.dispose();
      y.dispose();
    }
  }

  /** @throws DgsamError `ERR_DATA` when there was nothing to count: 0 of 0 is no accuracy */
  result(): Accuracy {
    const { name, length } = this.domain;
    if (this.#total === 0) throw new DgsamError("ERR_DATA", `evaluate: domain ${JSON.stringify(name)}: none of its ${length} items can be had`);
    return { domain: name, correct: this.#correct, total: this.#total, accuracy: this.#correct / this.#total };
  }
}

export interface EvaluateOptions {
  /** Items of one forward pass; it changes memory and speed only. Default 256. */
  batchSize?: number;
  signal?: AbortSignal;
}

/**
 * {@link evaluate} for domains that read and decode as well, such as images that nobody prepared: batches are made while the model computes, and the
 * event loop runs after each.
 *
 * @throws DgsamError (as a rejection) as {@link evaluate}, but never for images that are not decoded yet; `ERR_DATA` for one that cannot be decoded, unless these are skipped; the signal's
 *   reason
 */
export async function evaluateLoading(model: Classifier, domain: Domain, options: EvaluateOptions = {}): Promise<Accuracy> {
  const { batchSize = 256, signal } = optionsOf<EvaluateOptions>("evaluateLoading", options, ["batchSize", "signal"]);
  checkClassifier("evaluateLoading: model", model);
  if (!isDomain(domain)) throw argumentError("evaluateLoading: domain", "a Domain", domain);
  const { training } = model;
  const count = new Count(model, domain);
  try {
    model.eval();
    for await (const batch of new Loader(domain, { batchSize, ...(signal === undefined ? {} : { signal }) })) {
      count.add(batch);
      await pause(signal);
    }
  } finally {
    model.train(training);
  }
  return count.result();
}

/**
 * The share of a domain's items whose highest logit is that of their label. Takes the model to eval mode and back, and
 * computes no gradients.
 *
 * @param batchSize items of one forward pass; it changes memory and speed only
 * @throws DgsamError `ERR_ARGUMENT` for a model without `forward`, something that is no domain, or a bad batch size; `ERR_STATE` for images that are not decoded yet; `ERR_DATA` for a
 *   domain of which no item can be had; and whatever the model throws
 */
export function evaluate(model: Classifier, domain: Domain, batchSize = 256): Accuracy {
  checkClassifier("evaluate: model", model);
  if (!isDomain(domain)) throw argumentError("evaluate: domain", "a Domain", domain);
  const { training } = model;
  const count = new Count(model, domain);
  try {
    model.eval();
    for (const batch of batches(domain, batchSize)) count.add(batch);
  } finally {
    model.train(training);
  }
  return count.result();
}
