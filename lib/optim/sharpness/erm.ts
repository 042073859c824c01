/**
 * Empirical risk minimisation as the algorithm of the family that does not climb:
 *
 *     G  <- grad of the mean of the domains' losses at p
 *     p  <- baseOptimizer(p, G)
 *
 * What it adds to the bare base optimizer is the family's care for what is not finite, and micro-batches.
 */

import type { OptimizerLike } from "../descent/optimizer.js";
import type { Passes } from "./passes.js";
import { SharpnessAware } from "./wrapper.js";

export class ERM<B extends OptimizerLike = OptimizerLike, O = Record<string, unknown>> extends SharpnessAware<B, O> {
  static readonly isPlannable = true;

  protected run(passes: Passes): void {
    passes.differentiateMean();
    this.climb.gather();
  }
}
