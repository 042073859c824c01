/**
 * Sharpness-Aware Minimization (Foret et al., ICLR 2021, arXiv 2010.01412).
 *
 *     g  <- grad L(p)
 *     e  <- rho * g / (||g|| + 1e-12)      (one norm over all parameters)
 *     G  <- grad L(p + e)
 *     p  <- baseOptimizer(p, G)            (p is restored by copy first)
 *
 * L is the loss of the one closure, or the mean of the domains'. With `adaptive`, the elementwise form of {@link ASAM}.
 */

import type { OptimizerLike } from "../descent/optimizer.js";
import { TwoStep } from "./two-step.js";
import type { WrapperOptions } from "./wrapper-options.js";

export type SAMOptions = WrapperOptions;

export class SAM<B extends OptimizerLike = OptimizerLike, O = Record<string, unknown>> extends TwoStep<B, O> {
  static readonly isPlannable = true;

  protected ascend(): void {
    this.climb.ascend();
  }

  protected gather(): void {
    this.climb.gather();
  }
}
