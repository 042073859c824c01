/** Empirical risk minimisation: the base optimizer on the gradient of the mean of the domains' losses. */
import type { ParamsInput } from "../descent/optimizer.js";
import { checkClosures, meanGradient, PerturbationOptimizer, type BaseOptimizer, type Closure, type PerturbationGroupOptions, type PerturbationOptions, type StepResult } from "./perturbation.js";

export class ERM<Options extends object> extends PerturbationOptimizer<Options> {
  constructor(params: ParamsInput<Options & PerturbationGroupOptions>, base: BaseOptimizer<Options>, options: PerturbationOptions & Options) {
    const { rho, adaptive, policy, ...baseOptions } = options;
    super(params, base, options, baseOptions as unknown as Options);
  }

  /**
   * @param closures one per domain.
   * @throws TwinError ERR_ARGUMENT without closures.
   */
  step(closures: readonly Closure[]): StepResult {
    checkClosures("ERM", closures);
    return this.run((evaluate) => meanGradient(closures, evaluate));
  }
}
