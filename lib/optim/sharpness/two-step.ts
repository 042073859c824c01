/**
 * The two-step interface that SAM's users know, for algorithms of one climb between two gradients:
 *
 *     loss(model(x)).backward();  optimizer.firstStep({ zeroGrad: true });
 *     loss(model(x)).backward();  optimizer.secondStep({ zeroGrad: true });
 */

import { checkBoolean, checkNumber, checkOptions, isPlainObject } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { scope } from "../../tensor/index.js";
import { NonFinite } from "../closures.js";
import type { OptimizerLike } from "../descent/optimizer.js";
import type { Passes } from "./passes.js";
import { SharpnessAware } from "./wrapper.js";
import type { StepResult } from "./wrapper-options.js";

export interface SAMResult extends StepResult {
  /** The mean of the domains' losses at the point that was climbed to; NaN where the step was skipped. */
  perturbedLoss: number;
  /** ||g||, the norm of the gradient that was climbed along; NaN where the step was skipped. */
  gradNorm: number;
}

export interface StepFormOptions {
  /** Clear the gradients afterwards. Default false. */
  zeroGrad?: boolean;
}

export interface FirstStepOptions extends StepFormOptions {
  /** What a `GradScaler` multiplied the loss by: `scaler.getScale()`. The step is then ended by `scaler.step(optimizer)`. */
  lossScale?: number;
}

/** A step that {@link TwoStep.firstStep} began. */
interface OpenStep {
  /** The scaler's, null without one. */
  readonly lossScale: number | null;
  /** Whether the first gradient was not finite, so that the step will be left out. */
  readonly skipping: boolean;
}

function valuesOf({ skipped, gradNorms }: StepResult, perturbed: readonly number[]): { perturbedLoss: number; gradNorm: number } {
  if (skipped) return { perturbedLoss: NaN, gradNorm: NaN };
  return { perturbedLoss: perturbed.reduce((sum, loss) => sum + loss, 0) / perturbed.length, gradNorm: gradNorms[0]! };
}

export abstract class TwoStep<B extends OptimizerLike = OptimizerLike, O = Record<string, unknown>> extends SharpnessAware<B, O, SAMResult> {
  private open: OpenStep | null = null;
  /** The losses at the point that was climbed to. */
  private perturbed: readonly number[] = [];

  /** Climbs along the gradient at the parameters as they were, in `grad`. */
  protected abstract ascend(): void;

  /** Ends the climb with the gradient at the perturbed parameters, in `grad`. */
  protected abstract gather(): void;

  protected run(passes: Passes): void {
    passes.differentiateMean();
    this.ascend();
    this.perturbed = passes.differentiateMean();
    this.gather();
  }

  protected override report(result: StepResult): SAMResult {
    // This step's own: it may be read when the next one was taken.
    const { perturbed } = this;
    if (!this.fillsLater) return Object.assign(result, valuesOf(result, perturbed));
    return {
      ...result,
      get perturbedLoss() {
        return valuesOf(this, perturbed).perturbedLoss;
      },
      get gradNorm() {
        return valuesOf(this, perturbed).gradNorm;
      },
    };
  }

  /**
   * First half of the two-step form: climbs along the `grad` that the caller's `backward()` left. A step that cannot be
   * finished is given up by {@link abort}.
   *
   * The first pass lies before this call, so a failing step leaves what that pass did to BatchNorm statistics.
   *
   * @throws DgsamError `ERR_STATE` when called twice in a row or without a gradient, `ERR_NON_FINITE` (see `policy`; never with a `lossScale`)
   */
  firstStep(options: FirstStepOptions | boolean = {}): void {
    const name = `${this.constructor.name}.firstStep`;
    const { zeroGrad, lossScale } = readOptions(name, options, ["zeroGrad", "lossScale"]);
    this.checkIdle(`${name}()`);
    this.climb.begin(`${name}()`, lossScale ?? 1);
    this.checkGradients(`${name}()`);
    let skipping = false;
    try {
      scope(() => this.ascend());
    } catch (error) {
      if (!(error instanceof NonFinite)) throw error;
      if (this.policy === "throw" && lossScale === null) {
        this.zeroGrad();
        throw this.nonFiniteError(error, "the first pass", 0);
      }
      skipping = true;
    }
    this.open = { lossScale, skipping };
    this.statistics.announcePass(false);
    if (zeroGrad) this.zeroGrad();
  }

  /**
   * Second half: undoes the climb and lets the base optimizer descend along `grad`, which the caller's second
   * `backward()` left.
   *
   * @throws DgsamError `ERR_STATE` without a {@link firstStep} before or a gradient, `ERR_NON_FINITE`
   */
  secondStep(options: StepFormOptions | boolean = {}): void {
    const name = `${this.constructor.name}.secondStep`;
    const { zeroGrad } = readOptions(name, options, ["zeroGrad"]);
    const { lossScale } = this.openStep(`${name}()`);
    if (lossScale !== null) throw new DgsamError("ERR_STATE", `${name}(): the loss was scaled by ${lossScale}; end the step by scaler.step(optimizer), which unscales the gradients`);
    this.finish(`${name}()`, this.policy, zeroGrad);
  }

  /** Second half for a `GradScaler`, which calls it in its own `step(optimizer)`. Tells whether the step was left out. */
  override finishScaled(scale: number): { skipped: boolean } {
    const name = this.constructor.name;
    const what = `${name}.finishScaled()`;
    const { lossScale } = this.openStep(what);
    // A scaler that is off.
    if (lossScale === null && scale === 1) return { skipped: !this.finish(what, this.policy, false) };
    if (lossScale !== scale)
      throw new DgsamError("ERR_STATE", `${name}: the step was begun with a loss scale of ${lossScale ?? 1}, but the scaler's is ${scale}; call firstStep({ lossScale: scaler.getScale() })`);
    return { skipped: !this.finish(what, "skip", false) };
  }

  protected override get isOpen(): boolean {
    return this.open !== null;
  }

  private openStep(what: string): OpenStep {
    this.checkUsable(what);
    if (this.open === null) throw new DgsamError("ERR_STATE", `${what}: call firstStep() first; it climbs to where the second gradient is taken`);
    return this.open;
  }

  /** Returns whether the step was applied. */
  private finish(what: string, policy: "throw" | "skip", clear: boolean): boolean {
    if (this.open!.skipping) {
      this.abort();
      return false;
    }
    this.checkGradients(what);
    this.open = null;
    this.statistics.endPasses();
    try {
      scope(() => this.gather());
    } catch (error) {
      this.climb.restore();
      this.zeroGrad();
      if (!(error instanceof NonFinite)) throw error;
      if (policy === "throw") throw this.nonFiniteError(error, "the second pass", 0);
      return false;
    }
    this.descendOrClear();
    if (clear) this.zeroGrad();
    return true;
  }

  private descendOrClear(): void {
    try {
      this.descendBase();
    } catch (error) {
      this.zeroGrad();
      throw error;
    }
  }

  override abort(): void {
    if (this.open === null) return;
    this.open = null;
    this.climb.restore();
    this.statistics.endPasses();
    this.zeroGrad();
  }
}

// SAM's users know the positional form: first_step(zero_grad=True).
function readOptions(what: string, options: FirstStepOptions | boolean, known: readonly string[]): { zeroGrad: boolean; lossScale: number | null } {
  if (typeof options === "boolean") return { zeroGrad: options, lossScale: null };
  if (!isPlainObject(options)) throw argumentError(`${what}(options)`, "{ zeroGrad } or a boolean", options);
  checkOptions(`${what}(options)`, options, known);
  const { zeroGrad = false, lossScale }: FirstStepOptions = options;
  checkBoolean(`${what}(options): zeroGrad`, zeroGrad);
  if (lossScale !== undefined) checkNumber(`${what}(options): lossScale`, lossScale, Number.MIN_VALUE, Infinity, false);
  return { zeroGrad, lossScale: lossScale ?? null };
}
