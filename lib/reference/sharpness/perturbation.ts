/**
 * What the twins of the family share: the ascent, the exact way back, and a step that is applied whole or not at all.
 *
 *     ascent:            p <- p + g (rho / (||g|| + 1e-12) + shift)
 *     adaptive (ASAM):   p <- p + T^2 g (rho / (||T g|| + 1e-12) + shift),  T = |p|
 *
 * The norm is one number over all parameters of all groups; rho is the group's own. A missing gradient counts as zero in
 * the norm and its parameter stays where it is. A zero gradient gives a zero ascent.
 */
import type { Closure } from "../closures.js";
import { checkNumber, TwinError } from "../errors.js";
import { checkGradients, toGroups, type Gradients, type Optimizer, type ParamGroup, type ParamGroupInput, type ParamsInput } from "../descent/optimizer.js";

export type { Closure, Evaluation } from "../closures.js";

/** Added to every norm that divides. */
const NORM_EPS = 1e-12;

/** Options that a parameter group may have for itself. */
export interface PerturbationGroupOptions {
  /** Radius of the perturbation, >= 0. Default 0.05. */
  rho?: number;
}

export interface PerturbationOptions extends PerturbationGroupOptions {
  /** The ascent of ASAM (elementwise form), which follows the scale of the parameters. Default false. */
  adaptive?: boolean;
  /**
   * What happens when a loss or gradient of any pass is not finite: `"throw"` an ERR_NON_FINITE error or `"skip"` the
   * step. Either way the parameters and the base optimizer are as before. Default `"throw"`.
   */
  policy?: "throw" | "skip";
}

/** A base optimizer's constructor: `SGD`, `Adam` or `AdamW`. */
export type BaseOptimizer<Options extends object> = new (params: ParamsInput<Options>, options: Options) => Optimizer<Options>;

export interface StepResult {
  /** True when something was not finite and nothing was applied (`policy: "skip"`). */
  readonly skipped: boolean;
  /** The loss of each pass that was made, in the order of the passes. */
  readonly passLosses: readonly number[];
  /** What the base optimizer was given; `null` when the step was skipped. */
  readonly gathered: Gradients | null;
  /** Index of the closure whose loss or gradient was not finite; `null` when the step was applied. */
  readonly nonFiniteDomain: number | null;
}

/** Makes one pass, for the domain with that index. */
export type Evaluate = (closure: Closure, domain: number) => Gradients;

/** T of the adaptive ascents, for one element of the parameter with that index. */
export type ScaleOf = (value: number, index: number) => number;

/** Thrown inside a step to leave it; never seen outside. */
class NonFinitePass {
  readonly domain: number;
  constructor(domain: number) {
    this.domain = domain;
  }
}

export abstract class PerturbationOptimizer<Options extends object> {
  /** Updates the parameters with the gathered gradient, and holds the state. */
  readonly base: Optimizer<Options>;
  /**
   * The base optimizer's groups, each with its radius added, as `rho` or, where the base has a `rho` of its own, as `radius`.
   * Options changed here count from the next step on.
   */
  readonly paramGroups: readonly ParamGroup<Options & PerturbationGroupOptions>[];
  readonly params: readonly Float64Array[];
  readonly #radiusKey: "rho" | "radius";
  readonly #scaleOf: ScaleOf;
  readonly #policy: "throw" | "skip";

  protected constructor(
    params: ParamsInput<Options & PerturbationGroupOptions>,
    base: BaseOptimizer<Options>,
    { rho = 0.05, adaptive = false, policy = "throw" }: PerturbationOptions,
    baseOptions: Options,
    scaleOf: ScaleOf = (value) => (adaptive ? Math.abs(value) : 1),
  ) {
    const groups = toGroups(params);
    const radii = groups.map((group) => group.rho ?? rho);
    for (const radius of radii) checkNumber(`${this.constructor.name}: rho`, radius, 0);
    this.base = new base(groups.map(withoutRho), baseOptions);
    this.#radiusKey = "rho" in this.base.paramGroups[0]! ? "radius" : "rho";
    this.paramGroups = this.base.paramGroups.map((group, index) => Object.assign(group, { [this.#radiusKey]: radii[index]! })) as never;
    this.params = this.base.params;
    this.#scaleOf = scaleOf;
    this.#policy = policy;
  }

  /**
   * One whole step: runs `gather` from the current parameters, puts these back bit for bit, and hands what was gathered
   * to the base optimizer. Whatever is thrown on the way leaves the parameters as they were. `gather` also gets the losses
   * of the passes so far.
   */
  protected run(gather: (evaluate: Evaluate, passLosses: readonly number[]) => Gradients): StepResult {
    const saved = this.params.map((param) => param.slice());
    const passLosses: number[] = [];
    const evaluate: Evaluate = (closure, domain) => {
      const { loss, grads } = closure();
      checkGradients(this.params, grads);
      passLosses.push(loss);
      if (!Number.isFinite(loss) || !grads.every((grad) => grad === null || grad.every(Number.isFinite))) {
        throw new NonFinitePass(domain);
      }
      return grads;
    };
    let gathered: Gradients;
    try {
      gathered = gather(evaluate, passLosses);
    } catch (error) {
      if (!(error instanceof NonFinitePass)) throw error;
      if (this.#policy === "skip") return { skipped: true, passLosses, gathered: null, nonFiniteDomain: error.domain };
      const pass = `pass ${passLosses.length}, closure ${error.domain}`;
      throw new TwinError("ERR_NON_FINITE", `${this.constructor.name}: expected finite losses and gradients, got others in ${pass}; nothing was changed`);
    } finally {
      for (const [index, param] of this.params.entries()) param.set(saved[index]!);
    }
    this.base.step(gathered);
    return { skipped: false, passLosses, gathered, nonFiniteDomain: null };
  }

  /** Moves the parameters by one ascent along `grads`. `shift` is added to what `grads` are multiplied by. */
  protected climb(grads: Gradients, shift = 0): void {
    const norm = Math.sqrt(this.#sumOfSquares(grads));
    let index = 0;
    for (const group of this.paramGroups) {
      const factor = (group as unknown as Record<string, number>)[this.#radiusKey]! / (norm + NORM_EPS) + shift;
      for (const param of group.params) {
        const grad = grads[index];
        for (let i = 0; grad && i < param.length; i++) param[i]! += factor * this.#scaleOf(param[i]!, index) ** 2 * grad[i]!;
        index++;
      }
    }
  }

  #sumOfSquares(grads: Gradients): number {
    let sum = 0;
    for (const [index, param] of this.params.entries()) {
      const grad = grads[index];
      if (!grad) continue;
      for (let i = 0; i < param.length; i++) {
        sum += (this.#scaleOf(param[i]!, index) * grad[i]!) ** 2;
      }
    }
    return sum;
  }
}

function withoutRho<Options extends object>(group: ParamGroupInput<Options & PerturbationGroupOptions>): ParamGroupInput<Options> {
  const { rho: _, ...rest } = group;
  return rest as unknown as ParamGroupInput<Options>;
}

/** The inner product over all parameters; a missing gradient counts as zero. */
export function dot(left: Gradients, right: Gradients): number {
  let sum = 0;
  for (const [index, grad] of left.entries()) {
    const other = right[index];
    for (let i = 0; grad && other && i < grad.length; i++) sum += grad[i]! * other[i]!;
  }
  return sum;
}

/** `a * left + b * right`; a gradient that is missing on one side counts as zero, on both it stays missing. */
export function combine(a: number, left: Gradients, b: number, right: Gradients): Gradients {
  return left.map((grad, index) => {
    const other = right[index]!;
    if (grad === null) return other && other.map((value) => b * value);
    if (other === null) return grad.map((value) => a * value);
    return grad.map((value, i) => a * value + b * other[i]!);
  });
}

/** @throws TwinError ERR_ARGUMENT without closures. */
export function checkClosures(name: string, closures: readonly Closure[]): void {
  if (closures.length === 0) throw new TwinError("ERR_ARGUMENT", `${name}: closures: expected at least one, got none`);
}

/** The mean of the domains' gradients. */
export function meanGradient(closures: readonly Closure[], evaluate: Evaluate): Gradients {
  return closures
    .map((closure, domain) => copy(evaluate(closure, domain)))
    .map((grads) => combine(1 / closures.length, grads, 0, grads))
    .reduce((sum, grads) => combine(1, sum, 1, grads));
}

/** Copies, because a closure may hand out the same arrays at every call. */
export function copy(grads: Gradients): Gradients {
  return grads.map((grad) => grad && grad.slice());
}
