/**
 * DGSAM: climb along one domain after the other, and descend along all the gradients met on the way.
 *
 *     p_0 <- theta
 *     for j = 1 .. S+1:                                  # the first domain is visited twice: first and last
 *         g_j <- gradient of domain order[(j-1) mod S] at p_{j-1}
 *         if j <= S:  p_j <- p_{j-1} + rho * g_j / (||g_j|| + 1e-12)
 *     G     <- S/(S+1) * (g_1 + ... + g_{S+1})           # "mean": 1/(S+1) * the sum
 *     theta <- baseOptimizer(theta, G)
 *
 * With `reuse: false`: g_j only climbs, h_j is the gradient of the same domain at p_j, and G is the sum ("mean": the
 * mean) of h_1 .. h_S.
 *
 * Source: arXiv 2503.23430.
 */
import { TwinError } from "../errors.js";
import type { Gradients, ParamsInput } from "../descent/optimizer.js";
import {
  checkClosures, combine, copy, PerturbationOptimizer,
  type BaseOptimizer, type Closure, type PerturbationGroupOptions, type PerturbationOptions, type StepResult,
} from "./perturbation.js";

export interface DGSAMOptions extends PerturbationOptions {
  /** Let one gradient serve both the ascent and the descent: S+1 gradients a step instead of 2S. Default true. */
  reuse?: boolean;
  /** Whether the gathered gradient has the scale of a sum over domains, as published, or of a mean. Default `"sum"`. */
  reduction?: "sum" | "mean";
}

export class DGSAM<Options extends object> extends PerturbationOptimizer<Options> {
  readonly #reuse: boolean;
  readonly #reduction: "sum" | "mean";

  /**
   * @param options DGSAM's own; all others go to `base`.
   * @throws TwinError ERR_ARGUMENT for a negative rho and for what `base` refuses.
   */
  constructor(params: ParamsInput<Options & PerturbationGroupOptions>, base: BaseOptimizer<Options>, options: DGSAMOptions & Options) {
    const { rho, adaptive, policy, reuse = true, reduction = "sum", ...baseOptions } = options;
    super(params, base, options, baseOptions as unknown as Options);
    this.#reuse = reuse;
    this.#reduction = reduction;
  }

  /**
   * One step.
   *
   * @param closures one per domain, at least one.
   * @param order the order of the visits, a permutation of the closures' indices; the closures' order by default. A twin
   *   draws nothing itself, so that it can follow any other implementation's draws.
   * @throws TwinError ERR_ARGUMENT without closures or for an order that is not a permutation of them.
   */
  step(closures: readonly Closure[], order: readonly number[] = [...closures.keys()]): StepResult {
    checkClosures("DGSAM", closures);
    checkOrder(closures.length, order);
    return this.run((evaluate) => {
      const visit = (domain: number) => evaluate(closures[domain]!, domain);
      const sum = this.#reuse ? this.#gather(order, visit) : this.#gatherWithoutReuse(order, visit);
      const domains = order.length;
      const scale = (this.#reuse ? domains / (domains + 1) : 1) / (this.#reduction === "mean" ? domains : 1);
      return sum.map((grad) => grad && grad.map((value) => value * scale));
    });
  }

  #gather(order: readonly number[], visit: (domain: number) => Gradients): Gradients {
    let sum: Gradients | null = null;
    for (const domain of order) {
      const grads = visit(domain);
      sum = sum ? combine(1, sum, 1, grads) : copy(grads);
      this.climb(grads);
    }
    return combine(1, sum!, 1, visit(order[0]!));
  }

  #gatherWithoutReuse(order: readonly number[], visit: (domain: number) => Gradients): Gradients {
    let sum: Gradients | null = null;
    for (const domain of order) {
      this.climb(visit(domain));
      const grads = visit(domain);
      sum = sum ? combine(1, sum, 1, grads) : copy(grads);
    }
    return sum!;
  }
}

function checkOrder(domains: number, order: readonly number[]): void {
  const visited = new Set(order);
  if (order.length === domains && visited.size === domains && [...Array(domains).keys()].every((index) => visited.has(index))) return;
  throw new TwinError("ERR_ARGUMENT", `DGSAM: order: expected a permutation of 0 .. ${domains - 1}, got [${order.join(", ")}]`);
}
