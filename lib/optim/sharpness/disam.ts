/**
 * DISAM, domain-inspired SAM (Zhang et al., ICLR 2024, arXiv 2405.18861).
 *
 *     g   <- grad (mean_d L_d - lambda * var_d L_d)  at p        (variance over the S domains, divided by S)
 *     G   <- grad mean_d L_d  at p + rho * g / (||g|| + 1e-12)
 *     p   <- baseOptimizer(p, G)
 *
 * Domains that are behind, of more than the mean loss, count less in the climb, so that it does not follow them alone.
 * Their gradients are weighted by (1 - 2 lambda (L_d - mean L)) / S. All domains' graphs are alive at once in the first
 * pass, since every weight depends on all losses.
 */

import { checkNumber } from "../../checks.js";
import type { OptimizerLike } from "../descent/optimizer.js";
import type { Passes } from "./passes.js";
import { SharpnessAware } from "./wrapper.js";
import type { OptimizerClass, OptionsFor, WrapperOptions, WrapperParams } from "./wrapper-options.js";

export interface DISAMOptions extends WrapperOptions {
  /** Weight of the variance. Default 0.1. */
  lambda?: number;
}

export class DISAM<B extends OptimizerLike = OptimizerLike, O = Record<string, unknown>> extends SharpnessAware<B, O> {
  static readonly isPlannable = true;
  readonly lambda: number;

  constructor(params: WrapperParams<O>, Base: OptimizerClass<B, O>, options: OptionsFor<DISAMOptions, O> = {} as OptionsFor<DISAMOptions, O>) {
    super(params, Base, options, { options: ["lambda"] });
    const { lambda = 0.1 } = options;
    checkNumber("DISAM: lambda", lambda, 0, Infinity, false);
    this.lambda = lambda;
  }

  protected run(passes: Passes): void {
    passes.differentiateByVariance(this.lambda);
    this.climb.ascend();
    passes.differentiateMean();
    this.climb.gather();
  }
}
