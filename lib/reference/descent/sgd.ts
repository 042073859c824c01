/**
 * Stochastic gradient descent, as `torch.optim.SGD` computes it:
 *
 *     g   <- -g if maximize;  g <- g + weightDecay * p
 *     buf <- momentum * buf + (1 - dampening) * g      # the first time: buf <- g, without dampening
 *     g   <- g + momentum * buf if nesterov, else buf
 *     p   <- p - lr * g
 *
 * Source: torch/optim/sgd.py, `_single_tensor_sgd`; Sutskever et al., "On the importance of initialization and momentum
 * in deep learning", ICML 2013.
 */
import { checkNumber, TwinError } from "../errors.js";
import { Optimizer, type ParamGroup, type ParamsInput } from "./optimizer.js";

export interface SGDOptions {
  /** Learning rate, >= 0. Default 1e-3. */
  lr?: number;
  /** Momentum factor, >= 0. Default 0: no buffer is kept. */
  momentum?: number;
  /** Share of the gradient kept out of the momentum buffer. Default 0. */
  dampening?: number;
  /** L2 penalty added to the gradient, >= 0. Default 0. */
  weightDecay?: number;
  /** Nesterov momentum; needs a momentum and no dampening. Default false. */
  nesterov?: boolean;
  /** Climb the objective instead. Default false. */
  maximize?: boolean;
}

export class SGD extends Optimizer<SGDOptions> {
  readonly #buffers = new Map<number, Float64Array>();

  constructor(params: ParamsInput<SGDOptions>, options: SGDOptions = {}) {
    super(params, { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false, ...options });
  }

  protected override checkOptions(group: ParamGroup<SGDOptions>): void {
    checkNumber("SGD: lr", group.lr, 0);
    checkNumber("SGD: momentum", group.momentum, 0);
    checkNumber("SGD: weightDecay", group.weightDecay, 0);
    if (group.nesterov && (group.momentum === 0 || group.dampening !== 0)) {
      const got = `momentum ${group.momentum} and dampening ${group.dampening}`;
      throw new TwinError("ERR_ARGUMENT", `SGD: nesterov: expected a momentum above 0 and a dampening of 0, got ${got}`);
    }
  }

  protected override update(group: ParamGroup<SGDOptions>, index: number, param: Float64Array, grad: Float64Array): void {
    const { lr, momentum, dampening, weightDecay, nesterov, maximize } = group;
    const first = momentum !== 0 && !this.#buffers.has(index);
    if (first) this.#buffers.set(index, new Float64Array(param.length));
    const buffer = this.#buffers.get(index);
    for (let i = 0; i < param.length; i++) {
      let g = maximize ? -grad[i]! : grad[i]!;
      if (weightDecay !== 0) g += weightDecay * param[i]!;
      if (momentum !== 0) {
        const moved = first ? g : momentum * buffer![i]! + (1 - dampening) * g;
        buffer![i] = moved;
        g = nesterov ? g + momentum * moved : moved;
      }
      param[i]! -= lr * g;
    }
  }
}
