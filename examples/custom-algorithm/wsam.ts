/**
 * WSAM (Yue et al., KDD 2023, arXiv 2305.19817), which weighs sharpness against the loss:
 *
 *     G <- (1 - w) * grad L(p) + w * grad L(p + e),   e = rho * g / ||g||,  w = gamma / (1 - gamma)
 *
 * `run` says which gradients it takes, where it climbs and what it gathers. All else is the family's: groups, micro-batches,
 * what is not finite, BatchNorm statistics, scaled losses, state dicts.
 */

import { SharpnessAware, type OptimizerClass, type OptionsFor, type Passes, type Tensor, type WrapperOptions } from "dgsam";

export class WSAM extends SharpnessAware {
  /** `run` looks at nothing that it is given: a step over captured functions can be one native call. */
  static readonly isPlannable = true;

  private readonly weight: number;

  constructor(params: Tensor[], Base: OptimizerClass, options: OptionsFor<WrapperOptions & { gamma?: number }> = {}) {
    const { gamma = 0.9, ...others } = options;
    super(params, Base, others);
    this.weight = gamma / (1 - gamma);
  }

  protected run(passes: Passes): void {
    passes.differentiateMean();
    this.climb.ascend({ accumulate: true });
    passes.differentiateMean();
    this.climb.gather({ sum: 1 - this.weight, grad: this.weight });
  }
}
