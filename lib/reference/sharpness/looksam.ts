/**
 * LookSAM: SAM's second gradient every k-th step only; between, the stored part of it that is orthogonal to the first.
 *
 *     every k-th:  gp <- gradient at theta + rho * g / (||g|| + 1e-12);  v <- gp - <g, gp> / ||g||^2 * g
 *                  theta <- baseOptimizer(theta, gp);  a v of no more than rounding errors, ||v|| <= 4 * 2^-52 ||gp||, is 0
 *     between:     theta <- baseOptimizer(theta, g + alpha * ||g|| * v / (||v|| + 1e-12))
 *
 * Source: Liu et al., arXiv 2203.02714.
 */
import type { Gradients, ParamsInput } from "../descent/optimizer.js";
import {
  combine, copy, dot, PerturbationOptimizer,
  type BaseOptimizer, type Closure, type PerturbationGroupOptions, type PerturbationOptions, type StepResult,
} from "./perturbation.js";

export interface LookSAMOptions extends PerturbationOptions {
  /** Default 5. */
  k?: number;
  /** Default 0.7. */
  alpha?: number;
}

export class LookSAM<Options extends object> extends PerturbationOptimizer<Options> {
  readonly #k: number;
  readonly #alpha: number;
  #steps = 0;
  #direction: Gradients = [];

  constructor(params: ParamsInput<Options & PerturbationGroupOptions>, base: BaseOptimizer<Options>, options: LookSAMOptions & Options) {
    const { rho, adaptive, policy, k = 5, alpha = 0.7, ...baseOptions } = options;
    super(params, base, options, baseOptions as unknown as Options);
    this.#k = k;
    this.#alpha = alpha;
  }

  /** One step over the mean domain loss: two calls of `closure` every k-th time, one otherwise. */
  step(closure: Closure): StepResult {
    let direction = this.#direction;
    const result = this.run((evaluate) => {
      const grads = copy(evaluate(closure, 0));
      if (this.#steps % this.#k !== 0) {
        const factor = (this.#alpha * Math.sqrt(dot(grads, grads))) / (Math.sqrt(dot(direction, direction)) + 1e-12);
        // A parameter without a gradient stays without.
        return combine(1, grads, factor, direction).map((each, index) => grads[index] && each);
      }
      this.climb(grads);
      const perturbed = evaluate(closure, 0);
      const square = dot(grads, grads);
      direction = combine(1, perturbed, square === 0 ? 0 : -dot(grads, perturbed) / square, grads);
      const isRounding = Math.sqrt(dot(direction, direction)) <= 4 * Number.EPSILON * Math.sqrt(dot(perturbed, perturbed));
      if (isRounding) direction = combine(0, direction, 0, direction);
      return perturbed;
    });
    if (result.skipped) return result;
    this.#direction = direction;
    this.#steps++;
    return result;
  }
}
