/**
 * The climb over an optimizer's parameters: norm, ascent, gathering, way back. Every sharpness-aware optimizer is made of
 * these; nothing else touches perturbed parameters.
 *
 * The work is the dispatcher library `dgsam::` (native/ops). Scratch is one copy of the parameters and, for optimizers
 * that gather, one sum of gradients; both are made once and are not state.
 */

import { DgsamError } from "../errors.js";
import { alignedGradients, keep, noGrad, ops, setGradients, type Tensor } from "../tensor/index.js";
import { NonFinite } from "./closures.js";

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
  parameters: Tensor[] = [];
  private rho: number[] = [];
  private saved: Tensor[] = [];
  private sums: Tensor[] = [];
  /** Parameters that had a gradient in some pass of this step. */
  private seen: boolean[] = [];
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
    const groups = this.groups();
    const parameters = groups.flatMap((group) => group.params);
    this.rho = groups.flatMap((group) => group.params.map(() => group.rho));
    if (parameters.length === this.parameters.length && parameters.every((parameter, i) => parameter === this.parameters[i])) return;
    this.parameters = parameters;
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
   * @throws NonFinite when it is not finite; nothing has moved then
   */
  ascend({ accumulate }: AscendOptions): number {
    const gradients = alignedGradients(this.parameters);
    const norm = ops.dgsam.global_norm(gradients);
    const value = finite(norm);
    const first = !this.climbing;
    if (first) {
      this.seen = this.parameters.map(() => false);
      this.summing = false;
    }
    const scale = this.adaptive ? ops.dgsam.adaptive_norm(this.parameters, gradients) : norm;
    if (this.adaptive) finite(scale);
    const saved = first ? this.scratch(this.saved) : this.saved;
    // From here the parameters may have moved, so that restore() has to bring them back.
    this.climbing = true;
    ops.dgsam.ascend_(this.parameters, gradients, saved, accumulate ? this.scratch(this.sums) : [], scale, this.rho, { first, adaptive: this.adaptive });
    if (accumulate) this.note(gradients);
    return value;
  }

  /** Adds `grad` to the sum without moving. Returns its norm; throws NonFinite. */
  accumulate(): number {
    const gradients = alignedGradients(this.parameters);
    const value = finite(ops.dgsam.global_norm(gradients));
    ops.dgsam.accumulate_(this.scratch(this.sums), gradients, { first: !this.summing });
    this.note(gradients);
    return value;
  }

  private note(gradients: readonly (Tensor | null)[]): void {
    this.summing = true;
    gradients.forEach((gradient, i) => (this.seen[i] ||= gradient !== null));
  }

  /**
   * Ends the climb: restores the parameters and leaves in `grad` the sum of all gradients, the present one included,
   * times `scale`. A parameter that never had a gradient has none.
   *
   * @returns the norm of the present gradient
   * @throws NonFinite when it is not finite; the parameters are restored then
   */
  gather(scale: number): number {
    const { parameters, sums } = this;
    const gradients = alignedGradients(parameters);
    if (!this.summing) ops.dgsam.accumulate_(this.scratch(sums), parameters.map(() => null), { first: true });
    const norm = ops.dgsam.gather_(parameters, this.saved, gradients, sums, scale);
    this.climbing = false;
    const value = finite(norm);
    setGradients(parameters, gradients.map((gradient, i) => gradient ?? (this.seen[i] ? ops.aten["mul.Scalar"](sums[i]!, scale) : null)));
    return value;
  }

  /** Ends the climb, also after a failure: restores the parameters if they were moved. `grad` stays. */
  restore(): void {
    if (!this.climbing) return;
    ops.dgsam.restore_(this.parameters, this.saved);
    this.climbing = false;
  }

  /** Throws NonFinite when `grad` is not finite. */
  checkGradients(): void {
    finite(ops.dgsam.global_norm(alignedGradients(this.parameters)));
  }
}

/** The value of a norm; throws NonFinite. */
function finite(norm: Tensor): number {
  const value = ops.aten["_local_scalar_dense.default"](norm) as number;
  if (!Number.isFinite(value)) throw new NonFinite("gradient", value);
  return value;
}
