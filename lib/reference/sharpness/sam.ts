/**
 * Sharpness-aware minimization: take the gradient where one ascent leads, apply it where the ascent began.
 *
 *     e     <- rho * g / (||g|| + 1e-12),  g the gradient at theta
 *     theta <- baseOptimizer(theta, gradient at theta + e)
 *
 * Source: Foret et al., arXiv 2010.01412; with `adaptive` Kwon et al., arXiv 2102.11600 (ASAM, elementwise form).
 */
import type { ParamsInput } from "../descent/optimizer.js";
import {
  PerturbationOptimizer,
  type BaseOptimizer, type Closure, type PerturbationGroupOptions, type PerturbationOptions, type StepResult,
} from "./perturbation.js";

export type SAMOptions = PerturbationOptions;

export class SAM<Options extends object> extends PerturbationOptimizer<Options> {
  /**
   * @param options SAM's own; all others go to `base`.
   * @throws TwinError ERR_ARGUMENT for a negative rho and for what `base` refuses.
   */
  constructor(params: ParamsInput<Options & PerturbationGroupOptions>, base: BaseOptimizer<Options>, options: SAMOptions & Options) {
    const { rho, adaptive, policy, ...baseOptions } = options;
    super(params, base, options, baseOptions as unknown as Options);
  }

  /** One step over the mean domain loss: two calls of `closure`. */
  step(closure: Closure): StepResult {
    return this.run((evaluate) => {
      this.climb(evaluate(closure, 0));
      return evaluate(closure, 0);
    });
  }
}
