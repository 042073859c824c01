/**
 * GSAM, surrogate gap guided SAM (Zhuang et al., ICLR 2022, arXiv 2203.08065).
 *
 *     g   <- grad L(p),  gp <- grad L(p + rho * g / (||g|| + 1e-12))
 *     G   <- gp - alpha * (g - <g, gp> / ||gp||^2 * gp)      (the part of g that is orthogonal to gp)
 *     p   <- baseOptimizer(p, G)
 *
 * Descending along gp lowers the perturbed loss; ascending along what of g does not change it narrows the gap between the
 * two. In the paper the radius follows the learning rate: see `ProportionalRho`.
 */

import { checkNumber } from "../../checks.js";
import type { OptimizerLike } from "../descent/optimizer.js";
import { TwoStep } from "./two-step.js";
import type { OptimizerClass, OptionsFor, WrapperOptions, WrapperParams } from "./wrapper-options.js";

export interface GSAMOptions extends WrapperOptions {
  /** Weight of the orthogonal part. Default 0.4. */
  alpha?: number;
}

export class GSAM<B extends OptimizerLike = OptimizerLike, O = Record<string, unknown>> extends TwoStep<B, O> {
  static readonly isPlannable = true;
  readonly alpha: number;

  constructor(params: WrapperParams<O>, Base: OptimizerClass<B, O>, options: OptionsFor<GSAMOptions, O> = {} as OptionsFor<GSAMOptions, O>) {
    super(params, Base, options, { options: ["alpha"] });
    const { alpha = 0.4 } = options;
    checkNumber("GSAM: alpha", alpha, 0, Infinity, false);
    this.alpha = alpha;
  }

  protected ascend(): void {
    this.climb.ascend({ accumulate: true });
  }

  protected gather(): void {
    this.climb.gatherOrthogonal(this.alpha);
  }
}
