/**
 * What SAM, DGSAM and their kin share: they wrap a base optimizer, climb before it descends, and must leave nothing
 * behind when a step fails.
 */

import { argumentError, DgsamError } from "../errors.js";
import { noGrad, ops, scope, Tensor } from "../tensor/index.js";
import { Climb } from "./climb.js";
import { NonFinite } from "./closures.js";
import { checkBoolean, checkNumber, type OptimizerLike } from "./optimizer.js";

/** What a step needs of a model to keep BatchNorm statistics right; `Module` has it. */
export interface StatisticsOwner {
  buffers(): Iterable<Tensor>;
  /** `"update"`: running statistics follow each training pass. `"hold"`: they stay. */
  setRunningStats(mode: "update" | "hold"): void;
}

export interface WrapperOptions {
  /** Radius of the climb. Default 0.05. A parameter group may name its own. */
  rho?: number;
  /** Scale each element's ascent by the parameter's square, as ASAM (elementwise form) does. Default false. */
  adaptive?: boolean;
  /** When a loss or gradient is not finite: throw `ERR_NON_FINITE`, or leave everything as it was and go on. Default `"throw"`. */
  policy?: "throw" | "skip";
  /** The model, so that the extra passes of a step do not move its BatchNorm statistics. */
  model?: StatisticsOwner;
  /** Which passes move them: each minibatch's first (default), all, or none. Needs `model`. */
  runningStats?: "first" | "all" | "frozen";
}

/** The class of a base optimizer. */
export type OptimizerClass<B extends OptimizerLike, O> = new (params: never, options: Partial<O>) => B;

/** A group as wrappers take it: the base optimizer's options, and a radius. */
export type WrapperGroup = { params: Tensor[]; lr: number; rho: number };
export type WrapperParams<O> = Iterable<Tensor> | Iterable<{ params: Iterable<Tensor>; rho?: number } & Partial<O>>;

const NO_BUFFERS: Tensor[] = [];
const WRAPPER_OPTIONS = ["rho", "adaptive", "policy", "model", "runningStats", "base"] as const;

/** Base of the sharpness-aware optimizers. */
export abstract class SharpnessAware<B extends OptimizerLike, O> implements OptimizerLike {
  /** The optimizer that descends. Its groups are this optimizer's groups; schedulers may work on either. */
  readonly base: B;
  readonly adaptive: boolean;
  readonly policy: "throw" | "skip";
  protected readonly climb: Climb;
  private readonly model: StatisticsOwner | undefined;
  private readonly runningStats: "first" | "all" | "frozen";

  /**
   * @param ownOptions names of options that belong to the subclass
   * @param options the wrapper's own options; all others go to the base optimizer, and so does all of `options.base`
   */
  protected constructor(params: WrapperParams<O>, Base: OptimizerClass<B, O>, options: WrapperOptions & { base?: Partial<O> }, ownOptions: readonly string[]) {
    const name = this.constructor.name;
    if (typeof Base !== "function") throw argumentError(`new ${name}(params, Base)`, "an optimizer class such as Adam", Base);
    const { rho = 0.05, adaptive = false, policy = "throw", model, runningStats = "first", base = {} } = options;
    checkNumber(name, "rho", rho, 0);
    checkBoolean(name, "adaptive", adaptive);
    checkChoice(name, "policy", policy, ["throw", "skip"]);
    checkChoice(name, "runningStats", runningStats, ["first", "all", "frozen"]);
    if (model !== undefined && (typeof model.buffers !== "function" || typeof model.setRunningStats !== "function"))
      throw argumentError(`${name}: model`, "an object with buffers() and setRunningStats(mode), such as a Module", model);
    const own = new Set<string>([...WRAPPER_OPTIONS, ...ownOptions]);
    const forBase = Object.fromEntries(Object.entries(options).filter(([option]) => !own.has(option)));
    if (typeof (params as Iterable<unknown> | null)?.[Symbol.iterator] !== "function" || params instanceof Tensor)
      throw argumentError(`new ${name}(params)`, "an array of Tensors or of groups { params, ...options }", params);
    const radii: (number | undefined)[] = [];
    const groups = ([...params] as (Tensor | { params: Iterable<Tensor>; rho?: number })[]).map((each) => {
      if (each instanceof Tensor || typeof each !== "object" || each === null) return each;
      const { rho: radius, ...rest } = each;
      if (radius !== undefined) checkNumber(name, "rho", radius, 0);
      radii.push(radius);
      return rest;
    });
    this.base = new Base(groups as never, { ...forBase, ...base } as Partial<O>);
    this.base.paramGroups.forEach((group, i) => ((group as WrapperGroup).rho = radii[i] ?? rho));
    this.adaptive = adaptive;
    this.policy = policy;
    this.model = model;
    this.runningStats = runningStats;
    this.climb = new Climb(() => this.paramGroups, adaptive);
  }

  /** The base optimizer's groups, each with its radius `rho`. */
  get paramGroups(): WrapperGroup[] {
    return this.base.paramGroups as WrapperGroup[];
  }

  abstract step(...args: never[]): unknown;

  zeroGrad(setToNone = true): void {
    this.base.zeroGrad(setToNone);
  }

  abstract stateDict(): unknown;
  abstract loadStateDict(dict: never): void;

  /** Sets whether the next pass moves BatchNorm statistics: a minibatch's first pass does, by default. */
  protected announcePass(firstOfItsBatch: boolean): void {
    if (this.runningStats === "all" || this.model === undefined) return;
    this.model.setRunningStats(this.runningStats === "first" && firstOfItsBatch ? "update" : "hold");
  }

  /**
   * Runs one step so that it happens wholly or not at all: when `body` throws, parameters and buffers are what they
   * were. Tensors that closures make are freed.
   *
   * @param describe names the pass that was not finite
   * @returns what `body` returns, or null when the step was skipped
   */
  protected transaction<R>(body: () => R, describe: () => string): R | null {
    return scope(() => {
      const buffers = this.model === undefined ? NO_BUFFERS : [...this.model.buffers()];
      const before = buffers.length === 0 ? buffers : noGrad(() => buffers.map((buffer) => ops.aten["clone.default"](buffer)));
      try {
        return body();
      } catch (error) {
        this.climb.restore();
        this.zeroGrad();
        noGrad(() => buffers.forEach((buffer, i) => ops.aten["copy_.default"](buffer, before[i]!)));
        if (error instanceof NonFinite) return this.onNonFinite(error, describe());
        throw error;
      } finally {
        if (this.model !== undefined && this.runningStats !== "all") this.model.setRunningStats("update");
      }
    });
  }

  /** Throws or goes on, by the policy. */
  protected onNonFinite(error: NonFinite, where: string): null {
    if (this.policy === "skip") return null;
    throw new DgsamError("ERR_NON_FINITE", `${this.constructor.name}: the ${error.what} of ${where} is ${error.value}; nothing of the step was applied (policy: "skip" leaves such steps out)`);
  }
}

/** Throws `ERR_ARGUMENT` unless `value` is one of the choices. */
export function checkChoice(optimizer: string, option: string, value: unknown, choices: readonly string[]): void {
  if (!choices.includes(value as string)) throw argumentError(`${optimizer}: ${option}`, choices.map((each) => JSON.stringify(each)).join(" or "), value);
}
