/** The algorithms a run can be trained with. Each says how one step goes over one minibatch per source domain. */

import { Adam, ASAM, DGSAM, DISAM, ERM, GSAM, LookSAM, SAGM, SAM, type Closure, type OptionsFor, type SharpnessAware, type StatisticsOwner, type WrapperOptions } from "../optim/index.js";
import type { Tensor } from "../tensor/index.js";

/** What every algorithm is built from. */
export interface AlgorithmOptions {
  parameters: Tensor[];
  model: StatisticsOwner;
  /** Learning rate of Adam. */
  lr: number;
  /** Radius of the climb, for those that climb. */
  rho: number;
  /** Seed of the algorithm's own random choices. */
  seed: number;
}

/** One step over one minibatch per domain, given as closures that compute the losses; returns these as first computed. */
export type Step = (closures: Closure[]) => number[];

export interface Algorithm {
  /** One line for tables and help. */
  readonly description: string;
  /** Gradients of one domain's minibatch that a step takes, for `domains` source domains, on average: the cost without overhead. */
  readonly gradients: (domains: number) => number;
  readonly create: (options: AlgorithmOptions) => Step;
  /** The optimizer that {@link create} steps with. */
  readonly makeOptimizer: (options: AlgorithmOptions) => SharpnessAware;
}

type Wrapper = new (params: Tensor[], Base: typeof Adam, options: OptionsFor<WrapperOptions>) => SharpnessAware;

type Making = Pick<Algorithm, "create" | "makeOptimizer">;

function making(makeOptimizer: Algorithm["makeOptimizer"]): Making {
  const create: Algorithm["create"] = (options) => {
    const optimizer = makeOptimizer(options);
    return (closures) => optimizer.step(closures).losses;
  };
  return { create, makeOptimizer };
}

/** An algorithm of the family with the options that all have. */
function over(Algorithm: Wrapper, radius = 1): Making {
  return making(({ parameters, model, lr, rho }) => new Algorithm(parameters, Adam, { rho: radius * rho, model, lr }));
}

const twice = (domains: number): number => 2 * domains;

// LookSAM's default: every fifth step takes the second gradient.
const LOOK_EVERY = 5;
// The published radii of ASAM, relative to the parameters, and of SAM: 2 and 0.05.
const ASAM_RADIUS = 40;

/** Frozen: a run's record names its algorithm, and the name must mean the same everywhere. */
export const ALGORITHMS = Object.freeze({
  ERM: {
    description: "empirical risk minimisation: Adam on the mean loss of the domains",
    gradients: (domains) => domains,
    ...over(ERM),
  },
  SAM: {
    description: "sharpness-aware minimisation of the mean loss: climbs, then descends from there",
    gradients: twice,
    ...over(SAM),
  },
  ASAM: {
    description: `SAM that climbs relative to each parameter's size, by ${ASAM_RADIUS} times rho`,
    gradients: twice,
    ...over(ASAM, ASAM_RADIUS),
  },
  GSAM: {
    description: "SAM that also narrows the gap between the loss and the perturbed loss",
    gradients: twice,
    ...over(GSAM),
  },
  SAGM: {
    description: "SAM that descends along the mean of both gradients and lowers the angle between them",
    gradients: twice,
    ...over(SAGM),
  },
  DISAM: {
    description: "SAM that climbs along the mean loss less the variance of the domains' losses",
    gradients: twice,
    ...over(DISAM),
  },
  LookSAM: {
    description: `SAM whose second gradient is taken every ${LOOK_EVERY} steps and remembered between`,
    gradients: (domains) => domains * (1 + 1 / LOOK_EVERY),
    ...over(LookSAM),
  },
  DGSAM: {
    description: "climbs domain by domain and descends along the same gradients",
    gradients: (domains) => domains + 1,
    ...making(({ parameters, model, lr, rho, seed }) => new DGSAM(parameters, Adam, { rho, model, seed, lr }) as SharpnessAware),
  },
} as const satisfies Record<string, Algorithm>);

export type AlgorithmName = keyof typeof ALGORITHMS;

export const ALGORITHM_NAMES: readonly AlgorithmName[] = Object.freeze(Object.keys(ALGORITHMS) as AlgorithmName[]);
