/**
 * Adam, as `torch.optim.Adam` computes it for the t-th gradient of a parameter:
 *
 *     g <- -g if maximize;  g <- g + weightDecay * p
 *     m <- m + (1 - beta1) (g - m);  v <- beta2 v + (1 - beta2) g^2
 *     w <- max(w, v) if amsgrad, else v
 *     p <- p - lr / (1 - beta1^t) * m / (sqrt(w) / sqrt(1 - beta2^t) + eps)
 *
 * t counts a parameter's own gradients, so one that appears late starts with t = 1.
 *
 * Source: torch/optim/adam.py, `_single_tensor_adam`; Kingma and Ba, arXiv 1412.6980; AMSGrad: Reddi et al., ICLR 2018.
 */
import { checkNumber } from "../errors.js";
import { lerp } from "./averages.js";
import { Optimizer, type ParamGroup, type ParamsInput } from "./optimizer.js";

export interface AdamOptions {
  /** Learning rate, >= 0. Default 1e-3. */
  lr?: number;
  /** Decay of the running averages of the gradient and of its square, each in [0, 1). Default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the denominator, >= 0. Default 1e-8. */
  eps?: number;
  /** Adam: L2 penalty added to the gradient, default 0. AdamW: decay of the parameter itself, default 0.01. >= 0. */
  weightDecay?: number;
  /** Divide by the largest second moment seen so far. Default false. */
  amsgrad?: boolean;
  /** Climb the objective instead. Default false. */
  maximize?: boolean;
}

interface Moments {
  steps: number;
  readonly first: Float64Array;
  readonly second: Float64Array;
  readonly secondMax: Float64Array;
}

export class Adam extends Optimizer<AdamOptions> {
  readonly #moments = new Map<number, Moments>();

  constructor(params: ParamsInput<AdamOptions>, options: AdamOptions = {}) {
    super(params, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false, maximize: false, ...options });
  }

  protected override checkOptions(group: ParamGroup<AdamOptions>): void {
    const name = this.constructor.name;
    checkNumber(`${name}: lr`, group.lr, 0);
    checkNumber(`${name}: betas[0]`, group.betas[0], 0, 1);
    checkNumber(`${name}: betas[1]`, group.betas[1], 0, 1);
    checkNumber(`${name}: eps`, group.eps, 0);
    checkNumber(`${name}: weightDecay`, group.weightDecay, 0);
  }

  protected override update(group: ParamGroup<AdamOptions>, index: number, param: Float64Array, grad: Float64Array): void {
    const { lr, betas, eps, weightDecay, amsgrad, maximize } = group;
    const [beta1, beta2] = betas;
    const moments = this.#momentsOf(index, param.length);
    moments.steps++;
    const stepSize = lr / (1 - beta1 ** moments.steps);
    const correction = Math.sqrt(1 - beta2 ** moments.steps);
    for (let i = 0; i < param.length; i++) {
      let g = maximize ? -grad[i]! : grad[i]!;
      if (weightDecay !== 0) g += weightDecay * param[i]!;
      const m = lerp(moments.first[i]!, g, 1 - beta1);
      const v = moments.second[i]! * beta2 + (1 - beta2) * g * g;
      moments.first[i] = m;
      moments.second[i] = v;
      if (amsgrad) moments.secondMax[i] = Math.max(moments.secondMax[i]!, v);
      const denominator = Math.sqrt(amsgrad ? moments.secondMax[i]! : v) / correction + eps;
      param[i]! += (-stepSize * m) / denominator;
    }
  }

  #momentsOf(index: number, length: number): Moments {
    let moments = this.#moments.get(index);
    if (!moments) {
      const [first, second, secondMax] = [new Float64Array(length), new Float64Array(length), new Float64Array(length)];
      moments = { steps: 0, first, second, secondMax };
      this.#moments.set(index, moments);
    }
    return moments;
  }
}
