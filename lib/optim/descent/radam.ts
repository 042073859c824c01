/**
 * RAdam, Adam with a rectified variance, as torch.optim.RAdam, over LibTorch's foreach functions; on a GPU by kernels of our own.
 *
 *     g  <- grad + weightDecay * p          (maximize: -grad;  decoupledWeightDecay: p <- p - lr * weightDecay * p instead)
 *     m  <- beta1 * m + (1 - beta1) * g
 *     v  <- beta2 * v + (1 - beta2) * g^2
 *     r  = 2 / (1 - beta2) - 1,   r(t) = r - 2 * t * beta2^t / (1 - beta2^t)
 *     a  <- sqrt((r(t) - 4) (r(t) - 2) r / ((r - 4) (r - 2) r(t))) * sqrt(1 - beta2^t) / (sqrt(v) + eps)   if r(t) > 5, else 1
 *     p  <- p - lr / (1 - beta1^t) * m * a
 *
 * t counts a parameter's own gradients. Liu et al. 2020 (arXiv 1908.03265); decoupled: Loshchilov & Hutter 2019.
 */

import { checkBoolean, checkNumber } from "../../checks.js";
import { ops } from "../../tensor/index.js";
import { checkBetas } from "../checks.js";
import { once } from "../once.js";
import type { ParamGroup, ParamsInput } from "./optimizer.js";
import { SweptOptimizer } from "./swept-optimizer.js";

const radam = once(() => ops.dgsam["radam_.default"]);

export interface RAdamOptions {
  /** Learning rate. Default 1e-3. */
  lr: number;
  /** Decay of the running mean of the gradient and of its square. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /** L2 penalty, added to the gradient; with `decoupledWeightDecay` decay of the parameter itself. Default 0. */
  weightDecay: number;
  /** Decay the parameter itself, as AdamW does. Default false. */
  decoupledWeightDecay: boolean;
  /** Climb instead of descend. Default false. */
  maximize: boolean;
}

export class RAdam extends SweptOptimizer<RAdamOptions> {
  static readonly isPlannable = true;
  constructor(params: ParamsInput<RAdamOptions>, options: Partial<RAdamOptions> = {}) {
    super(params, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, decoupledWeightDecay: false, maximize: false }, options);
  }

  protected checkOptions(options: RAdamOptions): void {
    checkNumber("RAdam: lr", options.lr, 0);
    checkBetas("RAdam: betas", options.betas);
    checkNumber("RAdam: eps", options.eps, 0);
    checkNumber("RAdam: weightDecay", options.weightDecay, 0);
    checkBoolean("RAdam: decoupledWeightDecay", options.decoupledWeightDecay);
    checkBoolean("RAdam: maximize", options.maximize);
  }

  protected stateNames(): readonly string[] {
    return ["step", "expAvg", "expAvgSq"];
  }

  protected update(group: ParamGroup<RAdamOptions>): void {
    const { betas, eps, weightDecay, decoupledWeightDecay, maximize } = group;
    const { parameters, list } = this.remember(group);
    const { lr, more } = this.rateOf(group);
    this.making(radam())(parameters, list("expAvg"), list("expAvgSq"), list("step"), lr, betas[0], betas[1], eps, weightDecay, maximize, decoupledWeightDecay, ...more);
  }
}
