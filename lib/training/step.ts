/** One training step over one minibatch per source domain. What goes wrong in it is told with the domain's name. */

import type { DomainLoader, Minibatch } from "../data/index.js";
import { DgsamError } from "../errors.js";
import { crossEntropy } from "../nn/index.js";
import { scope } from "../tensor/index.js";
import type { Step } from "./algorithms.js";
import type { Classifier } from "./evaluate.js";

/**
 * Draws the minibatches and takes the step; returns the domains' losses as first computed.
 *
 * @param where what the errors begin with: the step and its algorithm
 * @throws DgsamError `ERR_NON_FINITE` naming the domain, before the parameters change; `ERR_OOM` for minibatches beyond memory
 */
export function takeStep(step: Step, model: Classifier, loader: DomainLoader, where: string): number[] {
  return scope(() => {
    let last = "";
    let reported: unknown;
    const closures = nextMinibatches(loader, where).map(({ x, y, domain }) => () => {
      last = JSON.stringify(domain);
      const loss = crossEntropy(model.forward(x), y);
      const value = Number(loss.item());
      if (!Number.isFinite(value)) throw (reported = new DgsamError("ERR_NON_FINITE", `${where}: the loss of domain ${last} is ${value}; a smaller lr may help`));
      return loss;
    });
    try {
      return step(closures);
    } catch (error) {
      if (error === reported || !(error instanceof DgsamError) || error.code !== "ERR_NON_FINITE") throw error;
      // The optimizer knows domains by their numbers, and speaks of options that a run does not have.
      throw new DgsamError("ERR_NON_FINITE", `${where}: the gradient after the loss of domain ${last} is not finite; a smaller lr may help`, { cause: error });
    }
  });
}

function nextMinibatches(loader: DomainLoader, where: string): Minibatch[] {
  try {
    return loader.next();
  } catch (error) {
    // JavaScript's own, for an array beyond its limits.
    if (!(error instanceof RangeError)) throw error;
    throw new DgsamError("ERR_OOM", `${where}: the minibatches do not fit in memory (${error.message}); choose a smaller batchSize`, { cause: error });
  }
}
