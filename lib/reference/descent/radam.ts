/**
 * RAdam, as `torch.optim.RAdam` computes it for the t-th gradient of a parameter:
 *
 *     g <- -g if maximize;  g <- g + weightDecay * p        # decoupled: p <- p (1 - lr * weightDecay) instead
 *     m <- m + (1 - beta1) (g - m);  v <- beta2 v + (1 - beta2) g^2
 *     r = 2 / (1 - beta2) - 1;  r(t) = r - 2 t beta2^t / (1 - beta2^t)
 *     if r(t) > 5:  R = sqrt((r(t) - 4) (r(t) - 2) r / ((r - 4) (r - 2) r(t)))
 *                   p <- p - lr * m / (1 - beta1^t) * sqrt(1 - beta2^t) / (sqrt(v) + eps) * R
 *     else:         p <- p - lr * m / (1 - beta1^t)
 *
 * t counts a parameter's own gradients.
 *
 * Source: torch/optim/radam.py, `_single_tensor_radam`; Liu et al., arXiv 1908.03265.
 */
import { checkNumber } from "../errors.js";
import { averageSquare, lerp, Memory } from "./averages.js";
import { Optimizer, type ParamGroup, type ParamsInput } from "./optimizer.js";

export interface RAdamOptions {
  /** Learning rate, >= 0. Default 1e-3. */
  lr?: number;
  /** Decay of the running averages of the gradient and of its square, each in [0, 1). Default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the denominator, >= 0. Default 1e-8. */
  eps?: number;
  /** L2 penalty added to the gradient, or decay of the parameter itself when decoupled, >= 0. Default 0. */
  weightDecay?: number;
  /** Weight decay as AdamW's. Default false. */
  decoupledWeightDecay?: boolean;
  /** Climb the objective instead. Default false. */
  maximize?: boolean;
}

export class RAdam extends Optimizer<RAdamOptions> {
  readonly #memory = new Memory<{ steps: number; first: Float64Array; second: Float64Array }>();

  constructor(params: ParamsInput<RAdamOptions>, options: RAdamOptions = {}) {
    super(params, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, decoupledWeightDecay: false, maximize: false, ...options });
  }

  protected override checkOptions(group: ParamGroup<RAdamOptions>): void {
    for (const option of ["lr", "eps", "weightDecay"] as const) checkNumber(`RAdam: ${option}`, group[option], 0);
    group.betas.forEach((beta, i) => checkNumber(`RAdam: betas[${i}]`, beta, 0, 1));
  }

  protected override update(group: ParamGroup<RAdamOptions>, index: number, param: Float64Array, grad: Float64Array): void {
    const { lr, betas, eps, weightDecay, decoupledWeightDecay, maximize } = group;
    const [beta1, beta2] = betas;
    const memory = this.#memory.at(index, () => ({ steps: 0, first: new Float64Array(param.length), second: new Float64Array(param.length) }));
    const { first, second } = memory;
    const t = ++memory.steps;
    const correction1 = 1 - beta1 ** t;
    const correction2 = 1 - beta2 ** t;
    const limit = 2 / (1 - beta2) - 1;
    const length = limit - (2 * t * beta2 ** t) / correction2;
    const rectification = Math.sqrt(((length - 4) * (length - 2) * limit) / ((limit - 4) * (limit - 2) * length));
    for (let i = 0; i < param.length; i++) {
      let g = maximize ? -grad[i]! : grad[i]!;
      if (decoupledWeightDecay) param[i]! *= 1 - lr * weightDecay;
      else if (weightDecay !== 0) g += weightDecay * param[i]!;
      first[i] = lerp(first[i]!, g, 1 - beta1);
      second[i] = averageSquare(second[i]!, g, beta2);
      const adaptive = length > 5 ? (Math.sqrt(correction2) / (Math.sqrt(second[i]!) + eps)) * rectification : 1;
      param[i]! -= (first[i]! / correction1) * lr * adaptive;
    }
  }
}
