/**
 * Loss scaling for float16, as torch.amp.GradScaler. Small gradients vanish in float16, so the loss is multiplied by a scale
 * that is as large as the gradients allow, and the gradients are divided by it before the step:
 *
 *     scaler.scale(loss).backward();      g <- scale * grad L
 *     scaler.step(optimizer);             g <- g / scale;  a step, if every g is finite
 *     scaler.update();                    scale <- backoffFactor * scale        after a step that was not finite
 *                                         scale <- growthFactor * scale         after growthInterval finite ones in a row
 *
 * Micikevicius et al., ICLR 2018.
 */

import { checkBoolean, checkInteger, checkString, isPlainObject, withDefaults } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import { full, keep, noGrad, ops, scope, Tensor, zeros } from "../tensor/index.js";
import { once } from "./once.js";

export interface GradScalerOptions {
  /** The scale to begin with. Default 65536. */
  initScale: number;
  /** What the scale grows by, above 1. Default 2. */
  growthFactor: number;
  /** What it shrinks by, between 0 and 1. Default 0.5. */
  backoffFactor: number;
  /** After so many finite steps in a row it grows. Default 2000. */
  growthInterval: number;
  /** False makes the scaler do nothing but `optimizer.step()`. Default true. */
  enabled: boolean;
  /** Where the scale lives: where the losses are. Default `"cpu"`. */
  device: string;
}

/** Everything needed to go on, as JSON can hold it. */
export interface GradScalerStateDict {
  scale: number;
  growthFactor: number;
  backoffFactor: number;
  growthInterval: number;
  /** How many finite steps there were since the scale last changed. */
  growthTracker: number;
}

/** What the scaler needs of an optimizer. */
export interface ScalableOptimizer {
  readonly paramGroups: readonly { params: readonly Tensor[] }[];
  step(...args: never[]): unknown;
}

/**
 * An optimizer that differentiates several times a step, and so scales and unscales by itself: every pass's loss is
 * multiplied by `scale`, what was gathered is divided by it, and one pass that is not finite leaves the whole step out.
 */
export interface ScaledSteps {
  /** One step, as its `step(...args)`. */
  stepScaled(scale: number, ...args: never[]): { skipped: boolean };
  /** The end of a step that was begun by hand. */
  finishScaled(scale: number): { skipped: boolean };
}

/** What {@link GradScaler.step} takes beside the optimizer: what its own `step` takes, or nothing to end a step begun by hand. */
export type ScaledStepArguments<O> = O extends { stepScaled(scale: number, ...args: infer A): unknown } ? A | [] : O extends { step(...args: infer A): unknown } ? A : never;
/** What {@link GradScaler.step} gives: the optimizer's own result; `null` where a step was left out and there is none. */
export type ScaledStepResult<O> = O extends ScaledSteps ? ReturnType<O["stepScaled"]> | ReturnType<O["finishScaled"]> : O extends { step(...args: never[]): infer R } ? R | null : never;

/** Where an optimizer stands since the last update(). */
interface Progress {
  stage: "ready" | "unscaled" | "stepped";
  /** 1 where a gradient was not finite; null before gradients were checked, or when there were none. */
  foundInf: Tensor | null;
}

const DEFAULTS: GradScalerOptions = { initScale: 65536, growthFactor: 2, backoffFactor: 0.5, growthInterval: 2000, enabled: true, device: "cpu" };
const MAX_INT32 = 2 ** 31 - 1;

const operators = once(() => ({
  unscale: ops.dgsam["unscale_grad_.default"],
  update: ops.aten["_amp_update_scale_.default"],
}));

export class GradScaler {
  private readonly enabled: boolean;
  private readonly device: string;
  private growthFactor: number;
  private backoffFactor: number;
  private growthInterval: number;
  /** A float32 scalar on the device; the growth tracker is an int32 one. */
  private readonly scaleTensor: Tensor;
  private readonly growthTracker: Tensor;
  /** The scale as a number, null when it may have changed since it was read. */
  private scaleValue: number | null = null;
  private scaled = false;
  private readonly progress = new Map<ScalableOptimizer, Progress>();

  /** @throws DgsamError `ERR_ARGUMENT` for an option that is unknown or out of range, `ERR_DEVICE` */
  constructor(options: Partial<GradScalerOptions> = {}) {
    const { initScale, growthFactor, backoffFactor, growthInterval, enabled, device } = withDefaults("GradScaler", options, DEFAULTS);
    checkScale("GradScaler: initScale", initScale);
    checkBoolean("GradScaler: enabled", enabled);
    checkString("GradScaler: device", device);
    checkRates("GradScaler", { growthFactor, backoffFactor, growthInterval });
    this.growthFactor = growthFactor;
    this.backoffFactor = backoffFactor;
    this.growthInterval = growthInterval;
    this.enabled = enabled;
    this.device = device;
    this.scaleTensor = keep(full([], initScale, { dtype: "float32", device }));
    this.growthTracker = keep(zeros([], { dtype: "int32", device }));
  }

  /** The loss, or each of several, times the scale: call `backward()` on that. */
  scale(loss: Tensor): Tensor;
  scale(losses: Iterable<Tensor>): Tensor[];
  scale(losses: Tensor | Iterable<Tensor>): Tensor | Tensor[] {
    if (losses instanceof Tensor) return this.scaleOne(losses);
    if (typeof (losses as Iterable<Tensor> | null | undefined)?.[Symbol.iterator] !== "function") throw argumentError("GradScaler.scale(loss)", "a Tensor or an iterable of Tensors", losses);
    return [...losses].map((loss) => this.scaleOne(loss));
  }

  private scaleOne(loss: unknown): Tensor {
    if (!(loss instanceof Tensor)) throw argumentError("GradScaler.scale(loss)", "a Tensor or an iterable of Tensors", loss);
    if (!this.enabled) return loss;
    this.scaled = true;
    return loss.mul(this.scaleTensor.to(loss.device));
  }

  /**
   * Divides the optimizer's gradients by the scale, in place, and notes whether they are finite: for clipping or looking at
   * them before {@link step}, which does it otherwise. Once a step, after all of its backward passes. Unlike PyTorch's it takes
   * float16 gradients; what the scale had saved in them may be lost again.
   *
   * @throws DgsamError `ERR_STATE` out of turn; `ERR_ARGUMENT` for an optimizer that unscales by itself, as SAM and DGSAM do
   */
  unscale(optimizer: ScalableOptimizer): void {
    checkOptimizer("GradScaler.unscale(optimizer)", optimizer);
    if (!this.enabled) return;
    if (unscalesItself(optimizer)) {
      const name = optimizer.constructor.name;
      throw new DgsamError("ERR_ARGUMENT", `GradScaler.unscale(optimizer): ${name} unscales what it gathers by itself, in step(); the gradients before that are of single passes`);
    }
    const progress = this.progressOf(optimizer);
    if (progress.stage === "unscaled") throw stateError("unscale()", "was called already for this optimizer since the last update(); call it once a step, after all backward passes");
    if (progress.stage === "stepped") throw stateError("unscale()", "is called after step(); call it before, or update() first");
    this.check(optimizer, progress, "unscale()");
  }

  private check(optimizer: ScalableOptimizer, progress: Progress, what: string): void {
    if (!this.scaled) throw stateError(what, "the loss was not scaled: call scaler.scale(loss).backward()");
    const parameters = optimizer.paramGroups.flatMap((group) => group.params);
    progress.foundInf = noGrad(() =>
      scope(() => {
        const foundInf = zeros([], { device: this.device });
        // By way of float64, as PyTorch.
        const inverse = this.scaleTensor.to("float64").reciprocal().to("float32");
        return operators().unscale(parameters, foundInf, inverse) === 0 ? null : keep(foundInf);
      }),
    );
    progress.stage = "unscaled";
  }

  /**
   * Unscales the gradients, unless {@link unscale} did, and lets the optimizer step if all are finite. Further arguments go to
   * the optimizer.
   *
   * An optimizer that takes several gradients a step scales by itself (see {@link ScaledSteps}): `scaler.step(dgsam, closures)`,
   * with closures that return plain losses; without arguments the step that was begun by hand is ended.
   *
   * @returns what the optimizer's step returns; `null` when it was left out, but where it reports that itself (`skipped`)
   * @throws DgsamError `ERR_STATE` when called twice without {@link update}, or no parameter has a gradient
   */
  step<O extends ScalableOptimizer>(optimizer: O, ...args: ScaledStepArguments<O>): ScaledStepResult<O>;
  step(optimizer: ScalableOptimizer, ...args: never[]): unknown {
    checkOptimizer("GradScaler.step(optimizer)", optimizer);
    const byItself = unscalesItself(optimizer);
    if (!this.enabled) return byItself && args.length === 0 ? optimizer.finishScaled(1) : optimizer.step(...args);
    const progress = this.progressOf(optimizer);
    if (progress.stage === "stepped") throw stateError("step()", "was called already for this optimizer since the last update(); call update() at the end of each step");
    if (byItself) return this.stepByItself(optimizer, progress, args);
    // As in PyTorch: its gradients would be scaled, and nobody would unscale them.
    if (typeof args[0] === "function") throw new DgsamError("ERR_ARGUMENT", `GradScaler.step(optimizer): expected no closure for ${optimizer.constructor.name}; call scaler.scale(loss).backward() before`);
    if (progress.stage === "ready") this.check(optimizer, progress, "step()");
    if (progress.foundInf === null)
      throw stateError("step()", "none of the optimizer's parameters has a gradient, so nothing was checked; call scaler.scale(loss).backward() before, on a loss that depends on them");
    const result = progress.foundInf.item() === 0 ? optimizer.step(...args) : null;
    progress.stage = "stepped";
    return result;
  }

  private stepByItself(optimizer: ScaledSteps, progress: Progress, args: never[]): { skipped: boolean } {
    const scale = this.getScale();
    const result = args.length === 0 ? optimizer.finishScaled(scale) : optimizer.stepScaled(scale, ...args);
    progress.foundInf = keep(full([], result.skipped ? 1 : 0, { dtype: "float32", device: this.device }));
    progress.stage = "stepped";
    return result;
  }

  /**
   * Ends an iteration, after all of its optimizers have stepped: the scale shrinks when one of them was left out, and grows in
   * the end when none is.
   *
   * @param newScale sets the scale instead: a positive number, or a tensor of one
   * @throws DgsamError `ERR_STATE` when no step was taken since the last one
   */
  update(newScale?: number | Tensor): void {
    if (newScale !== undefined) checkScale("GradScaler.update(newScale)", newScale instanceof Tensor ? newScale.item() : newScale);
    if (!this.enabled) return;
    noGrad(() =>
      scope(() => {
        if (newScale instanceof Tensor) this.scaleTensor.copy_(newScale.reshape([]));
        else if (newScale !== undefined) this.scaleTensor.fill_(newScale);
        else this.adapt();
      }),
    );
    this.scaleValue = null;
    this.beginIteration();
  }

  private adapt(): void {
    const found = [...this.progress.values()].flatMap(({ foundInf }) => foundInf ?? []);
    if (found.length === 0) throw stateError("update()", "no gradients were checked since the last update(); call step(optimizer) before");
    const anyFound = found.reduce((sum, each) => sum.add(each));
    operators().update(this.scaleTensor, this.growthTracker, anyFound, this.growthFactor, this.backoffFactor, this.growthInterval);
  }

  private beginIteration(): void {
    for (const { foundInf } of this.progress.values()) foundInf?.dispose();
    this.progress.clear();
  }

  private progressOf(optimizer: ScalableOptimizer): Progress {
    let progress = this.progress.get(optimizer);
    if (progress === undefined) this.progress.set(optimizer, (progress = { stage: "ready", foundInf: null }));
    return progress;
  }

  /** The present scale; 1 when the scaler is off. Read from the device at most once between two updates. */
  getScale(): number {
    return this.enabled ? (this.scaleValue ??= this.scaleTensor.item() as number) : 1;
  }

  getGrowthFactor(): number {
    return this.growthFactor;
  }

  /** @throws DgsamError `ERR_ARGUMENT` */
  setGrowthFactor(growthFactor: number): void {
    checkRates("GradScaler.setGrowthFactor", { ...this.rates(), growthFactor });
    this.growthFactor = growthFactor;
  }

  getBackoffFactor(): number {
    return this.backoffFactor;
  }

  /** @throws DgsamError `ERR_ARGUMENT` */
  setBackoffFactor(backoffFactor: number): void {
    checkRates("GradScaler.setBackoffFactor", { ...this.rates(), backoffFactor });
    this.backoffFactor = backoffFactor;
  }

  getGrowthInterval(): number {
    return this.growthInterval;
  }

  /** @throws DgsamError `ERR_ARGUMENT` */
  setGrowthInterval(growthInterval: number): void {
    checkRates("GradScaler.setGrowthInterval", { ...this.rates(), growthInterval });
    this.growthInterval = growthInterval;
  }

  isEnabled(): boolean {
    return this.enabled;
  }

  private rates(): Rates {
    const { growthFactor, backoffFactor, growthInterval } = this;
    return { growthFactor, backoffFactor, growthInterval };
  }

  /** State for saving, after {@link update}; empty when the scaler is off. */
  stateDict(): Partial<GradScalerStateDict> {
    return this.enabled ? { scale: this.getScale(), ...this.rates(), growthTracker: this.growthTracker.item() as number } : {};
  }

  /**
   * Goes on from a state dict, at the beginning of an iteration. Does nothing when the scaler is off.
   *
   * @throws DgsamError `ERR_ARGUMENT` when it is none, or from a scaler that was off; then nothing is changed
   */
  loadStateDict(dict: Partial<GradScalerStateDict>): void {
    if (!this.enabled) return;
    const name = "GradScaler.loadStateDict";
    if (!isPlainObject(dict)) throw argumentError(`${name}(dict)`, "{ scale, growthFactor, backoffFactor, growthInterval, growthTracker } from stateDict()", dict);
    if (Object.keys(dict).length === 0) throw new DgsamError("ERR_ARGUMENT", `${name}(dict): the state dict is empty: it was saved by a scaler with enabled: false`);
    const { scale, growthTracker, ...rates } = dict;
    checkScale(`${name}: scale`, scale);
    checkRates(name, rates);
    checkInteger(`${name}: growthTracker`, growthTracker, 0, MAX_INT32);
    this.growthFactor = rates.growthFactor;
    this.backoffFactor = rates.backoffFactor;
    this.growthInterval = rates.growthInterval;
    noGrad(() => {
      this.scaleTensor.fill_(scale);
      this.growthTracker.fill_(growthTracker);
    });
    this.scaleValue = null;
    this.beginIteration();
  }
}

type Rates = Pick<GradScalerOptions, "growthFactor" | "backoffFactor" | "growthInterval">;

function checkRates(name: string, rates: Partial<Rates>): asserts rates is Rates {
  const { growthFactor, backoffFactor, growthInterval } = rates;
  if (typeof growthFactor !== "number" || !(growthFactor > 1 && growthFactor < Infinity)) throw argumentError(`${name}: growthFactor`, "a finite number above 1", growthFactor);
  if (typeof backoffFactor !== "number" || !(backoffFactor > 0 && backoffFactor < 1)) throw argumentError(`${name}: backoffFactor`, "a number between 0 and 1", backoffFactor);
  checkInteger(`${name}: growthInterval`, growthInterval, 1, MAX_INT32);
}

function checkScale(name: string, scale: unknown): asserts scale is number {
  if (typeof scale !== "number" || !(Math.fround(scale) > 0 && Math.fround(scale) < Infinity)) throw argumentError(name, "a positive number that float32 holds", scale);
}

function checkOptimizer(name: string, optimizer: unknown): void {
  const { paramGroups, step } = (optimizer ?? {}) as Partial<ScalableOptimizer>;
  if (!Array.isArray(paramGroups) || typeof step !== "function") throw argumentError(name, "an optimizer, with paramGroups and step()", optimizer);
}

function unscalesItself<O extends ScalableOptimizer>(optimizer: O): optimizer is O & ScaledSteps {
  const { stepScaled, finishScaled } = optimizer as Partial<ScaledSteps>;
  return typeof stepScaled === "function" && typeof finishScaled === "function";
}

function stateError(what: string, text: string): DgsamError {
  return new DgsamError("ERR_STATE", `GradScaler.${what}: ${text}`);
}
