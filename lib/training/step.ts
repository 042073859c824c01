/** One training step over one minibatch per source domain. What goes wrong in it is told with the domain's name. */

import type { Minibatch } from "../data/index.js";
import { DgsamError } from "../errors.js";
import type { Closure, SharpnessAware } from "../optim/index.js";
import { scope } from "../tensor/index.js";

/** Reads the domains' losses as a step first computed them. Throws as {@link takeStep}. */
export type ReadLosses = () => number[];

/**
 * Takes the step. Where steps are late, the losses are to be read later, which waits for the device; else they are known.
 *
 * @param lossOf the loss of a minibatch, as a closure
 * @param where what the errors begin with: the step and its algorithm
 * @throws DgsamError `ERR_NON_FINITE` naming the domain, before the parameters change
 */
export function takeStep(optimizer: SharpnessAware, lossOf: (minibatch: Minibatch) => Closure, minibatches: readonly Minibatch[], where: string): ReadLosses {
  return scope(() => {
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

/**
 * The minibatches of the next step.
 *
 * @throws DgsamError `ERR_OOM` for those beyond memory; what a domain throws
 */
export async function nextMinibatches(stream: AsyncIterator<Minibatch[], never>, where: string): Promise<Minibatch[]> {
  try {
    return (await stream.next()).value;
  } catch (error) {
    // JavaScript's own, for an array beyond its limits.
    if (!(error instanceof RangeError)) throw error;
    throw new DgsamError("ERR_OOM", `${where}: the minibatches do not fit in memory (${error.message}); choose a smaller batchSize`, { cause: error });
  }
}
