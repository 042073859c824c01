/** How well a model does on a domain. */

import { batches, type Domain } from "../data/index.js";
import { argumentError } from "../errors.js";
import type { Module } from "../nn/index.js";
import { noGrad, ops, scope, type Tensor } from "../tensor/index.js";
import { checkClassifier, isDomain } from "./checks.js";

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

/** Yields after every batch, so that the caller can let the event loop run. The model is left in the mode it was in. */
export function* evaluateByBatch(model: Classifier, domain: Domain, batchSize = 256): Generator<void, Accuracy> {
  const { training } = model;
  let correct = 0;
  let total = 0;
  try {
    model.eval();
    for (const { x, y } of batches(domain, batchSize)) {
      try {
        correct += noGrad(() => scope(() => Number(ops.aten.sum(ops.aten.eq(ops.aten.argmax(model.forward(x), 1), y)).item())));
        total += y.shape[0]!;
      } finally {
        x.dispose();
        y.dispose();
      }
      yield;
    }
  } finally {
    model.train(training);
  }
  return { domain: domain.name, correct, total, accuracy: correct / total };
}

/**
 * The share of a domain's items whose highest logit is that of their label. Takes the model to eval mode and back, and
 * computes no gradients.
 *
 * @param batchSize items of one forward pass; it changes memory and speed only
 * @throws DgsamError `ERR_ARGUMENT` for a model without `forward`, something that is no domain, or a bad batch size; and
 *   whatever the model throws
 */
export function evaluate(model: Classifier, domain: Domain, batchSize = 256): Accuracy {
  checkClassifier("evaluate: model", model);
  if (!isDomain(domain)) throw argumentError("evaluate: domain", "a Domain", domain);
  const evaluation = evaluateByBatch(model, domain, batchSize);
  for (;;) {
    const { done, value } = evaluation.next();
    if (done) return value;
  }
}
