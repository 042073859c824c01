/**
 * ASAM, SAM with a neighbourhood that follows the scale of the parameters (Kwon et al., ICML 2021, arXiv 2102.11600).
 *
 *     e  <- rho * T^2 g / (||T g|| + 1e-12),  then as SAM
 *
 * Two forms are published. `"elementwise"`, as implementations of SAM have it: T = |p|. `"normalized"`, as the authors'
 * own: T = |p| + eta for weights and 1 for biases and norms, which are the parameters of fewer than two dimensions.
 */

import { checkChoice, checkNumber } from "../../checks.js";
import { DgsamError } from "../../errors.js";
import { checkOptionsObject } from "../checks.js";
import type { OptimizerLike } from "../descent/optimizer.js";
import { TwoStep } from "./two-step.js";
import type { OptimizerClass, OptionsFor, WrapperOptions, WrapperParams } from "./wrapper-options.js";

export interface ASAMOptions extends Omit<WrapperOptions, "adaptive"> {
  /** Which T. Default `"elementwise"`, with a radius `rho` of 2; the radius of `"normalized"` is 0.5. */
  form?: "elementwise" | "normalized";
  /** Added to |p| in the normalized form. Default 0.01. */
  eta?: number;
}

export class ASAM<B extends OptimizerLike = OptimizerLike, O = Record<string, unknown>> extends TwoStep<B, O> {
  static readonly isPlannable = true;

  constructor(params: WrapperParams<O>, Base: OptimizerClass<B, O>, options: OptionsFor<ASAMOptions, O> = {} as OptionsFor<ASAMOptions, O>) {
    checkOptionsObject("new ASAM(params, Base, options)", options);
    const { form = "elementwise", eta, adaptive = true } = options as ASAMOptions & WrapperOptions;
    checkChoice("ASAM: form", form, ["elementwise", "normalized"]);
    if (adaptive !== true) throw new DgsamError("ERR_ARGUMENT", "ASAM: adaptive: it always is; SAM is the same without");
    if (eta !== undefined) checkNumber("ASAM: eta", eta, 0, Infinity, false);
    if (eta !== undefined && form === "elementwise") throw new DgsamError("ERR_ARGUMENT", 'ASAM: eta: expected form: "normalized" with it; the elementwise form has none');
    const normalized = form === "normalized";
    super(params, Base, { ...options, adaptive: true }, { options: ["form", "eta"], rho: normalized ? 0.5 : 2, eta: normalized ? (eta ?? 0.01) : undefined });
  }

  protected ascend(): void {
    this.climb.ascend();
  }

  protected gather(): void {
    this.climb.gather();
  }
}
