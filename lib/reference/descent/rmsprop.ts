/**
 * RMSprop, as `torch.optim.RMSprop` computes it:
 *
 *     g <- -g if maximize;  g <- g + weightDecay * p
 *     v <- alpha v + (1 - alpha) g^2
 *     a <- a + (1 - alpha) (g - a)                        # centered only
 *     d <- sqrt(v - a^2) + eps if centered, else sqrt(v) + eps
 *     b <- momentum * b + g / d;  p <- p - lr * b         # without momentum: p <- p - lr * g / d
 *
 * Source: torch/optim/rmsprop.py, `_single_tensor_rmsprop`; Hinton, Neural Networks for Machine Learning, lecture 6e, 2012;
 * centered: Graves, arXiv 1308.0850.
 */
import { checkNumber } from "../errors.js";
import { averageSquare, lerp, Memory } from "./averages.js";
import { Optimizer, type ParamGroup, type ParamsInput } from "./optimizer.js";

export interface RMSpropOptions {
  /** Learning rate, >= 0. Default 1e-2. */
  lr?: number;
  /** Decay of the running average of squares, >= 0. Default 0.99. */
  alpha?: number;
  /** Added to the denominator, >= 0. Default 1e-8. */
  eps?: number;
  /** L2 penalty added to the gradient, >= 0. Default 0. */
  weightDecay?: number;
  /** Momentum factor, >= 0. Default 0. */
  momentum?: number;
  /** Divide by the running standard deviation. Default false. */
  centered?: boolean;
  /** Climb the objective instead. Default false. */
  maximize?: boolean;
}

export class RMSprop extends Optimizer<RMSpropOptions> {
  readonly #memory = new Memory<{ squares: Float64Array; average: Float64Array; buffer: Float64Array }>();

  constructor(params: ParamsInput<RMSpropOptions>, options: RMSpropOptions = {}) {
    super(params, { lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false, maximize: false, ...options });
  }

  protected override checkOptions(group: ParamGroup<RMSpropOptions>): void {
    for (const option of ["lr", "alpha", "eps", "weightDecay", "momentum"] as const) checkNumber(`RMSprop: ${option}`, group[option], 0);
  }

  protected override update(group: ParamGroup<RMSpropOptions>, index: number, param: Float64Array, grad: Float64Array): void {
    const { lr, alpha, eps, weightDecay, momentum, centered, maximize } = group;
    const zeros = () => new Float64Array(param.length);
    const { squares, average, buffer } = this.#memory.at(index, () => ({ squares: zeros(), average: zeros(), buffer: zeros() }));
    for (let i = 0; i < param.length; i++) {
      let g = maximize ? -grad[i]! : grad[i]!;
      if (weightDecay !== 0) g += weightDecay * param[i]!;
      squares[i] = averageSquare(squares[i]!, g, alpha);
      if (centered) average[i] = lerp(average[i]!, g, 1 - alpha);
      const denominator = Math.sqrt(centered ? squares[i]! - average[i]! * average[i]! : squares[i]!) + eps;
      if (momentum > 0) {
        buffer[i] = momentum * buffer[i]! + g / denominator;
        param[i]! -= lr * buffer[i]!;
      } else {
        param[i]! -= (lr * g) / denominator;
      }
    }
  }
}
