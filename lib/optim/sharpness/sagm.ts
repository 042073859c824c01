/**
 * SAGM, sharpness-aware gradient matching (Wang et al., CVPR 2023, arXiv 2303.10353).
 *
 *     g   <- grad L(p)
 *     gp  <- grad L(p + g * (rho / (||g|| + 1e-12) - alpha))
 *     G   <- (g + gp) / 2
 *     p   <- baseOptimizer(p, G)
 *
 * It minimises the loss, the perturbed loss and the angle between their gradients.
 */

import { checkNumber } from "../../checks.js";
import type { OptimizerLike } from "../descent/optimizer.js";
import { TwoStep } from "./two-step.js";
import type { OptimizerClass, OptionsFor, WrapperOptions, WrapperParams } from "./wrapper-options.js";

export interface SAGMOptions extends WrapperOptions {
  /** How far the point of the second gradient goes back along g, in units of g. Default 0.001. */
  alpha?: number;
}

export class SAGM<B extends OptimizerLike = OptimizerLike, O = Record<string, unknown>> extends TwoStep<B, O> {
  static readonly isPlannable = true;
  readonly alpha: number;

  constructor(params: WrapperParams<O>, Base: OptimizerClass<B, O>, options: OptionsFor<SAGMOptions, O> = {} as OptionsFor<SAGMOptions, O>) {
    super(params, Base, options, { options: ["alpha"] });
    const { alpha = 0.001 } = options;
    checkNumber("SAGM: alpha", alpha, 0, Infinity, false);
    this.alpha = alpha;
  }

  protected ascend(): void {
    this.climb.ascend({ accumulate: true, shift: -this.alpha });
  }

  protected gather(): void {
    this.climb.gather({ sum: 0.5, grad: 0.5 });
  }
}
