/**
 * Adadelta, as `torch.optim.Adadelta` computes it:
 *
 *     g <- -g if maximize;  g <- g + weightDecay * p
 *     v <- rho v + (1 - rho) g^2
 *     d <- sqrt(u + eps) / sqrt(v + eps) * g
 *     u <- rho u + (1 - rho) d^2
 *     p <- p - lr * d
 *
 * Source: torch/optim/adadelta.py, `_single_tensor_adadelta`; Zeiler, arXiv 1212.5701.
 */
import { checkNumber, TwinError } from "../errors.js";
import { averageSquare, Memory } from "./averages.js";
import { Optimizer, type ParamGroup, type ParamsInput } from "./optimizer.js";

export interface AdadeltaOptions {
  /** What the step is multiplied by, >= 0. Default 1. */
  lr?: number;
  /** Decay of both running averages of squares, in [0, 1]. Default 0.9. */
  rho?: number;
  /** Added under both roots, >= 0. Default 1e-6. */
  eps?: number;
  /** L2 penalty added to the gradient, >= 0. Default 0. */
  weightDecay?: number;
  /** Climb the objective instead. Default false. */
  maximize?: boolean;
}

export class Adadelta extends Optimizer<AdadeltaOptions> {
  readonly #memory = new Memory<{ squares: Float64Array; deltas: Float64Array }>();

  constructor(params: ParamsInput<AdadeltaOptions>, options: AdadeltaOptions = {}) {
    super(params, { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false, ...options });
  }

  protected override checkOptions(group: ParamGroup<AdadeltaOptions>): void {
    for (const option of ["lr", "rho", "eps", "weightDecay"] as const) checkNumber(`Adadelta: ${option}`, group[option], 0);
    if (group.rho > 1) throw new TwinError("ERR_ARGUMENT", `Adadelta: rho: expected a number >= 0 and <= 1, got ${group.rho}`);
  }

  protected override update(group: ParamGroup<AdadeltaOptions>, index: number, param: Float64Array, grad: Float64Array): void {
    const { lr, rho, eps, weightDecay, maximize } = group;
    const { squares, deltas } = this.#memory.at(index, () => ({ squares: new Float64Array(param.length), deltas: new Float64Array(param.length) }));
    for (let i = 0; i < param.length; i++) {
      let g = maximize ? -grad[i]! : grad[i]!;
      if (weightDecay !== 0) g += weightDecay * param[i]!;
      squares[i] = averageSquare(squares[i]!, g, rho);
      const delta = (Math.sqrt(deltas[i]! + eps) / Math.sqrt(squares[i]! + eps)) * g;
      deltas[i] = averageSquare(deltas[i]!, delta, rho);
      param[i]! -= lr * delta;
    }
  }
}
