/**
 * Adam and AdamW, as torch.optim, over LibTorch's fused kernels, or on a GPU over our own (native/ops/cuda/optimizers.cc).
 *
 *     g  <- grad                            (maximize: -grad;  Adam: + weightDecay * p)
 *     p  <- p - lr * weightDecay * p        (AdamW only)
 *     m  <- beta1 * m + (1 - beta1) * g
 *     v  <- beta2 * v + (1 - beta2) * g^2   (amsgrad: vmax <- max(vmax, v), used below for v)
 *     p  <- p - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
 *
 * Kingma & Ba 2015; Loshchilov & Hutter 2019; Reddi et al. 2018.
 */

import { checkBoolean, checkNumber } from "../../checks.js";
import { kernelsServe } from "../../tensor/internal.js";
import { ops, type Device, type Tensor } from "../../tensor/index.js";
import { checkBetas } from "../checks.js";
import { once } from "../once.js";
import { Optimizer, type ParamGroup, type ParamsInput } from "./optimizer.js";

export interface AdamOptions {
  /** Learning rate. Default 1e-3. */
  lr: number;
  /** Decay of the running mean of the gradient and of its square. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /** Adam: L2 penalty, added to the gradient, default 0. AdamW: decay of the parameter itself, default 1e-2. */
  weightDecay: number;
  /** Divide by the largest running mean of squares so far. Default false. */
  amsgrad: boolean;
  /** Climb instead of descend. Default false. */
  maximize: boolean;
}

const adam = once(() => ops.dgsam["adam_.default"]);
const adamLate = once(() => ops.dgsam["adam_.late"]);

abstract class AdamFamily extends Optimizer<AdamOptions> {
  /** Whether weight decay shrinks the parameter itself (AdamW) and not by way of the gradient. */
  protected abstract readonly decoupled: boolean;

  protected checkOptions(options: AdamOptions): void {
    const name = this.constructor.name;
    checkNumber(`${name}: lr`, options.lr, 0);
    checkBetas(`${name}: betas`, options.betas);
    checkNumber(`${name}: eps`, options.eps, 0);
    checkNumber(`${name}: weightDecay`, options.weightDecay, 0);
    checkBoolean(`${name}: amsgrad`, options.amsgrad);
    checkBoolean(`${name}: maximize`, options.maximize);
  }

  protected stateNames({ amsgrad }: AdamOptions): readonly string[] {
    return amsgrad ? ["step", "expAvg", "expAvgSq", "maxExpAvgSq"] : ["step", "expAvg", "expAvgSq"];
  }

  protected override scalarDevice(parameter: Tensor): Device {
    return parameter.device;
  }

  protected override takesFoundInf(): boolean {
    return true;
  }

  protected override readsRatesExactly(device: Device): boolean {
    return kernelsServe(device);
  }

  protected update(group: ParamGroup<AdamOptions>): void {
    const { parameters, list } = this.remember(group);
    const states = [list("expAvg"), list("expAvgSq"), list("maxExpAvgSq"), list("step")] as const;
    const numbers = [group.betas[0], group.betas[1], group.eps, group.weightDecay, group.maximize, this.decoupled] as const;
    const late = this.lateArguments(group);
    if (late !== null) this.making(adamLate())(parameters, ...states, late.rate, ...numbers, late.flag);
    else this.calling(adam())(parameters, ...states, group.lr, ...numbers);
  }
}

export class Adam extends AdamFamily {
  static readonly isPlannable = true;
  protected readonly decoupled = false;

  constructor(params: ParamsInput<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false, maximize: false }, options);
  }
}

/** Adam with weight decay apart from the gradient. */
export class AdamW extends AdamFamily {
  static readonly isPlannable = true;
  protected readonly decoupled = true;

  constructor(params: ParamsInput<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(params, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 1e-2, amsgrad: false, maximize: false }, options);
  }
}
