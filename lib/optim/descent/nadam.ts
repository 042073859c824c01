/**
 * NAdam, Adam with Nesterov momentum, as torch.optim.NAdam, over LibTorch's foreach functions; on a GPU by kernels of our own.
 *
 *     g  <- grad + weightDecay * p          (maximize: -grad;  decoupledWeightDecay: p <- p - lr * weightDecay * p instead)
 *     m  <- beta1 * m + (1 - beta1) * g
 *     v  <- beta2 * v + (1 - beta2) * g^2
 *     mu(t) = beta1 * (1 - 0.96^(t * momentumDecay) / 2);   M <- M * mu(t), from 1
 *     d  <- sqrt(v / (1 - beta2^t)) + eps
 *     p  <- p - lr * (1 - mu(t)) / (1 - M) * g / d - lr * mu(t + 1) / (1 - M * mu(t + 1)) * m / d
 *
 * t counts a parameter's own gradients. Dozat 2016; decoupled: Loshchilov & Hutter 2019.
 */

import { checkBoolean, checkNumber } from "../../checks.js";
import { ops } from "../../tensor/index.js";
import { checkBetas } from "../checks.js";
import { once } from "../once.js";
import type { ParamGroup, ParamsInput } from "./optimizer.js";
import { SweptOptimizer } from "./swept-optimizer.js";

const nadam = once(() => ops.dgsam["nadam_.default"]);

export interface NAdamOptions {
  /** Learning rate. Default 2e-3. */
  lr: number;
  /** Decay of the running mean of the gradient and of its square. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /** L2 penalty, added to the gradient; with `decoupledWeightDecay` decay of the parameter itself. Default 0. */
  weightDecay: number;
  /** How fast the momentum rises from beta1 / 2 to beta1. Default 4e-3. */
  momentumDecay: number;
  /** Decay the parameter itself, as AdamW does. Default false. */
  decoupledWeightDecay: boolean;
  /** Climb instead of descend. Default false. */
  maximize: boolean;
}

export class NAdam extends SweptOptimizer<NAdamOptions> {
  static readonly isPlannable = true;
  constructor(params: ParamsInput<NAdamOptions>, options: Partial<NAdamOptions> = {}) {
    const defaults = { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, momentumDecay: 4e-3, decoupledWeightDecay: false, maximize: false } as const;
    super(params, defaults, options);
  }

  protected checkOptions(options: NAdamOptions): void {
    checkNumber("NAdam: lr", options.lr, 0);
    checkBetas("NAdam: betas", options.betas);
    checkNumber("NAdam: eps", options.eps, 0);
    checkNumber("NAdam: weightDecay", options.weightDecay, 0);
    checkNumber("NAdam: momentumDecay", options.momentumDecay, 0);
    checkBoolean("NAdam: decoupledWeightDecay", options.decoupledWeightDecay);
    checkBoolean("NAdam: maximize", options.maximize);
  }

  protected stateNames(): readonly string[] {
    return ["step", "muProduct", "expAvg", "expAvgSq"];
  }

  protected update(group: ParamGroup<NAdamOptions>): void {
    const { betas, eps, weightDecay, momentumDecay, decoupledWeightDecay, maximize } = group;
    const { parameters, list } = this.remember(group);
    const { lr, more } = this.rateOf(group);
    this.making(nadam())(
      parameters, list("expAvg"), list("expAvgSq"), list("muProduct"), list("step"),
      lr, betas[0], betas[1], eps, weightDecay, momentumDecay, maximize, decoupledWeightDecay, ...more,
    );
  }
}
