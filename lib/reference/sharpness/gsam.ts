/**
 * GSAM: SAM that also narrows the gap between the loss and the perturbed loss.
 *
 *     gp    <- gradient at theta + rho * g / (||g|| + 1e-12),  g the gradient at theta
 *     theta <- baseOptimizer(theta, gp - alpha * (g - <g, gp> / ||gp||^2 * gp))
 *
 * Source: Zhuang et al., arXiv 2203.08065.
 */
import type { ParamsInput } from "../descent/optimizer.js";
import {
  combine, copy, dot, PerturbationOptimizer,
  type BaseOptimizer, type Closure, type PerturbationGroupOptions, type PerturbationOptions, type StepResult,
} from "./perturbation.js";

export interface GSAMOptions extends PerturbationOptions {
  /** Default 0.4. */
  alpha?: number;
}

export class GSAM<Options extends object> extends PerturbationOptimizer<Options> {
  readonly #alpha: number;

  constructor(params: ParamsInput<Options & PerturbationGroupOptions>, base: BaseOptimizer<Options>, options: GSAMOptions & Options) {
    const { rho, adaptive, policy, alpha = 0.4, ...baseOptions } = options;
    super(params, base, options, baseOptions as unknown as Options);
    this.#alpha = alpha;
  }

  /** One step over the mean domain loss: two calls of `closure`. */
  step(closure: Closure): StepResult {
    return this.run((evaluate) => {
      const grads = copy(evaluate(closure, 0));
      this.climb(grads);
      const perturbed = evaluate(closure, 0);
      const square = dot(perturbed, perturbed);
      const parallel = square === 0 ? 0 : dot(grads, perturbed) / square;
      const orthogonal = combine(1, grads, -parallel, perturbed);
      return combine(1, perturbed, -this.#alpha, orthogonal);
    });
  }
}
