/**
 * Adagrad, as `torch.optim.Adagrad` computes it for the t-th gradient of a parameter:
 *
 *     g <- -g if maximize;  g <- g + weightDecay * p
 *     s <- s + g^2                                          # from the optimizer's initialAccumulatorValue
 *     p <- p - lr / (1 + (t - 1) lrDecay) * g / (sqrt(s) + eps)
 *
 * t counts a parameter's own gradients.
 *
 * Source: torch/optim/adagrad.py, `_single_tensor_adagrad`; Duchi, Hazan and Singer, JMLR 2011.
 */
import { checkNumber } from "../errors.js";
import { Memory } from "./averages.js";
import { Optimizer, type ParamGroup, type ParamsInput } from "./optimizer.js";

export interface AdagradOptions {
  /** Learning rate, >= 0. Default 1e-2. */
  lr?: number;
  /** Fall of the learning rate with the number of steps, >= 0. Default 0. */
  lrDecay?: number;
  /** L2 penalty added to the gradient, >= 0. Default 0. */
  weightDecay?: number;
  /** What the sums of squares start as, >= 0. Default 0. A group's own is not looked at, as in torch. */
  initialAccumulatorValue?: number;
  /** Added to the denominator, >= 0. Default 1e-10. */
  eps?: number;
  /** Climb the objective instead. Default false. */
  maximize?: boolean;
}

export class Adagrad extends Optimizer<AdagradOptions> {
  readonly #memory = new Memory<{ steps: number; sums: Float64Array }>();
  readonly #initial: number;

  constructor(params: ParamsInput<AdagradOptions>, options: AdagradOptions = {}) {
    const all = { lr: 1e-2, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10, maximize: false, ...options };
    super(params, all);
    this.#initial = all.initialAccumulatorValue;
  }

  protected override checkOptions(group: ParamGroup<AdagradOptions>): void {
    for (const option of ["lr", "lrDecay", "weightDecay", "initialAccumulatorValue", "eps"] as const) checkNumber(`Adagrad: ${option}`, group[option], 0);
  }

  protected override update(group: ParamGroup<AdagradOptions>, index: number, param: Float64Array, grad: Float64Array): void {
    const { lr, lrDecay, weightDecay, eps, maximize } = group;
    const memory = this.#memory.at(index, () => ({ steps: 0, sums: new Float64Array(param.length).fill(this.#initial) }));
    const { sums } = memory;
    memory.steps++;
    const stepSize = lr / (1 + (memory.steps - 1) * lrDecay);
    for (let i = 0; i < param.length; i++) {
      let g = maximize ? -grad[i]! : grad[i]!;
      if (weightDecay !== 0) g += weightDecay * param[i]!;
      sums[i]! += g * g;
      param[i]! -= (stepSize * g) / (Math.sqrt(sums[i]!) + eps);
    }
  }
}
