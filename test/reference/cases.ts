/** Every base optimizer with every combination of a few values of each option: what twins and native optimizers are run on. */
import type {
  AdadeltaOptions, AdagradOptions, AdamaxOptions, AdamOptions, NAdamOptions, RAdamOptions, RMSpropOptions, SGDOptions,
} from "dgsam/reference";

export const OPTIMIZERS = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "NAdam", "RAdam", "Adamax"] as const;
export type OptimizerName = (typeof OPTIMIZERS)[number];
export type Options = Readonly<Record<string, unknown>>;

/** Every combination of the values given for each option. */
function combinations<T extends object>(values: { [K in keyof Required<T>]: readonly Required<T>[K][] }): Options[] {
  return Object.entries<readonly unknown[]>(values).reduce<Options[]>(
    (list, [key, choices]) => list.flatMap((options) => choices.map((choice) => ({ ...options, [key]: choice }))),
    [{}],
  );
}

const both = [false, true] as const;
const betas = [[0.9, 0.999], [0.3, 0.6], [0, 0.99]] as const;
const adam = combinations<AdamOptions>({ lr: [0.02], betas, eps: [1e-8, 1e-3], weightDecay: [0, 0.1], amsgrad: both, maximize: both });

const OPTIONS: Record<OptimizerName, Options[]> = {
  SGD: combinations<SGDOptions>({
    lr: [0.1], momentum: [0, 0.9], dampening: [0, 0.3], weightDecay: [0, 0.05], nesterov: both, maximize: both,
  }).filter(({ nesterov, momentum, dampening }) => nesterov !== true || (momentum !== 0 && dampening === 0)),
  Adam: adam,
  AdamW: adam,
  RMSprop: combinations<RMSpropOptions>({
    lr: [0.02], alpha: [0.99, 0.5], eps: [1e-8, 1e-3], weightDecay: [0, 0.1], momentum: [0, 0.5], centered: both, maximize: both,
  }),
  Adagrad: combinations<AdagradOptions>({
    lr: [0.05], lrDecay: [0, 0.1], weightDecay: [0, 0.1], initialAccumulatorValue: [0, 0.3], eps: [1e-10, 1e-3], maximize: both,
  }),
  Adadelta: combinations<AdadeltaOptions>({ lr: [0.8, 0.3], rho: [0.9, 0, 0.5], eps: [1e-6, 1e-3], weightDecay: [0, 0.1], maximize: both }),
  NAdam: combinations<NAdamOptions>({
    lr: [0.02], betas, eps: [1e-8, 1e-3], weightDecay: [0, 0.1], momentumDecay: [4e-3, 0.3], decoupledWeightDecay: both, maximize: both,
  }),
  RAdam: combinations<RAdamOptions>({ lr: [0.02], betas, eps: [1e-8, 1e-3], weightDecay: [0, 0.1], decoupledWeightDecay: both, maximize: both }),
  Adamax: combinations<AdamaxOptions>({ lr: [0.02], betas, eps: [1e-8, 1e-3], weightDecay: [0, 0.1], maximize: both }),
};

export interface Case {
  readonly name: OptimizerName;
  readonly options: Options;
}

/** All combinations, and each optimizer with its defaults. */
export const CASES: readonly Case[] = OPTIMIZERS.flatMap((name) => [{}, ...OPTIONS[name]].map((options) => ({ name, options })));

/** Options under which each optimizer keeps all the state that it can. */
export const FULL: Record<OptimizerName, Options> = {
  SGD: { lr: 0.1, momentum: 0.9, weightDecay: 0.1 },
  Adam: { lr: 0.1, amsgrad: true, weightDecay: 0.1 },
  AdamW: { lr: 0.1, amsgrad: true },
  RMSprop: { lr: 0.1, momentum: 0.5, centered: true, weightDecay: 0.1 },
  Adagrad: { lr: 0.1, lrDecay: 0.1, initialAccumulatorValue: 0.1, weightDecay: 0.1 },
  Adadelta: { weightDecay: 0.1 },
  NAdam: { lr: 0.1, momentumDecay: 0.1, weightDecay: 0.1 },
  RAdam: { lr: 0.1, weightDecay: 0.1 },
  Adamax: { lr: 0.1, weightDecay: 0.1 },
};
