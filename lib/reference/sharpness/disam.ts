/**
 * DISAM: SAM that climbs along the mean loss less the variance of the domains' losses.
 *
 *     g     <- gradient of  mean_d L_d - lambda * mean_d (L_d - mean L)^2
 *     theta <- baseOptimizer(theta, gradient of mean_d L_d at theta + rho * g / (||g|| + 1e-12))
 *
 * Source: Zhang et al., arXiv 2405.18861.
 */
import type { Gradients, ParamsInput } from "../descent/optimizer.js";
import {
  checkClosures, combine, copy, meanGradient, PerturbationOptimizer,
  type BaseOptimizer, type Closure, type PerturbationGroupOptions, type PerturbationOptions, type StepResult,
} from "./perturbation.js";

export interface DISAMOptions extends PerturbationOptions {
  /** Default 0.1. */
  lambda?: number;
}

export class DISAM<Options extends object> extends PerturbationOptimizer<Options> {
  readonly #lambda: number;

  constructor(params: ParamsInput<Options & PerturbationGroupOptions>, base: BaseOptimizer<Options>, options: DISAMOptions & Options) {
    const { rho, adaptive, policy, lambda = 0.1, ...baseOptions } = options;
    super(params, base, options, baseOptions as unknown as Options);
    this.#lambda = lambda;
  }

  /**
   * One step: two calls of every closure.
   *
   * @param closures one per domain.
   * @throws TwinError ERR_ARGUMENT without closures.
   */
  step(closures: readonly Closure[]): StepResult {
    checkClosures("DISAM", closures);
    return this.run((evaluate, losses) => {
      const grads = closures.map((closure, domain) => copy(evaluate(closure, domain)));
      const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
      // d/d theta of (L_d - mean L)^2, summed over d: the mean's own share cancels.
      const weights = losses.map((loss) => (1 - 2 * this.#lambda * (loss - mean)) / losses.length);
      this.climb(grads.slice(1).reduce<Gradients>((sum, each, index) => combine(1, sum, weights[index + 1]!, each), combine(weights[0]!, grads[0]!, 0, grads[0]!)));
      return meanGradient(closures, evaluate);
    });
  }
}
