/** What the sharpness-aware optimizers take, and what their steps tell. */

import { checkBoolean, checkChoice, checkNumber, isPlainObject } from "../../checks.js";
import { argumentError } from "../../errors.js";
import type { Tensor } from "../../tensor/index.js";
import { checkOptionsObject, checkParams } from "../checks.js";
import type { OptimizerLike } from "../descent/optimizer.js";
import type { RadiusKey } from "./climb.js";
import type { RunningStats, StatisticsOwner } from "./statistics.js";

export interface WrapperOptions {
  /** Radius of the climb. Default 0.05 unless the algorithm says otherwise. A parameter group may name its own. */
  rho?: number;
  /** Scale each element's ascent by the parameter's square, as ASAM (elementwise form) does. Default false. */
  adaptive?: boolean;
  /** When a loss or gradient is not finite: throw `ERR_NON_FINITE`, or leave everything as it was and go on. Default `"throw"`. */
  policy?: "throw" | "skip";
  /**
   * When that is found out. `"sync"`: in the step, which waits for the device several times. `"late"`: when what the step returned
   * is read; the step itself waits for nothing, and one that is not finite is left out on the device, and told of by the first
   * reading of its result. Default: `"late"` where all parameters lie on a device that computes while the host goes on, such as a
   * GPU, and the algorithm allows it.
   */
  check?: "sync" | "late";
  /**
   * Whether late steps over captured functions (`capture`) become CUDA graphs, one launch each; see `optimizer.graphs` for what became of
   * it. Default `"auto"`: where all parameters lie on a GPU. `false`: never.
   */
  graphs?: "auto" | false;
  /**
   * The model, so that the extra passes of a step do not move its BatchNorm statistics, and a failed step leaves them as
   * they were. Without it every pass in training mode moves them.
   */
  model?: StatisticsOwner;
  /** Which passes move them: each minibatch's first (default), all, or none from now on (`"frozen"`). Needs `model`. */
  runningStats?: RunningStats;
  /** The greatest norm of what the base optimizer descends along; longer is scaled down. Ascents do not depend on length. */
  clipGradNorm?: number;
  /** The greatest magnitude of its elements. */
  clipGradValue?: number;
}

// Where `O` is left out, whatever the base optimizer takes passes; it is checked when it comes.
export type AnyOptions = any;

/** The class of a base optimizer. */
export type OptimizerClass<B extends OptimizerLike = OptimizerLike, O = AnyOptions> = new (params: never, options: Partial<O>) => B;

/** A group as wrappers keep it: the base optimizer's options, and a radius, `rho` or `radius`. */
export type WrapperGroup = { params: Tensor[]; lr: number } & Record<RadiusKey, number>;
export type WrapperParams<O = AnyOptions> = Iterable<Tensor> | Iterable<{ params: Iterable<Tensor>; rho?: number } & Partial<O>>;

/** What a constructor takes beside `params` and `Base`: the algorithm's options `A` and the base optimizer's. */
export type OptionsFor<A, O = AnyOptions> = A & Partial<O> & { base?: Partial<O> };

/** What every step tells. */
export interface StepResult {
  /** The domains' losses when they were first evaluated in the step; NaN where the step was skipped before. */
  losses: number[];
  /** The norms of the gradients that were taken, in their order. */
  gradNorms: number[];
  /** Whether a pass was not finite and nothing was applied (`policy: "skip"`). */
  skipped: boolean;
  /** Whose pass that was: the domain's index; null when the step was applied. */
  nonFiniteDomain: number | null;
}

/** State of the base optimizer, and how many steps were applied. */
export interface WrapperStateDict<B extends OptimizerLike = OptimizerLike> {
  base: ReturnType<B["stateDict"]>;
  steps: number;
}

/** What a subclass says about itself. */
export interface AlgorithmTraits {
  /** Names of options that are its own, so that they do not go to the base optimizer. */
  options?: readonly string[];
  /** The radius where nobody names one. Default 0.05. */
  rho?: number;
  /** ASAM's normalized form: {@link Weighting.eta}. */
  eta?: number | undefined;
}

/** Names of the options that are not the base optimizer's. */
const WRAPPER_OPTIONS = ["rho", "adaptive", "policy", "check", "graphs", "model", "runningStats", "clipGradNorm", "clipGradValue", "base"] as const;

/** What a constructor was given, sorted by whom it is for. */
export interface WrapperArguments {
  /** The wrapper's own options, and among them the algorithm's. */
  readonly own: WrapperOptions;
  /** The base optimizer's. */
  readonly forBase: object;
  /** Parameters and groups as the base optimizer takes them, and the radii that groups name. */
  readonly groups: readonly unknown[];
  readonly radii: readonly (number | undefined)[];
}

/** @throws DgsamError `ERR_ARGUMENT` */
export function readArguments(name: string, params: unknown, Base: unknown, options: OptionsFor<WrapperOptions>, traits: AlgorithmTraits): WrapperArguments {
  // Arrow functions have no prototype.
  if (typeof Base !== "function" || Base.prototype === undefined) throw argumentError(`new ${name}(params, Base)`, "an optimizer class such as Adam", Base);
  checkOptionsObject(`new ${name}(params, Base, options)`, options);
  const { rho, adaptive, policy, check, graphs = "auto", clipGradNorm, clipGradValue, base = {} } = options;
  if (rho !== undefined) checkRadius(name, rho);
  if (adaptive !== undefined) checkBoolean(`${name}: adaptive`, adaptive);
  if (policy !== undefined) checkChoice(`${name}: policy`, policy, ["throw", "skip"]);
  if (check !== undefined) checkChoice(`${name}: check`, check, ["sync", "late"]);
  if (graphs !== "auto" && graphs !== false) throw argumentError(`${name}: graphs`, '"auto" or false', graphs);
  if (clipGradNorm !== undefined) checkNumber(`${name}: clipGradNorm`, clipGradNorm, 0);
  if (clipGradValue !== undefined) checkNumber(`${name}: clipGradValue`, clipGradValue, 0);
  checkOptionsObject(`${name}: base`, base);
  const own = new Set<string>([...WRAPPER_OPTIONS, ...(traits.options ?? [])]);
  const others = Object.fromEntries(Object.entries(options).filter(([option]) => !own.has(option)));
  const radii: (number | undefined)[] = [];
  const groups = checkParams(`new ${name}(params)`, params, "an array of Tensors or of groups { params, ...options }").map((each) => {
    if (!isPlainObject(each)) return each;
    const { radius, rest } = splitGroup(name, each);
    radii.push(radius);
    return rest;
  });
  return { own: options, forBase: { ...others, ...base }, groups, radii };
}

/** Throws `ERR_ARGUMENT`. */
export function checkRadius(optimizer: string, rho: unknown): void {
  checkNumber(`${optimizer}: rho`, rho, 0, Infinity, false);
}

/** A group's radius, and what of it is the base optimizer's. */
export function splitGroup(optimizer: string, group: object): { radius: number | undefined; rest: object } {
  const { rho: radius, ...rest } = group as { rho?: number };
  if (radius !== undefined) checkRadius(optimizer, radius);
  return { radius, rest };
}
