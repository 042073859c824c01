/**
 * Sharpness-Aware Minimization (Foret et al., ICLR 2021, arXiv 2010.01412).
 *
 *     g  <- grad L(p)
 *     e  <- rho * g / (||g|| + 1e-12)      (one norm over all parameters)
 *     G  <- grad L(p + e)
 *     p  <- baseOptimizer(p, G)            (p is restored by copy first)
 *
 * With `adaptive`, the elementwise form of ASAM: e <- rho * p^2 g / (|| |p| g || + 1e-12).
 */

import { checkBoolean, checkOptions, isPlainObject } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { noGrad, scope } from "../../tensor/index.js";
import { checkClosure, differentiate, NonFinite, type Closure } from "../closures.js";
import type { OptimizerLike } from "../descent/optimizer.js";
import { SharpnessAware, type OptimizerClass, type WrapperOptions, type WrapperParams } from "./wrapper.js";

export type SAMOptions = WrapperOptions;

export interface SAMResult {
  /** The loss at the parameters as they were, in an array as DGSAM gives one per domain; NaN where the step was skipped. */
  losses: number[];
  /** The loss at the point that was climbed to. */
  perturbedLoss: number;
  /** ||g||, the norm of the gradient that was climbed along. */
  gradNorm: number;
  /** Whether a pass was not finite and nothing was applied (`policy: "skip"`). */
  skipped: boolean;
}

export interface StepFormOptions {
  /** Clear the gradients afterwards. Default false. */
  zeroGrad?: boolean;
}

export class SAM<B extends OptimizerLike = OptimizerLike, O = Record<string, unknown>> extends SharpnessAware<B, O> {
  private skipping = false;

  /**
   * @param params tensors, or groups `{ params, rho?, ...options }`
   * @param Base class of the optimizer that descends, such as `Adam`
   * @param options `rho` and the other {@link WrapperOptions}; the rest goes to `Base`, and so does all of `base: {...}`
   */
  constructor(params: WrapperParams<O>, Base: OptimizerClass<B, O>, options: SAMOptions & Partial<O> & { base?: Partial<O> } = {} as SAMOptions & Partial<O>) {
    super(params, Base, options, []);
  }

  /**
   * One step. The closure is called twice; it returns its loss and does not call `backward()`. Afterwards `grad` holds G.
   *
   * @throws DgsamError `ERR_NON_FINITE` (see `policy`), `ERR_STATE` when the closure called `backward()`, `ERR_ARGUMENT`;
   *   then parameters, buffers and state are as before
   */
  step(closure: Closure): SAMResult {
    checkClosure("SAM.step(closure)", closure);
    this.climb.checkIdle("SAM.step()");
    let pass = "the first pass";
    const result = this.transaction(
      () => {
        const { climb } = this;
        this.statistics.announcePass(true);
        const loss = differentiate(closure, climb.parameters, "SAM.step: the closure");
        const gradNorm = climb.ascend({ accumulate: false });
        pass = "the second pass, at the perturbed parameters,";
        this.statistics.announcePass(false);
        const perturbedLoss = differentiate(closure, climb.parameters, "SAM.step: the closure");
        climb.restore();
        climb.checkGradients();
        this.base.step();
        return { losses: [loss], perturbedLoss, gradNorm, skipped: false };
      },
      () => pass,
    );
    return result ?? { losses: [NaN], perturbedLoss: NaN, gradNorm: NaN, skipped: true };
  }

  /**
   * First half of the two-step form: climbs along the `grad` that the caller's `backward()` left. A step that cannot be
   * finished is given up by {@link abort}.
   *
   * The first pass lies before this call, so a failing step leaves what that pass did to BatchNorm statistics.
   *
   * @throws DgsamError `ERR_STATE` when called twice in a row, `ERR_NON_FINITE`
   */
  firstStep(options: StepFormOptions | boolean = {}): void {
    const clear = clears("SAM.firstStep(options)", options);
    this.climb.checkIdle("SAM.firstStep()");
    this.skipping = false;
    try {
      scope(() => this.climb.ascend({ accumulate: false }));
    } catch (error) {
      if (!(error instanceof NonFinite)) throw error;
      if (this.policy === "throw") throw this.nonFiniteError(error, "the first pass");
      this.skipping = true;
    }
    this.statistics.announcePass(false);
    if (clear) this.zeroGrad();
  }

  /**
   * Second half: undoes the climb and lets the base optimizer descend along `grad`, which the caller's second
   * `backward()` left.
   *
   * @throws DgsamError `ERR_STATE` without a {@link firstStep} before, `ERR_NON_FINITE`
   */
  secondStep(options: StepFormOptions | boolean = {}): void {
    const clear = clears("SAM.secondStep(options)", options);
    if (this.skipping) return this.abort();
    if (!this.climb.active) throw new DgsamError("ERR_STATE", "SAM.secondStep(): call firstStep() first; it climbs to where the second gradient is taken");
    this.climb.restore();
    this.statistics.endPasses();
    try {
      scope(() => noGrad(() => this.climb.checkGradients()));
    } catch (error) {
      if (!(error instanceof NonFinite)) throw error;
      this.zeroGrad();
      if (this.policy === "throw") throw this.nonFiniteError(error, "the second pass");
      return;
    }
    this.base.step();
    if (clear) this.zeroGrad();
  }

  abort(): void {
    if (!this.skipping && !this.climb.active) return;
    this.skipping = false;
    this.climb.restore();
    this.statistics.endPasses();
    this.zeroGrad();
  }

  stateDict(): { base: ReturnType<B["stateDict"]> } {
    return { base: this.base.stateDict() as ReturnType<B["stateDict"]> };
  }

  loadStateDict(dict: { base: unknown }): void {
    if (!isPlainObject(dict) || !("base" in dict)) throw argumentError("SAM.loadStateDict(dict)", "{ base } from stateDict()", dict);
    this.base.loadStateDict(dict.base as never);
  }
}

// SAM's users know the positional form: first_step(zero_grad=True).
function clears(what: string, options: StepFormOptions | boolean): boolean {
  if (typeof options === "boolean") return options;
  if (!isPlainObject(options)) throw argumentError(what, "{ zeroGrad } or a boolean", options);
  checkOptions(what, options, ["zeroGrad"]);
  const { zeroGrad = false }: StepFormOptions = options;
  checkBoolean(`${what}: zeroGrad`, zeroGrad);
  return zeroGrad;
}
