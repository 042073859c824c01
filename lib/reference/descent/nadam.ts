/**
 * NAdam, as `torch.optim.NAdam` computes it for the t-th gradient of a parameter:
 *
 *     g <- -g if maximize;  g <- g + weightDecay * p        # decoupled: p <- p (1 - lr * weightDecay) instead
 *     m <- m + (1 - beta1) (g - m);  v <- beta2 v + (1 - beta2) g^2
 *     mu(t) = beta1 (1 - 0.96^(t * momentumDecay) / 2);  M <- M * mu(t), from 1
 *     d <- sqrt(v / (1 - beta2^t)) + eps
 *     p <- p - lr (1 - mu(t)) / (1 - M) * g / d - lr * mu(t + 1) / (1 - M * mu(t + 1)) * m / d
 *
 * t counts a parameter's own gradients. torch keeps M in float32, whatever the parameter is, and so does this.
 *
 * Source: torch/optim/nadam.py, `_single_tensor_nadam`; Dozat, "Incorporating Nesterov Momentum into Adam", 2016.
 */
import { checkNumber } from "../errors.js";
import { averageSquare, lerp, Memory } from "./averages.js";
import { Optimizer, type ParamGroup, type ParamsInput } from "./optimizer.js";

export interface NAdamOptions {
  /** Learning rate, >= 0. Default 2e-3. */
  lr?: number;
  /** Decay of the running averages of the gradient and of its square, each in [0, 1). Default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the denominator, >= 0. Default 1e-8. */
  eps?: number;
  /** L2 penalty added to the gradient, or decay of the parameter itself when decoupled, >= 0. Default 0. */
  weightDecay?: number;
  /** How fast the momentum rises, >= 0. Default 4e-3. */
  momentumDecay?: number;
  /** Weight decay as AdamW's. Default false. */
  decoupledWeightDecay?: boolean;
  /** Climb the objective instead. Default false. */
  maximize?: boolean;
}

export class NAdam extends Optimizer<NAdamOptions> {
  readonly #memory = new Memory<{ steps: number; product: number; first: Float64Array; second: Float64Array }>();

  constructor(params: ParamsInput<NAdamOptions>, options: NAdamOptions = {}) {
    const defaults = { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, momentumDecay: 4e-3, decoupledWeightDecay: false, maximize: false } as const;
    super(params, { ...defaults, ...options });
  }

  protected override checkOptions(group: ParamGroup<NAdamOptions>): void {
    for (const option of ["lr", "eps", "weightDecay", "momentumDecay"] as const) checkNumber(`NAdam: ${option}`, group[option], 0);
    group.betas.forEach((beta, i) => checkNumber(`NAdam: betas[${i}]`, beta, 0, 1));
  }

  protected override update(group: ParamGroup<NAdamOptions>, index: number, param: Float64Array, grad: Float64Array): void {
    const { lr, betas, eps, weightDecay, momentumDecay, decoupledWeightDecay, maximize } = group;
    const [beta1, beta2] = betas;
    const memory = this.#memory.at(index, () => ({ steps: 0, product: 1, first: new Float64Array(param.length), second: new Float64Array(param.length) }));
    const { first, second } = memory;
    const momentum = (t: number) => beta1 * (1 - 0.5 * 0.96 ** (t * momentumDecay));
    const mu = momentum(++memory.steps);
    const next = momentum(memory.steps + 1);
    memory.product = Math.fround(memory.product * Math.fround(mu));
    const gradientStep = (lr * (1 - mu)) / (1 - memory.product);
    const averageStep = (lr * next) / (1 - memory.product * next);
    const correction = 1 - beta2 ** memory.steps;
    for (let i = 0; i < param.length; i++) {
      let g = maximize ? -grad[i]! : grad[i]!;
      if (decoupledWeightDecay) param[i]! *= 1 - lr * weightDecay;
      else if (weightDecay !== 0) g += weightDecay * param[i]!;
      first[i] = lerp(first[i]!, g, 1 - beta1);
      second[i] = averageSquare(second[i]!, g, beta2);
      const denominator = Math.sqrt(second[i]! / correction) + eps;
      param[i]! -= (gradientStep * g) / denominator;
      param[i]! -= (averageStep * first[i]!) / denominator;
    }
  }
}
