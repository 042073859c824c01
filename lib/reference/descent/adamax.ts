/**
 * Adamax, as `torch.optim.Adamax` computes it for the t-th gradient of a parameter:
 *
 *     g <- -g if maximize;  g <- g + weightDecay * p
 *     m <- m + (1 - beta1) (g - m)
 *     u <- max(beta2 u, |g| + eps)
 *     p <- p - lr / (1 - beta1^t) * m / u
 *
 * t counts a parameter's own gradients.
 *
 * Source: torch/optim/adamax.py, `_single_tensor_adamax`; Kingma and Ba, arXiv 1412.6980, section 7.1.
 */
import { checkNumber } from "../errors.js";
import { lerp, Memory } from "./averages.js";
import { Optimizer, type ParamGroup, type ParamsInput } from "./optimizer.js";

export interface AdamaxOptions {
  /** Learning rate, >= 0. Default 2e-3. */
  lr?: number;
  /** Decay of the running average of the gradient and of its largest magnitude, each in [0, 1). Default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the gradient's magnitude, >= 0. Default 1e-8. */
  eps?: number;
  /** L2 penalty added to the gradient, >= 0. Default 0. */
  weightDecay?: number;
  /** Climb the objective instead. Default false. */
  maximize?: boolean;
}

export class Adamax extends Optimizer<AdamaxOptions> {
  readonly #memory = new Memory<{ steps: number; first: Float64Array; largest: Float64Array }>();

  constructor(params: ParamsInput<AdamaxOptions>, options: AdamaxOptions = {}) {
    super(params, { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, maximize: false, ...options });
  }

  protected override checkOptions(group: ParamGroup<AdamaxOptions>): void {
    for (const option of ["lr", "eps", "weightDecay"] as const) checkNumber(`Adamax: ${option}`, group[option], 0);
    group.betas.forEach((beta, i) => checkNumber(`Adamax: betas[${i}]`, beta, 0, 1));
  }

  protected override update(group: ParamGroup<AdamaxOptions>, index: number, param: Float64Array, grad: Float64Array): void {
    const { lr, betas, eps, weightDecay, maximize } = group;
    const [beta1, beta2] = betas;
    const memory = this.#memory.at(index, () => ({ steps: 0, first: new Float64Array(param.length), largest: new Float64Array(param.length) }));
    const { first, largest } = memory;
    const stepSize = lr / (1 - beta1 ** ++memory.steps);
    for (let i = 0; i < param.length; i++) {
      let g = maximize ? -grad[i]! : grad[i]!;
      if (weightDecay !== 0) g += weightDecay * param[i]!;
      first[i] = lerp(first[i]!, g, 1 - beta1);
      largest[i] = Math.max(beta2 * largest[i]!, Math.abs(g) + eps);
      param[i]! -= (stepSize * first[i]!) / largest[i]!;
    }
  }
}
