/**
 * RMSprop, as torch.optim.RMSprop, over LibTorch's foreach functions; on a GPU by kernels of our own.
 *
 *     g  <- grad + weightDecay * p                 (maximize: -grad)
 *     v  <- alpha * v + (1 - alpha) * g^2
 *     d  <- sqrt(v) + eps                          (centered: a <- alpha * a + (1 - alpha) * g,  d <- sqrt(v - a^2) + eps)
 *     p  <- p - lr * g / d                         (momentum: b <- momentum * b + g / d,  p <- p - lr * b)
 *
 * Hinton, Neural Networks for Machine Learning, lecture 6e, 2012; centered: Graves 2013 (arXiv 1308.0850).
 */

import { checkBoolean, checkNumber } from "../../checks.js";
import { ops } from "../../tensor/index.js";
import { once } from "../once.js";
import type { ParamGroup, ParamsInput } from "./optimizer.js";
import { SweptOptimizer } from "./swept-optimizer.js";

const rmsprop = once(() => ops.dgsam["rmsprop_.default"]);

export interface RMSpropOptions {
  /** Learning rate. Default 1e-2. */
  lr: number;
  /** Decay of the running mean of squares. Default 0.99. */
  alpha: number;
  /** Added to the denominator, after the root. Default 1e-8. */
  eps: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay: number;
  /** Default 0. */
  momentum: number;
  /** Divide by the running standard deviation instead of the root mean square. Default false. */
  centered: boolean;
  /** Climb instead of descend. Default false. */
  maximize: boolean;
}

export class RMSprop extends SweptOptimizer<RMSpropOptions> {
  static readonly isPlannable = true;
  constructor(params: ParamsInput<RMSpropOptions>, options: Partial<RMSpropOptions> = {}) {
    super(params, { lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false, maximize: false }, options);
  }

  protected checkOptions(options: RMSpropOptions): void {
    checkNumber("RMSprop: lr", options.lr, 0);
    checkNumber("RMSprop: alpha", options.alpha, 0);
    checkNumber("RMSprop: eps", options.eps, 0);
    checkNumber("RMSprop: weightDecay", options.weightDecay, 0);
    checkNumber("RMSprop: momentum", options.momentum, 0);
    checkBoolean("RMSprop: centered", options.centered);
    checkBoolean("RMSprop: maximize", options.maximize);
  }

  protected stateNames({ momentum, centered }: RMSpropOptions): readonly string[] {
    return ["step", "squareAvg", ...(momentum > 0 ? ["momentumBuffer"] : []), ...(centered ? ["gradAvg"] : [])];
  }

  protected update(group: ParamGroup<RMSpropOptions>): void {
    const { alpha, eps, weightDecay, momentum, maximize } = group;
    const { parameters, list } = this.remember(group);
    const { lr, more } = this.rateOf(group);
    this.making(rmsprop())(parameters, list("squareAvg"), list("momentumBuffer"), list("gradAvg"), list("step"), lr, alpha, eps, weightDecay, momentum, maximize, ...more);
  }
}
