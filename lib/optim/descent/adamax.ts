/**
 * Adamax, Adam with the infinity norm, as torch.optim.Adamax, over LibTorch's foreach functions; on a GPU by kernels of our own.
 *
 *     g  <- grad + weightDecay * p          (maximize: -grad)
 *     m  <- beta1 * m + (1 - beta1) * g
 *     u  <- max(beta2 * u, |g| + eps)
 *     p  <- p - lr / (1 - beta1^t) * m / u
 *
 * t counts a parameter's own gradients. Kingma & Ba 2015.
 */

import { checkBoolean, checkNumber } from "../../checks.js";
import { ops } from "../../tensor/index.js";
import { checkBetas } from "../checks.js";
import { once } from "../once.js";
import type { ParamGroup, ParamsInput } from "./optimizer.js";
import { SweptOptimizer } from "./swept-optimizer.js";

const adamax = once(() => ops.dgsam["adamax_.default"]);

export interface AdamaxOptions {
  /** Learning rate. Default 2e-3. */
  lr: number;
  /** Decay of the running mean of the gradient and of its largest magnitude. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the gradient's magnitude. Default 1e-8. */
  eps: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay: number;
  /** Climb instead of descend. Default false. */
  maximize: boolean;
}

export class Adamax extends SweptOptimizer<AdamaxOptions> {
  static readonly isPlannable = true;
  constructor(params: ParamsInput<AdamaxOptions>, options: Partial<AdamaxOptions> = {}) {
    super(params, { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, maximize: false }, options);
  }

  protected checkOptions(options: AdamaxOptions): void {
    checkNumber("Adamax: lr", options.lr, 0);
    checkBetas("Adamax: betas", options.betas);
    checkNumber("Adamax: eps", options.eps, 0);
    checkNumber("Adamax: weightDecay", options.weightDecay, 0);
    checkBoolean("Adamax: maximize", options.maximize);
  }

  protected stateNames(): readonly string[] {
    return ["step", "expAvg", "expInf"];
  }

  protected update(group: ParamGroup<AdamaxOptions>): void {
    const { betas, eps, weightDecay, maximize } = group;
    const { parameters, list } = this.remember(group);
    const { lr, more } = this.rateOf(group);
    this.making(adamax())(parameters, list("expAvg"), list("expInf"), list("step"), lr, betas[0], betas[1], eps, weightDecay, maximize, ...more);
  }
}
