/**
 * SAGM: the mean of the gradient and of a perturbed one.
 *
 *     gp    <- gradient at theta + g * (rho / (||g|| + 1e-12) - alpha),  g the gradient at theta
 *     theta <- baseOptimizer(theta, (g + gp) / 2)
 *
 * Source: Wang et al., arXiv 2303.10353.
 */
import type { ParamsInput } from "../descent/optimizer.js";
import {
  combine, copy, PerturbationOptimizer,
  type BaseOptimizer, type Closure, type PerturbationGroupOptions, type PerturbationOptions, type StepResult,
} from "./perturbation.js";

export interface SAGMOptions extends PerturbationOptions {
  /** Default 0.001. */
  alpha?: number;
}

export class SAGM<Options extends object> extends PerturbationOptimizer<Options> {
  readonly #alpha: number;

  constructor(params: ParamsInput<Options & PerturbationGroupOptions>, base: BaseOptimizer<Options>, options: SAGMOptions & Options) {
    const { rho, adaptive, policy, alpha = 0.001, ...baseOptions } = options;
    super(params, base, options, baseOptions as unknown as Options);
    this.#alpha = alpha;
  }

  /** One step over the mean domain loss: two calls of `closure`. */
  step(closure: Closure): StepResult {
    return this.run((evaluate) => {
      const grads = copy(evaluate(closure, 0));
      this.climb(grads, -this.#alpha);
      return combine(0.5, grads, 0.5, evaluate(closure, 0));
    });
  }
}
