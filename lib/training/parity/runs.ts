/**
 * Which runs `dgsam parity` makes of the fixed small problem of `lib/reference/problem.ts`.
 *
 * Not the full product: every algorithm and every option of it that changes the formula over one base optimizer, SGD, whose
 * steps show the scale of what they are given; and every base optimizer under ERM, which descends along a plain gradient,
 * SAM, which ends a climb by the last gradient, and DGSAM, which gathers. An algorithm only ever sees its base as something
 * that takes gradients, so the rest of the product repeats these. Each run is made in float64 and float32. LBFGS, which
 * evaluates the closure itself, stands alone; rounding errors grow in its estimate of the curvature, so its tolerance is
 * wider, and its float32 says nothing.
 *
 * A base optimizer is added by one line in {@link BASES}, an algorithm by one in {@link VARIANTS}.
 */

import { Adadelta, Adagrad, Adam, Adamax, AdamW, ASAM, DGSAM, DISAM, ERM, GSAM, LBFGS, LookSAM, NAdam, RAdam, RMSprop, SAGM, SAM, SGD } from "../../optim/index.js";
import * as reference from "../../reference/index.js";
import type { Tensor } from "../../tensor/index.js";
import { Alone, AloneTwin } from "./alone.js";

export const PARITY_STEPS = 200;
export const PARITY_DTYPES = ["float64", "float32"] as const;
export const PARITY_TOLERANCE = { float64: 1e-12, float32: 1e-5 } as const;
export type ParityDtype = (typeof PARITY_DTYPES)[number];
/** The largest error by dtype; a dtype that is missing is not run. */
export type Tolerances = Partial<Readonly<Record<ParityDtype, number>>>;

type NativeBase = new (params: Tensor[], options: object) => { step(): void };
type TwinBase = new (params: Float64Array[], options: object) => object;
type NativeAlgorithm = new (params: Tensor[], Base: NativeBase, options: object) => { step(closures: (() => Tensor)[]): unknown };
type TwinAlgorithm = new (params: readonly Float64Array[], Base: TwinBase, options: object) => {
  step(closures: reference.Closure | readonly reference.Closure[], order: readonly number[]): unknown;
};

export interface Base {
  /** The class in `torch.optim`. */
  readonly name: string;
  readonly Native: NativeBase;
  readonly Twin: TwinBase;
  readonly options: object;
  readonly tolerances: Tolerances;
}

function base(Native: unknown, Twin: unknown, options: object, tolerances: Tolerances = PARITY_TOLERANCE): Base {
  return { name: (Native as NativeBase).name, Native: Native as NativeBase, Twin: Twin as TwinBase, options, tolerances };
}

/**
 * Every option that changes a formula is away from its default somewhere. Where a faster run would come to rest within these
 * steps it is slower: there gradients are small, a climb's direction hangs on their last bits, and two exact implementations part.
 */
export const BASES: readonly Base[] = [
  base(SGD, reference.SGD, { lr: 0.05, momentum: 0.9, nesterov: true, weightDecay: 1e-3 }),
  base(Adam, reference.Adam, { lr: 0.01, amsgrad: true, weightDecay: 1e-3 }),
  base(AdamW, reference.AdamW, { lr: 0.01, weightDecay: 0.05 }),
  base(RMSprop, reference.RMSprop, { lr: 0.001, eps: 0.01, momentum: 0.5, centered: true, weightDecay: 1e-3 }),
  base(Adagrad, reference.Adagrad, { lr: 0.05, lrDecay: 0.01, initialAccumulatorValue: 0.1, weightDecay: 1e-3 }),
  base(Adadelta, reference.Adadelta, { lr: 0.1, eps: 1e-4, weightDecay: 1e-3 }),
  base(NAdam, reference.NAdam, { lr: 0.003, momentumDecay: 0.01, decoupledWeightDecay: true, weightDecay: 0.05 }),
  base(RAdam, reference.RAdam, { lr: 0.01, weightDecay: 1e-3 }),
  base(Adamax, reference.Adamax, { lr: 0.01, weightDecay: 1e-3 }),
];

/** Takes a closure, and is no base of anything. */
const ALONE = base(LBFGS, reference.LBFGS, {}, { float64: 1e-8 });

/** An algorithm with options; those that it does not name have their defaults. */
export interface Variant {
  /** How tables call it. */
  readonly name: string;
  /** The class in `test/oracles/sharpness`, by its name. */
  readonly algorithm: string;
  readonly Native: NativeAlgorithm;
  readonly Twin: TwinAlgorithm;
  /** Whether the twin takes the mean loss alone. */
  readonly meanLoss: boolean;
  readonly options: object;
  /** What only the twin has to be told. */
  readonly twinOptions: object;
  /** Whether the native optimizer draws the order of the domains itself, instead of taking the problem's. */
  readonly drawsOrder: boolean;
  /** The names of base optimizers that it is run with. */
  readonly bases: readonly string[];
}

const ONE_BASE = [BASES[0]!.name];
const ALL_BASES = BASES.map(({ name }) => name);
const IS_WEIGHT = reference.parameterShapes(reference.PROBLEM_SIZES).map((shape) => shape.length >= 2);
const MEAN_LOSS: readonly unknown[] = [SAM, ASAM, GSAM, SAGM, LookSAM, Alone];

function variant(Native: unknown, Twin: unknown, form = "", options: object = {}, more: Partial<Variant> = {}): Variant {
  const algorithm = (Native as NativeAlgorithm).name;
  return {
    name: form === "" ? algorithm : `${algorithm}, ${form}`,
    algorithm,
    Native: Native as NativeAlgorithm,
    Twin: Twin as TwinAlgorithm,
    meanLoss: MEAN_LOSS.includes(Native),
    options,
    twinOptions: {},
    drawsOrder: false,
    bases: ONE_BASE,
    ...more,
  };
}

export const VARIANTS: readonly Variant[] = [
  variant(ERM, reference.ERM, "", {}, { bases: ALL_BASES }),
  variant(SAM, reference.SAM, "", {}, { bases: ALL_BASES }),
  // At its default radius of 2 the change of a last bit of one weight grows to 5e-11 within these steps, in the twin, too.
  variant(ASAM, reference.ASAM, "elementwise", { rho: 0.5 }),
  variant(ASAM, reference.ASAM, "normalized", { form: "normalized" }, { twinOptions: { weights: IS_WEIGHT } }),
  variant(GSAM, reference.GSAM),
  variant(SAGM, reference.SAGM),
  variant(DISAM, reference.DISAM),
  variant(LookSAM, reference.LookSAM),
  variant(DGSAM, reference.DGSAM, "", {}, { bases: ALL_BASES }),
  variant(DGSAM, reference.DGSAM, "random order", {}, { drawsOrder: true }),
  variant(DGSAM, reference.DGSAM, "no reuse", { reuse: false }),
  variant(DGSAM, reference.DGSAM, "mean", { reduction: "mean" }),
  variant(DGSAM, reference.DGSAM, "adaptive", { adaptive: true, rho: 0.5 }),
  // Slow, so that it moves in each of the steps.
  variant(Alone, AloneTwin, "", { lr: 0.05, maxIter: 1 }, { bases: [ALONE.name] }),
  variant(Alone, AloneTwin, "strong Wolfe", { lineSearchFn: "strong_wolfe", maxIter: 2, historySize: 10 }, { bases: [ALONE.name] }),
];

/** One way of training the problem. */
export interface ParityRun {
  readonly variant: Variant;
  readonly base: Base;
  readonly dtype: ParityDtype;
}

/** By base optimizer, then by algorithm; the dtypes of one way stand together. */
export const PARITY_RUNS: readonly ParityRun[] = [...BASES, ALONE].flatMap((base) =>
  VARIANTS.filter(({ bases }) => bases.includes(base.name)).flatMap((variant) =>
    PARITY_DTYPES.filter((dtype) => dtype in base.tolerances).map((dtype) => ({ variant, base, dtype })),
  ),
);
