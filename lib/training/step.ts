/** One training step over one minibatch per source domain. What goes wrong in it is told with the domain's name. */

import type { DomainLoader, Minibatch } from "../data/index.js";
import { DgsamError } from "../errors.js";
import type { Closure, SharpnessAware } from "../optim/index.js";
import { scope } from "../tensor/index.js";

/** Reads the domains' losses as a step first computed them. Throws as {@link takeStep}. */
export type ReadLosses = () => number[];

/**
 * Draws the minibatches and takes the step. Where steps are late, the losses are to be read later, which waits for the device;
 * else they are known.
 *
 * @param lossOf the loss of a minibatch, as a closure
 * @param where what the errors begin with: the step and its algorithm
 * @throws DgsamError `ERR_NON_FINITE` naming the domain, before the parameters change; `ERR_OOM` for minibatches beyond memory
 */
export function takeStep(optimizer: SharpnessAware, lossOf: (minibatch: Minibatch) => Closure, loader: DomainLoader, where: string): ReadLosses {
  return scope(() => {
    const minibatches = nextMinibatches(loader, where);
    const result = naming(where, minibatches, () => optimizer.step(minibatches.map(lossOf)));
    return () => naming(where, minibatches, () => result.losses);
  });
}

/** Tells whose loss was not finite. */
function naming<T>(where: string, minibatches: readonly Minibatch[], act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof DgsamError) || error.code !== "ERR_NON_FINITE" || error.domain === undefined) throw error;
    // The optimizer knows domains by their numbers, and speaks of options that a run does not have; its cause does not.
    const domain = JSON.stringify(minibatches[error.domain]!.domain);
    throw new DgsamError("ERR_NON_FINITE", `${where}: domain ${domain}: the ${(error.cause as Error).message}; a smaller lr may help`, { cause: error, domain: error.domain });
  }
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
