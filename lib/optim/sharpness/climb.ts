/**
 * The climb over an optimizer's parameters: norm, ascent, gathering, way back. Every sharpness-aware optimizer is made of
 * these; nothing else touches perturbed parameters.
 *
 * The work is the dispatcher library `dgsam::` (native/ops). Scratch is one copy of the parameters and, for optimizers
 * that gather, one sum of gradients; both are made once and are not state.
 */

import { argumentError, DgsamError } from "../../errors.js";
import { gradients as readGradients, setGradients } from "../../tensor/internal.js";
import { keep, noGrad, ops, type Tensor } from "../../tensor/index.js";
import { NonFinite } from "../closures.js";
import { once } from "../once.js";

// Looking an operator up by name costs as much as a small one takes.
const operators = once(() => ({
  climb: ops.dgsam["climb_.default"],
  accumulate: ops.dgsam["accumulate_.default"],
  gather: ops.dgsam["gather_.default"],
  restore: ops.dgsam["restore_.default"],
  globalNorm: ops.dgsam["global_norm.default"],
}));

const NONE: Tensor[] = [];

interface Group {
  params: Tensor[];
  rho: number;
}

export interface AscendOptions {
  /** Add the gradients to the sum that {@link Climb.gather} hands out. */
  accumulate: boolean;
}

export class Climb {
  /** All parameters, over all groups. */
  readonly parameters: Tensor[] = [];
  private readonly rho: number[] = [];
  private saved: Tensor[] = [];
  private sums: Tensor[] = [];
  /** Parameters that had a gradient in some pass of this step; all of them where `allSeen`. */
  private seen: boolean[] = [];
  private allSeen = false;
  private summing = false;
  private climbing = false;

  /**
   * @param groups the parameter groups as they stand at each step
   * @param adaptive ascend by p^2 g instead of g
   */
  constructor(private readonly groups: () => readonly Group[], private readonly adaptive: boolean) {
    this.collect();
  }

  /** Whether the parameters are away from where the step began. */
  get active(): boolean {
    return this.climbing;
  }

  /** Throws `ERR_STATE` in the middle of a climb, and takes up the groups as they now are otherwise. */
  checkIdle(what: string): void {
    if (this.climbing) throw new DgsamError("ERR_STATE", `${what}: the parameters are perturbed; finish the step that was begun first`);
    this.collect();
  }

  private collect(): void {
    const { parameters, rho } = this;
    let count = 0;
    let changed = false;
    for (const group of this.groups()) {
      for (const parameter of group.params) {
        changed ||= parameters[count] !== parameter;
        parameters[count] = parameter;
        rho[count++] = group.rho;
      }
    }
    const wrong = rho.find((radius) => !(radius >= 0 && radius < Infinity));
    if (wrong !== undefined) throw argumentError("paramGroups: rho", "a finite number of at least 0", wrong);
    if (!changed && count === parameters.length) return;
    parameters.length = count;
    rho.length = count;
    this.seen = parameters.map(() => false);
    this.dropScratch();
  }

  private dropScratch(): void {
    for (const each of [...this.saved, ...this.sums]) each.dispose();
    this.saved = [];
    this.sums = [];
  }

  // Made when first needed: a module may move to its device after the optimizer was built.
  private scratch(list: Tensor[]): Tensor[] {
    if (list.length === 0) for (const parameter of this.parameters) list.push(keep(noGrad(() => ops.aten["empty_like.default"](parameter))));
    return list;
  }

  /**
   * Climbs by rho along `grad`, from where the last ascent ended; the first one saves the parameters.
   *
   * @returns the norm of the gradient
   * @throws NonFinite when it is not finite; nothing has moved then, nor when a first ascent throws anything else
   */
  ascend({ accumulate }: AscendOptions): number {
    const first = !this.climbing;
    if (first) this.beginSum();
    const [norm, gradients] = first ? this.leave(accumulate) : this.move(accumulate, false);
    const value = finite(norm);
    this.climbing = true;
    if (accumulate) this.note(gradients);
    return value;
  }

  private move(accumulate: boolean, first: boolean): [norm: number, gradients: number | bigint] {
    const sums = accumulate ? this.scratch(this.sums) : NONE;
    return operators().climb(this.parameters, this.scratch(this.saved), sums, this.rho, first, this.adaptive);
  }

  /** The first ascent of a step. */
  private leave(accumulate: boolean): [norm: number, gradients: number | bigint] {
    const hadScratch = this.saved.length > 0;
    try {
      return this.move(accumulate, true);
    } catch (error) {
      // The scratch may be of another dtype or device than the parameters, if they were converted since the last step.
      if (!hadScratch || !(error instanceof DgsamError) || (error.code !== "ERR_DTYPE" && error.code !== "ERR_DEVICE" && error.code !== "ERR_SHAPE")) throw error;
      this.dropScratch();
      return this.move(accumulate, true);
    }
  }

  /** Adds `grad` to the sum without moving. Returns its norm; throws NonFinite. */
  accumulate(): number {
    const [norm, gradients] = operators().accumulate(this.parameters, this.scratch(this.sums), !this.summing);
    this.note(gradients);
    return finite(norm);
  }

  private beginSum(): void {
    this.summing = false;
    this.allSeen = false;
    this.seen.fill(false);
  }

  // Nearly always every parameter has a gradient in every pass; who is missing is asked only when somebody is.
  private note(gradients: number | bigint): void {
    this.summing = true;
    this.allSeen ||= gradients === this.parameters.length;
    if (this.allSeen || gradients === 0) return;
    readGradients(this.parameters).forEach((gradient, i) => (this.seen[i] ||= gradient !== null));
  }

  /**
   * Ends the climb: restores the parameters and leaves in `grad` the sum of all gradients, the present one included,
   * times `scale`. A parameter that never had a gradient has none.
   *
   * @returns the norm of the present gradient
   * @throws NonFinite when it is not finite, or the sum is not; the parameters are restored then
   */
  gather(scale: number): number {
    const { parameters } = this;
    const sums = this.scratch(this.sums);
    if (!this.summing) ops.aten["_foreach_zero_.default"](sums);
    const [norm, gathered, gradients] = operators().gather(parameters, this.saved, sums, scale);
    this.climbing = false;
    const value = finite(norm);
    if (!Number.isFinite(gathered)) throw new NonFinite("sum of gradients with that", gathered);
    if (gradients !== parameters.length) this.setMissing(scale);
    return value;
  }

  /** Gives those parameters their sum whose gradient was missing in the last pass only. */
  private setMissing(scale: number): void {
    const gradients = readGradients(this.parameters);
    const complete = gradients.map((gradient, i) => gradient ?? (this.allSeen || this.seen[i] ? ops.aten["mul.Scalar"](this.sums[i]!, scale) : null));
    setGradients(this.parameters, complete);
    this.checkGradients();
  }

  /** Ends the climb, also after a failure: restores the parameters if they were moved. `grad` stays. */
  restore(): void {
    if (!this.climbing) return;
    // Also when it fails, say because a closure converted the parameters: it would fail for ever.
    this.climbing = false;
    operators().restore(this.parameters, this.saved);
  }

  /** Throws NonFinite when `grad` is not finite. */
  checkGradients(): void {
    finite(operators().globalNorm(readGradients(this.parameters)).item() as number);
  }
}

/** The norm itself; throws NonFinite. */
function finite(norm: number): number {
  if (!Number.isFinite(norm)) throw new NonFinite("gradient", norm);
  return norm;
}
