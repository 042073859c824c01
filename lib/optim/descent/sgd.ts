/**
 * Stochastic gradient descent, as torch.optim.SGD, over LibTorch's fused kernel.
 *
 *     g  <- grad + weightDecay * p          (maximize: -grad)
 *     b  <- momentum * b + (1 - dampening) * g,   b <- g the first time
 *     p  <- p - lr * (nesterov ? g + momentum * b : b)
 */

import { checkBoolean, checkNumber } from "../../checks.js";
import { DgsamError } from "../../errors.js";
import { ops, type Tensor } from "../../tensor/index.js";
import { once } from "../once.js";
import { Optimizer, type ParamGroup, type ParamsInput } from "./optimizer.js";

const sgd = once(() => ops.dgsam["sgd_.default"]);
const sgdLate = once(() => ops.dgsam["sgd_.late"]);

export interface SGDOptions {
  /** Learning rate. Default 1e-3. */
  lr: number;
  /** Default 0. */
  momentum: number;
  /** How much of the gradient the momentum leaves out. Default 0. */
  dampening: number;
  /** L2 penalty, added to the gradient. Default 0. */
  weightDecay: number;
  /** Default false; needs a momentum and no dampening. */
  nesterov: boolean;
  /** Climb instead of descend. Default false. */
  maximize: boolean;
}

export class SGD extends Optimizer<SGDOptions> {
  static readonly isPlannable = true;
  constructor(params: ParamsInput<SGDOptions>, options: Partial<SGDOptions> = {}) {
    super(params, { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false }, options);
  }

  protected checkOptions(options: SGDOptions): void {
    checkNumber("SGD: lr", options.lr, 0);
    checkNumber("SGD: momentum", options.momentum, 0);
    checkNumber("SGD: dampening", options.dampening, -Infinity);
    checkNumber("SGD: weightDecay", options.weightDecay, 0);
    checkBoolean("SGD: nesterov", options.nesterov);
    checkBoolean("SGD: maximize", options.maximize);
    if (options.nesterov && (options.momentum <= 0 || options.dampening !== 0))
      throw new DgsamError("ERR_ARGUMENT", "SGD: nesterov: expected a momentum > 0 and dampening 0 with it");
  }

  protected stateNames({ momentum }: SGDOptions): readonly string[] {
    return momentum === 0 ? [] : ["momentumBuffer"];
  }

  // A first step that is left out leaves a momentum of zero, out of which the next one makes g, as it should: but for a dampening.
  protected override takesFoundInf(group: ParamGroup<SGDOptions>): boolean {
    return group.momentum === 0 || group.dampening === 0 || this.newcomers(group, "momentumBuffer").length === 0;
  }

  protected update(group: ParamGroup<SGDOptions>): void {
    if (group.momentum === 0) return this.descend(group, group.params, false);
    // The kernel has one first-step flag for its whole list, but gradients may appear late: two lists.
    const known = group.params.filter((parameter) => this.state.get(parameter)?.momentumBuffer !== undefined);
    const newcomers = this.newcomers(group, "momentumBuffer");
    // Each call checks its own list: when the second one fails, the first has moved.
    if (known.length > 0 && newcomers.length > 0) this.checkStates();
    for (const parameter of newcomers) this.begin(parameter, { momentumBuffer: ops.aten["zeros_like.default"](parameter) });
    if (known.length > 0) this.descend(group, known, false);
    if (newcomers.length > 0) this.descend(group, newcomers, true);
  }

  private descend(group: ParamGroup<SGDOptions>, parameters: Tensor[], first: boolean): void {
    const { lr, momentum, dampening, weightDecay, nesterov, maximize } = group;
    const buffers = momentum === 0 ? [] : parameters.map((parameter) => this.state.get(parameter)!.momentumBuffer!);
    const late = this.lateArguments(group);
    if (late !== null) this.making(sgdLate())(parameters, buffers, late.rate, momentum, dampening, weightDecay, nesterov, maximize, first, late.flag);
    else this.calling(sgd())(parameters, buffers, lr, momentum, dampening, weightDecay, nesterov, maximize, first);
  }
}
