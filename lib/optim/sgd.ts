/**
 * Stochastic gradient descent, as torch.optim.SGD, over LibTorch's fused kernel.
 *
 *     g  <- grad + weightDecay * p          (maximize: -grad)
 *     b  <- momentum * b + (1 - dampening) * g,   b <- g the first time
 *     p  <- p - lr * (nesterov ? g + momentum * b : b)
 */

import { DgsamError } from "../errors.js";
import { ops, type Tensor } from "../tensor/index.js";
import { realViews } from "./complex.js";
import { once } from "./once.js";
import { checkBoolean, checkNumber, Optimizer, type ParamGroup, type ParamsInput } from "./optimizer.js";

const fusedSgd = once(() => ops.aten["_fused_sgd_.default"]);

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
  constructor(params: ParamsInput<SGDOptions>, options: Partial<SGDOptions> = {}) {
    super(params, { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false }, options);
  }

  protected checkOptions(options: SGDOptions): void {
    checkNumber("SGD", "lr", options.lr, 0);
    checkNumber("SGD", "momentum", options.momentum, 0);
    checkNumber("SGD", "dampening", options.dampening, -Infinity);
    checkNumber("SGD", "weightDecay", options.weightDecay, 0);
    checkBoolean("SGD", "nesterov", options.nesterov);
    checkBoolean("SGD", "maximize", options.maximize);
    if (options.nesterov && (options.momentum <= 0 || options.dampening !== 0))
      throw new DgsamError("ERR_ARGUMENT", "SGD: nesterov: expected a momentum > 0 and dampening 0 with it");
  }

  protected update(group: ParamGroup<SGDOptions>, parameters: Tensor[], gradients: Tensor[]): void {
    const descend = (params: Tensor[], grads: Tensor[], buffers: Tensor[], first: boolean): void => {
      fusedSgd()(realViews(params), realViews(grads), realViews(buffers), {
        weight_decay: group.weightDecay,
        momentum: group.momentum,
        lr: group.lr,
        dampening: group.dampening,
        nesterov: group.nesterov,
        maximize: group.maximize,
        is_first_step: first,
      });
    };
    if (group.momentum === 0) return descend(parameters, gradients, [], false);
    // The kernel has one first-step flag for its whole list, but gradients may appear late: two lists.
    const lists = [true, false].map((first) => ({ first, params: [] as Tensor[], grads: [] as Tensor[], buffers: [] as Tensor[] }));
    parameters.forEach((parameter, i) => {
      const list = lists[this.state.has(parameter) ? 1 : 0]!;
      list.params.push(parameter);
      list.grads.push(gradients[i]!);
      list.buffers.push(this.stateOf(parameter, () => ({ momentumBuffer: ops.aten["empty_like.default"](parameter) })).momentumBuffer!);
    });
    for (const { first, params, grads, buffers } of lists) if (params.length > 0) descend(params, grads, buffers, first);
  }
}
