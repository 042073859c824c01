/**
 * The engine of the sharpness-aware optimizers: norm, ascent, gathering, way back, over an optimizer's parameters. Every
 * one of them is made of these; nothing else touches perturbed parameters.
 *
 * The work is the dispatcher library `dgsam::` (native/ops); when its operators are called, {@link ClimbCalls} says.
 *
 * Losses may be scaled, as in 16-bit training. Directions do not depend on the scale; whatever does is given and taken
 * here as if there were none.
 */

import { argumentError, DgsamError } from "../../errors.js";
import { gradients as readGradients, hasGraphs, setGradients, type Commands, type OperatorFunction } from "../../tensor/internal.js";
import { ops, type Tensor } from "../../tensor/index.js";
import { ClimbCalls, finite, GATHERED, NONE, type NormCall } from "./climb-calls.js";
import type { AscendOptions, GatherOptions, GradientProducts, Weighting } from "./climb-options.js";
import { DeviceRadii } from "./device-radii.js";
import type { Ledger } from "./ledger.js";
import { Scratch } from "./scratch.js";

const GRADIENT = ["gradient"] as const;

/** Under which name the groups keep their radius. */
export type RadiusKey = "rho" | "radius";

type Group = { params: Tensor[] } & Record<RadiusKey, number>;

export class Climb {
  /** All parameters, over all groups. */
  readonly parameters: Tensor[] = [];
  /** Whether the host is ahead of the devices that the parameters lie on; null where nobody has asked. */
  private ahead: boolean | null = null;
  /** Whether steps over some of them may be graphs; null likewise. */
  private graphable: boolean | null = null;
  private readonly calls = new ClimbCalls();
  private readonly rho: number[] = [];
  private readonly radii = new DeviceRadii<Group>();
  private readonly scratch = new Scratch(this.parameters);
  /** How many parameters require gradients in this step; null where nobody has asked. */
  private trained: number | null = null;
  /** Parameters that had a gradient in some pass of this step; all that require one where `allSeen`. */
  private seen: boolean[] = [];
  private allSeen = false;
  private summing = false;
  private climbing = false;
  private gathered = false;

  /**
   * @param groups the parameter groups as they stand at each step
   * @param radiusKey where a group keeps its radius
   * @param weighting of the ascents
   */
  constructor(private readonly groups: () => readonly Group[], private readonly radiusKey: RadiusKey, private readonly weighting: Weighting) {
    this.collect();
  }

  /**
   * Whether the host is ahead of the devices that the parameters lie on. That is found out at the first step, and again when they
   * no longer fit what was kept of the last one: asking at each step would cost.
   */
  get isAhead(): boolean {
    this.ahead ??= this.parameters.every(({ device }) => device !== "cpu" && device !== "meta");
    return this.ahead;
  }

  /** Whether steps over some of the parameters may be graphs, for all that their devices say. Found out as {@link isAhead} is. */
  get mayHaveGraphs(): boolean {
    this.graphable ??= this.parameters.some(({ device }) => hasGraphs(device));
    return this.graphable;
  }

  /** Drops what was kept of earlier steps and is of another dtype or device than the parameters now are. Returns whether there was any. Not in the middle of a climb. */
  dropUnlike(): boolean {
    const dropped = this.scratch.dropUnlike();
    if (dropped) this.forgetDevices();
    return dropped;
  }

  private forgetDevices(): void {
    this.ahead = null;
    this.graphable = null;
  }

  /** Whether so many gradients are those of all parameters that require one. */
  private areAll(gradients: number): boolean {
    const { parameters } = this;
    if (gradients === parameters.length) return true;
    // Asking costs a call for each.
    this.trained ??= parameters.filter(({ requiresGrad }) => requiresGrad).length;
    return gradients === this.trained;
  }

  /** The norms of this step's gradients, in the order in which they were taken. */
  get norms(): number[] {
    return this.calls.norms;
  }

  private get lossScale(): number {
    return this.calls.lossScale;
  }

  /** Whether the parameters are away from where the step began. */
  get active(): boolean {
    return this.climbing;
  }

  /** Whether {@link gather} ended this step, and nothing moved since. */
  get settled(): boolean {
    return this.gathered && !this.climbing;
  }

  /** Throws `ERR_STATE` in the middle of a climb. */
  checkIdle(what: string): void {
    if (this.climbing) throw new DgsamError("ERR_STATE", `${what}: the parameters are perturbed; finish the step that was begun first`);
  }

  /**
   * Begins a step, with the groups as they now are.
   *
   * @param what the caller, for errors
   * @param lossScale what the losses are multiplied by
   * @throws DgsamError `ERR_STATE` in the middle of a climb
   */
  begin(what: string, lossScale = 1): void {
    this.checkIdle(what);
    this.collect();
    this.calls.lossScale = lossScale;
    this.forget();
  }

  private forget(): void {
    this.calls.norms = [];
    this.climbing = false;
    this.gathered = false;
    this.summing = false;
    this.trained = null;
    this.allSeen = false;
    this.seen.fill(false);
  }

  /**
   * Begins to leave everything to `commands`: what is called then returns NaN, and happens when they run. All parameters
   * that require gradients must get them in every pass.
   */
  beginPlan(commands: Commands): void {
    this.calls.commands = commands;
  }

  /** Ends that: as before it, nothing was done yet. */
  endPlan(): void {
    this.calls.commands = null;
    this.forget();
  }

  /** Begins to note norms in a ledger: what is called then returns NaN, and is known when that is read. */
  beginLate(ledger: Ledger): void {
    this.calls.ledger = ledger;
  }

  /** Ends that. */
  endLate(): void {
    this.calls.ledger = null;
  }

  private collect(): void {
    const { parameters, rho, radiusKey } = this;
    const groups = this.groups();
    // First: what is noted here before an error would hide from the next step that parameters changed.
    for (const group of groups) {
      const radius = group[radiusKey];
      if (!(radius >= 0 && radius < Infinity)) throw argumentError(`paramGroups: ${radiusKey}`, "a finite number of at least 0", radius);
    }
    let count = 0;
    let changed = false;
    for (const group of groups) {
      for (const parameter of group.params) {
        changed ||= parameters[count] !== parameter;
        parameters[count] = parameter;
        rho[count++] = group[radiusKey];
      }
    }
    if (!changed && count === parameters.length) return;
    parameters.length = count;
    rho.length = count;
    this.seen = parameters.map(() => false);
    this.forgetDevices();
    this.scratch.drop();
  }

  /**
   * Climbs by rho along `grad`, from where the last ascent ended; the first one saves the parameters.
   *
   * @returns the norm of the gradient
   * @throws NonFinite when it is not finite; nothing has moved then, nor when a first ascent throws anything else
   */
  ascend({ accumulate = false, shift = 0 }: AscendOptions = {}): number {
    const count = (gradients: number): void => {
      if (accumulate) this.note(gradients);
    };
    return this.write(() => this.calls.perform({ name: "climb", args: this.ascent(accumulate, shift), whats: GRADIENT, settle: () => this.climbed(accumulate), count }));
  }

  private ascent(accumulate: boolean, shift: number): unknown[] {
    const { adaptive, eta } = this.weighting;
    const sums = accumulate ? this.scratch.sums : NONE;
    const { ledger } = this.calls;
    const rho = ledger === null ? this.rho : this.radii.at(ledger.device, this.groups(), (group) => group[this.radiusKey]);
    return [this.parameters, this.scratch.saved, sums, rho, !this.climbing, adaptive, eta ?? null, shift / this.lossScale, !this.summing];
  }

  private climbed(accumulate: boolean): void {
    this.climbing = true;
    this.gathered = false;
    this.summing ||= accumulate;
  }

  /** A call that writes to scratch, which may be of earlier steps. */
  private write(call: () => number): number {
    try {
      return call();
    } catch (error) {
      // What this step has not written to may be of another dtype or device than the parameters, if they were converted since.
      if (!isMismatch(error) || (this.climbing && this.summing)) throw error;
      if (!this.climbing) this.scratch.dropSaved();
      if (!this.summing) this.scratch.dropSums();
      this.forgetDevices();
      return call();
    }
  }

  /** Adds `grad` to the sum without moving. Returns its norm; throws NonFinite. */
  accumulate(): number {
    const settle = (): void => void (this.summing = true);
    const count = (gradients: number): void => this.note(gradients);
    return this.write(() => this.calls.perform({ name: "accumulate", args: [this.parameters, this.scratch.sums, !this.summing], whats: GRADIENT, settle, count }));
  }

  // Nearly always every parameter has a gradient in every pass; who is missing is asked only when somebody is.
  private note(gradients: number): void {
    this.allSeen ||= this.areAll(gradients);
    if (gradients > 0) this.noteEach();
  }

  private noteEach(): void {
    if (!this.allSeen) readGradients(this.parameters).forEach((gradient, i) => (this.seen[i] ||= gradient !== null));
  }

  private checkSumming(what: string): void {
    if (!this.summing) throw new DgsamError("ERR_STATE", `climb.${what}: no gradient was accumulated in this step; ascend({ accumulate: true }) or accumulate() one first`);
  }

  /**
   * The present gradient against the sum of the accumulated ones.
   *
   * @throws NonFinite when one of them is not finite; DgsamError `ERR_STATE` when none was accumulated
   */
  products(): GradientProducts {
    this.calls.needsNumbers("products()");
    this.checkSumming("products()");
    const [product, sumNorm, gradNorm] = this.calls.now.products(this.parameters, this.scratch.sums);
    const scale = this.lossScale;
    return { product: finite(product) / scale / scale, sumNorm: finite(sumNorm) / scale, gradNorm: finite(gradNorm) / scale };
  }

  /**
   * sum <- `sum` times itself plus `grad` times the present gradient, where one that is missing counts as zero.
   *
   * @returns the norm of the new sum
   * @throws NonFinite when that is not finite; DgsamError `ERR_STATE` when none was accumulated
   */
  combine(sum: number, grad: number): number {
    this.calls.needsNumbers("combine()");
    this.checkSumming("combine()");
    // As the gradient is, the sum stays multiplied by the losses' scale.
    const norm = finite(this.calls.now.combine(this.parameters, this.scratch.sums, sum, grad), "sum of gradients with that");
    this.noteEach();
    return norm / this.lossScale;
  }

  /**
   * Hands out the tensors of the sum, which are the caller's from now on; `replacement` is scratch from now on, if it fits. Of a
   * late step that has stopped they hold what `replacement` held, or zeros if it does not fit.
   */
  exchangeSum(replacement: Tensor[]): Tensor[] {
    this.calls.unplannable();
    const { ledger } = this.calls;
    if (ledger !== null) {
      const { sums } = this.scratch;
      ledger.revert(sums, this.scratch.takes(replacement) ? replacement : sums.map((sum) => ops.aten["zeros_like.default"](sum)));
    }
    const sums = this.scratch.exchangeSums(replacement);
    this.summing = false;
    return sums;
  }

  /**
   * Ends the climb: restores the parameters if they were moved, and leaves in `grad` what the base optimizer descends
   * along: `sum` times the sum of the accumulated gradients plus `grad` times the present one. A parameter that had no
   * gradient in any of these has none.
   *
   * @returns the norm of the present gradient
   * @throws NonFinite when it is not finite, or the sum is not; the parameters are restored then
   */
  gather({ sum, grad = 1, along }: GatherOptions = {}): number {
    const { parameters, lossScale } = this;
    const gathers = along === undefined && sum !== undefined && this.summing;
    const sums = along ?? (gathers ? this.scratch.sums : NONE);
    const sumScale = along === undefined ? (sum ?? 0) / lossScale : (sum ?? 0);
    const complete = (gradients: number): void => {
      if (gathers && !this.areAll(gradients)) this.setMissing(sumScale);
    };
    return this.finish("gather", [parameters, this.toRestore(), sums, sumScale, grad / lossScale], complete);
  }

  /** GSAM's end of a climb: `grad` less `alpha` times the part of the sum that is orthogonal to it; otherwise as {@link gather}. */
  gatherOrthogonal(alpha: number): number {
    this.checkSumming("gatherOrthogonal()");
    const complete = (gradients: number): void => {
      if (!this.areAll(gradients)) this.setMissing(-alpha / this.lossScale);
    };
    return this.finish("gatherOrthogonal", [this.parameters, this.toRestore(), this.scratch.sums, alpha, this.lossScale], complete);
  }

  /** LookSAM's step without a climb: `grad` plus `alpha` times its norm times the unit vector of `directions`, whose norm is `norm`. */
  gatherAlong(directions: Tensor[], norm: number, alpha: number): number {
    // A late step leaves the directions' norm to the device.
    const norms = this.calls.ledger === null ? [norm] : [];
    return this.finish("gatherAlong", [this.parameters, directions, ...norms, alpha, this.lossScale], () => {});
  }

  private toRestore(): Tensor[] {
    return this.climbing ? this.scratch.saved : NONE;
  }

  /** @param complete hears how many parameters have a gradient */
  private finish(name: NormCall["name"], args: readonly unknown[], complete: (gradients: number) => void): number {
    // The parameters are restored in any case.
    const made = (): void => void (this.climbing = false);
    return this.calls.perform({ name, args, whats: GATHERED, made, settle: () => (this.gathered = true), count: complete });
  }

  /**
   * sum <- what of the present gradient is orthogonal to the sum, or zero where that is rounding errors alone. It is without the losses'
   * scale then, for {@link exchangeSum} alone.
   *
   * @param done takes the norm of the new sum; NaN in a late step, where the device alone knows it
   * @throws NonFinite when one of them is not finite; DgsamError `ERR_STATE` when none was accumulated
   */
  project(done: (norm: number) => void): void {
    this.checkSumming("project()");
    const known = ([, made]: readonly number[]): void => done(made!);
    this.calls.perform({ name: "project", args: [this.parameters, this.scratch.sums, this.lossScale], whats: GATHERED, settle: () => {}, known, isInner: true });
    if (this.calls.ledger !== null) done(NaN);
  }

  /** Gives those parameters their sum whose gradient was missing in the last pass only. */
  private setMissing(scale: number): void {
    const gradients = readGradients(this.parameters);
    const wasSeen = (i: number): boolean => this.seen[i]! || (this.allSeen && this.parameters[i]!.requiresGrad);
    const complete = gradients.map((gradient, i) => gradient ?? (wasSeen(i) ? ops.aten["mul.Scalar"](this.scratch.sums[i]!, scale) : null));
    setGradients(this.parameters, complete);
    this.gradientNorm();
  }

  /** Ends the climb, also after a failure: restores the parameters if they were moved. `grad` stays. */
  restore(): void {
    if (!this.climbing) return;
    if (this.calls.commands !== null) return this.planRestore(this.calls.commands);
    // Also when it fails, say because a closure converted the parameters: it would fail for ever.
    this.climbing = false;
    try {
      this.calls.now.restore(this.parameters, this.scratch.saved);
    } catch (error) {
      this.restoreOneByOne();
      throw error;
    }
  }

  /** Frees the memory of climbs. */
  dispose(): void {
    this.scratch.drop();
    this.radii.dispose();
  }

  private planRestore(commands: Commands): void {
    commands.call(this.calls.now.restore as OperatorFunction, [this.parameters, this.scratch.saved], 0, () => (this.climbing = false));
    this.climbing = false;
  }

  /** For parameters of which some cannot be restored any more: they were converted or disposed of in mid-step. */
  private restoreOneByOne(): void {
    this.parameters.forEach((parameter, i) => {
      try {
        this.calls.now.restore([parameter], [this.scratch.saved[i]!]);
      } catch {
        // The error for all of them is what is told.
      }
    });
  }

  /** The norm of `grad` as it is. Throws NonFinite when it is not finite. */
  gradientNorm(): number {
    this.calls.unplannable();
    const { ledger } = this.calls;
    if (ledger !== null) {
      this.calls.noteGradients(ledger, this.parameters);
      return NaN;
    }
    // Without anything to gather it only reads.
    return finite(this.calls.now.gather(this.parameters, NONE, NONE, 0, 1)[0]) / this.lossScale;
  }
}

/** Whether tensors that belong to the parameters no longer fit them. */
export function isMismatch(error: unknown): boolean {
  return error instanceof DgsamError && (error.code === "ERR_DTYPE" || error.code === "ERR_DEVICE" || error.code === "ERR_SHAPE");
}
