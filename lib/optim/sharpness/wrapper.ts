/**
 * What SAM, DGSAM and their kin share: they wrap a base optimizer, climb before it descends, and must leave nothing
 * behind when a step fails.
 */

import { checkBoolean, checkChoice, checkNumber, isPlainObject } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { scope, type Tensor } from "../../tensor/index.js";
import { checkOptionsObject, checkParams } from "../checks.js";
import { Climb } from "./climb.js";
import { NonFinite } from "../closures.js";
import type { OptimizerLike } from "../descent/optimizer.js";
import { Statistics, type BufferCopies, type RunningStats, type StatisticsOwner } from "./statistics.js";

export interface WrapperOptions {
  /** Radius of the climb. Default 0.05. A parameter group may name its own. */
  rho?: number;
  /** Scale each element's ascent by the parameter's square, as ASAM (elementwise form) does. Default false. */
  adaptive?: boolean;
  /** When a loss or gradient is not finite: throw `ERR_NON_FINITE`, or leave everything as it was and go on. Default `"throw"`. */
  policy?: "throw" | "skip";
  /**
   * The model, so that the extra passes of a step do not move its BatchNorm statistics, and a failed step leaves them as
   * they were. Without it every pass in training mode moves them.
   */
  model?: StatisticsOwner;
  /** Which passes move them: each minibatch's first (default), all, or none from now on (`"frozen"`). Needs `model`. */
  runningStats?: RunningStats;
}

/** The class of a base optimizer. */
export type OptimizerClass<B extends OptimizerLike, O> = new (params: never, options: Partial<O>) => B;

/** A group as wrappers take it: the base optimizer's options, and a radius. */
export type WrapperGroup = { params: Tensor[]; lr: number; rho: number };
export type WrapperParams<O> = Iterable<Tensor> | Iterable<{ params: Iterable<Tensor>; rho?: number } & Partial<O>>;

const WRAPPER_OPTIONS = ["rho", "adaptive", "policy", "model", "runningStats", "base"] as const;

/** Base of the sharpness-aware optimizers. */
export abstract class SharpnessAware<B extends OptimizerLike, O> implements OptimizerLike {
  /** The optimizer that descends. Its groups are this optimizer's groups; schedulers may work on either. */
  readonly base: B;
  readonly adaptive: boolean;
  readonly policy: "throw" | "skip";
  protected readonly climb: Climb;
  protected readonly statistics: Statistics;
  /** The radius of groups that name none. */
  private readonly rho: number;

  /**
   * @param ownOptions names of options that belong to the subclass
   * @param options the wrapper's own options; all others go to the base optimizer, and so does all of `options.base`
   */
  protected constructor(params: WrapperParams<O>, Base: OptimizerClass<B, O>, options: WrapperOptions & { base?: Partial<O> }, ownOptions: readonly string[]) {
    const name = this.constructor.name;
    if (typeof Base !== "function") throw argumentError(`new ${name}(params, Base)`, "an optimizer class such as Adam", Base);
    checkOptionsObject(`new ${name}(params, Base, options)`, options);
    const { rho = 0.05, adaptive = false, policy = "throw", model, runningStats, base = {} } = options;
    checkRadius(name, rho);
    checkBoolean(`${name}: adaptive`, adaptive);
    checkChoice(`${name}: policy`, policy, ["throw", "skip"]);
    checkOptionsObject(`${name}: base`, base);
    this.statistics = new Statistics(name, model, runningStats);
    const own = new Set<string>([...WRAPPER_OPTIONS, ...ownOptions]);
    const forBase = Object.fromEntries(Object.entries(options).filter(([option]) => !own.has(option)));
    const radii: (number | undefined)[] = [];
    const groups = checkParams(`new ${name}(params)`, params, "an array of Tensors or of groups { params, ...options }").map((each) => {
      if (!isPlainObject(each)) return each;
      const { radius, rest } = splitGroup(name, each);
      radii.push(radius);
      return rest;
    });
    this.base = new Base(groups as never, { ...forBase, ...base } as Partial<O>);
    this.rho = rho;
    this.base.paramGroups.forEach((group, i) => ((group as WrapperGroup).rho = radii[i] ?? rho));
    this.adaptive = adaptive;
    this.policy = policy;
    this.climb = new Climb(() => this.paramGroups, adaptive);
  }

  /** The base optimizer's groups, each with its radius `rho`. */
  get paramGroups(): WrapperGroup[] {
    const groups = this.base.paramGroups as WrapperGroup[];
    // Groups may be added to the base optimizer, which knows no radius.
    for (const group of groups) group.rho ??= this.rho;
    return groups;
  }

  /**
   * Adds parameters, say of layers that are unfrozen during training; `rho` is the constructor's where the group names none.
   *
   * @throws DgsamError `ERR_ARGUMENT` as the constructor; `ERR_STATE` in the middle of a step
   */
  addParamGroup(group: { params: Iterable<Tensor>; rho?: number } & Partial<O>): void {
    const name = this.constructor.name;
    this.climb.checkIdle(`${name}.addParamGroup()`);
    if (!isPlainObject(group)) throw argumentError(`${name}.addParamGroup(group)`, "{ params, ...options }", group);
    const { radius, rest } = splitGroup(name, group);
    this.base.addParamGroup(rest as never);
    (this.base.paramGroups.at(-1) as WrapperGroup).rho = radius ?? this.rho;
  }

  abstract step(...args: never[]): unknown;

  zeroGrad(setToNone = true): void {
    this.base.zeroGrad(setToNone);
  }

  abstract stateDict(): unknown;
  abstract loadStateDict(dict: never): void;

  /**
   * Gives up a step that was begun by hand and cannot be finished, say because `backward()` threw between its halves: the
   * parameters are what they were before it, the gradients are cleared. Does nothing when no step was begun.
   */
  abstract abort(): void;

  /**
   * Runs one step so that it happens wholly or not at all: when `body` throws, parameters and buffers are what they
   * were. Tensors that closures make are freed.
   *
   * @param describe names the pass that was not finite
   * @returns what `body` returns, or null when the step was skipped
   */
  protected transaction<R>(body: () => R, describe: () => string): R | null {
    return scope(() => {
      const before = this.statistics.copyBuffers();
      try {
        return body();
      } catch (error) {
        this.undo(before);
        if (!(error instanceof NonFinite)) throw error;
        if (this.policy === "throw") throw this.nonFiniteError(error, describe());
        return null;
      } finally {
        this.statistics.endPasses();
      }
    });
  }

  /** Sets parameters and buffers to what they were before the step and clears the gradients. */
  protected undo(before: BufferCopies): void {
    try {
      this.climb.restore();
    } finally {
      this.zeroGrad();
      this.statistics.restoreBuffers(before);
    }
  }

  /** @param where the pass that was not finite */
  protected nonFiniteError({ what, value }: NonFinite, where: string): DgsamError {
    return new DgsamError("ERR_NON_FINITE", `${this.constructor.name}: the ${what} of ${where} is ${value}; nothing of the step was applied (policy: "skip" leaves such steps out)`);
  }
}

function checkRadius(optimizer: string, rho: unknown): void {
  checkNumber(`${optimizer}: rho`, rho, 0, Infinity, false);
}

/** A group's radius, and what of it is the base optimizer's. */
function splitGroup(optimizer: string, group: object): { radius: number | undefined; rest: object } {
  const { rho: radius, ...rest } = group as { rho?: number };
  if (radius !== undefined) checkRadius(optimizer, radius);
  return { radius, rest };
}
