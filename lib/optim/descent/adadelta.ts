/**
 * Adadelta, as torch.optim.Adadelta, over LibTorch's foreach functions; on a GPU by kernels of our own.
 *
 *     g  <- grad + weightDecay * p                          (maximize: -grad)
 *     v  <- rho * v + (1 - rho) * g^2
 *     d  <- sqrt(u + eps) / sqrt(v + eps) * g
 *     u  <- rho * u + (1 - rho) * d^2
 *     p  <- p - lr * d
 *
 * Zeiler 2012 (arXiv 1212.5701).
 */

import { checkBoolean, checkNumber } from "../../checks.js";
import { ops } from "../../tensor/index.js";
import { once } from "../once.js";
import type { ParamGroup, ParamsInput } from "./optimizer.js";
import { SweptOptimizer } from "./swept-optimizer.js";

const adadelta = once(() => ops.dgsam["adadelta_.default"]);

export interface AdadeltaOptions {
  /** What the step is multiplied by. Default 1. */
  lr: number;
  /** Decay of the running means of squares, from 0 to 1; not the radius of sharpness-aware optimizers. Default 0.9. */
  rho: number;
  /** Added under both roots. Default 1e-6. */
  eps: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay: number;
  /** Climb instead of descend. Default false. */
  maximize: boolean;
}

export class Adadelta extends SweptOptimizer<AdadeltaOptions> {
  static readonly isPlannable = true;
  constructor(params: ParamsInput<AdadeltaOptions>, options: Partial<AdadeltaOptions> = {}) {
    super(params, { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false }, options);
  }

  protected checkOptions(options: AdadeltaOptions): void {
    checkNumber("Adadelta: lr", options.lr, 0);
    checkNumber("Adadelta: rho", options.rho, 0, 1);
    checkNumber("Adadelta: eps", options.eps, 0);
    checkNumber("Adadelta: weightDecay", options.weightDecay, 0);
    checkBoolean("Adadelta: maximize", options.maximize);
  }

  protected stateNames(): readonly string[] {
    return ["step", "squareAvg", "accDelta"];
  }

  protected update(group: ParamGroup<AdadeltaOptions>): void {
    const { rho, eps, weightDecay, maximize } = group;
    const { parameters, list } = this.remember(group);
    const { lr, more } = this.rateOf(group);
    this.making(adadelta())(parameters, list("squareAvg"), list("accDelta"), list("step"), lr, rho, eps, weightDecay, maximize, ...more);
  }
}
