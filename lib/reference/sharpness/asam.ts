/**
 * ASAM, in the two forms that are published.
 *
 *     e     <- rho * T^2 g / (||T g|| + 1e-12)
 *     theta <- baseOptimizer(theta, gradient at theta + e)
 *
 * `"elementwise"`: T = |w|. `"normalized"`: T = |w| + eta for weights, 1 for biases and norms.
 *
 * Source: Kwon et al., arXiv 2102.11600, and its authors' code for the normalized form.
 */
import type { ParamsInput } from "../descent/optimizer.js";
import {
  PerturbationOptimizer,
  type BaseOptimizer, type Closure, type PerturbationGroupOptions, type PerturbationOptions, type ScaleOf, type StepResult,
} from "./perturbation.js";

export interface ASAMOptions extends Omit<PerturbationOptions, "adaptive"> {
  /** Default `"elementwise"`, with a radius of 2; that of `"normalized"` is 0.5. */
  form?: "elementwise" | "normalized";
  /** Default 0.01. */
  eta?: number;
  /** Of every parameter, whether it is a weight. A twin knows no shapes. Default: all are. */
  weights?: readonly boolean[];
}

export class ASAM<Options extends object> extends PerturbationOptimizer<Options> {
  constructor(params: ParamsInput<Options & PerturbationGroupOptions>, base: BaseOptimizer<Options>, options: ASAMOptions & Options) {
    const { form = "elementwise", eta = 0.01, weights, rho = form === "elementwise" ? 2 : 0.5, policy, ...baseOptions } = options;
    const scaleOf: ScaleOf = (value, index) => {
      if (form === "elementwise") return Math.abs(value);
      return (weights?.[index] ?? true) ? Math.abs(value) + eta : 1;
    };
    super(params, base, { rho, ...(policy === undefined ? {} : { policy }) }, baseOptions as unknown as Options, scaleOf);
  }

  /** One step over the mean domain loss: two calls of `closure`. */
  step(closure: Closure): StepResult {
    return this.run((evaluate) => {
      this.climb(evaluate(closure, 0));
      return evaluate(closure, 0);
    });
  }
}
