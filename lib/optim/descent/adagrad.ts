/**
 * Adagrad, as torch.optim.Adagrad, over LibTorch's fused kernel, or its foreach functions on devices without one; on a GPU over our own kernels.
 *
 *     g  <- grad + weightDecay * p          (maximize: -grad)
 *     s  <- s + g^2                         (s starts as initialAccumulatorValue)
 *     p  <- p - lr / (1 + (t - 1) * lrDecay) * g / (sqrt(s) + eps)
 *
 * t counts a parameter's own gradients. Duchi, Hazan & Singer 2011.
 */

import { checkBoolean, checkNumber } from "../../checks.js";
import { DgsamError } from "../../errors.js";
import { noGrad, ops, scope, type Device, type Tensor } from "../../tensor/index.js";
import { once } from "../once.js";
import type { ParamGroup, ParamsInput } from "./optimizer.js";
import { SweptOptimizer } from "./swept-optimizer.js";

const adagrad = once(() => ops.dgsam["adagrad_.default"]);

export interface AdagradOptions {
  /** Learning rate. Default 1e-2. */
  lr: number;
  /** How fast the learning rate falls with the number of steps. Default 0. */
  lrDecay: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay: number;
  /** What the sums of squares start as, one value for all groups. Default 0. */
  initialAccumulatorValue: number;
  /** Added to the denominator. Default 1e-10. */
  eps: number;
  /** Climb instead of descend. Default false. */
  maximize: boolean;
}

export class Adagrad extends SweptOptimizer<AdagradOptions> {
  static readonly isPlannable = true;
  constructor(params: ParamsInput<AdagradOptions>, options: Partial<AdagradOptions> = {}) {
    super(params, { lr: 1e-2, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10, maximize: false }, options);
  }

  /**
   * Adds parameters; their state exists from now on, as in PyTorch.
   *
   * @throws DgsamError `ERR_ARGUMENT` as the constructor, and when the group names an `initialAccumulatorValue` of its own
   */
  override addParamGroup(group: { params: Iterable<Tensor> } & Partial<AdagradOptions>): void {
    super.addParamGroup(group);
    const added = this.paramGroups.at(-1)!;
    const { initialAccumulatorValue: own, params } = added;
    if (own !== this.defaults.initialAccumulatorValue) {
      this.paramGroups.pop();
      throw new DgsamError("ERR_ARGUMENT", `Adagrad: group: initialAccumulatorValue: expected ${this.defaults.initialAccumulatorValue} as the optimizer's, got ${own}; give it to the constructor, for all groups`);
    }
    for (const parameter of params) this.begin(parameter, {});
    noGrad(() => scope(() => this.remember(added)));
  }

  protected checkOptions(options: AdagradOptions): void {
    checkNumber("Adagrad: lr", options.lr, 0);
    checkNumber("Adagrad: lrDecay", options.lrDecay, 0);
    checkNumber("Adagrad: weightDecay", options.weightDecay, 0);
    checkNumber("Adagrad: initialAccumulatorValue", options.initialAccumulatorValue, 0);
    checkNumber("Adagrad: eps", options.eps, 0);
    checkBoolean("Adagrad: maximize", options.maximize);
  }

  protected stateNames(): readonly string[] {
    return ["step", "sum"];
  }

  protected override initial(name: string, parameter: Tensor): Tensor {
    if (name !== "sum") return super.initial(name, parameter);
    const sum = ops.aten["empty_like.default"](parameter);
    // Both parts of complex numbers.
    const parts = parameter.dtype.startsWith("complex") ? ops.aten["view_as_real.default"](sum) : sum;
    ops.aten["fill_.Scalar"](parts, this.defaults.initialAccumulatorValue);
    return sum;
  }

  // LibTorch has a fused kernel for GPUs, too, where ours do not serve.
  protected override scalarDevice(parameter: Tensor): Device {
    return parameter.device;
  }

  protected update(group: ParamGroup<AdagradOptions>): void {
    const { lrDecay, eps, weightDecay, maximize } = group;
    const { parameters, list } = this.remember(group);
    const { lr, more } = this.rateOf(group);
    this.making(adagrad())(parameters, list("sum"), list("step"), lr, lrDecay, eps, weightDecay, maximize, ...more);
  }
}
