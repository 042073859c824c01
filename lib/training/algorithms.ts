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
}

type Wrapper = new (params: Tensor[], Base: typeof Adam, options: OptionsFor<WrapperOptions>) => SharpnessAware;

/** An algorithm of the family with the options that all have. */
function over(Algorithm: Wrapper): Algorithm["create"] {
  return ({ parameters, model, lr, rho }) => {
    const optimizer = new Algorithm(parameters, Adam, { rho, model, lr });
    return (closures) => optimizer.step(closures).losses;
  };
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
    create: over(ERM),
  },
  SAM: {
    description: "sharpness-aware minimisation of the mean loss: climbs, then descends from there",
    gradients: twice,
    create: over(SAM),
  },
  ASAM: {
    description: `SAM that climbs relative to each parameter's size, by ${ASAM_RADIUS} times rho`,
    gradients: twice,
    create: (options) => over(ASAM)({ ...options, rho: ASAM_RADIUS * options.rho }),
  },
  GSAM: {
    description: "SAM that also narrows the gap between the loss and the perturbed loss",
    gradients: twice,
    create: over(GSAM),
  },
  SAGM: {
    description: "SAM that descends along the mean of both gradients and lowers the angle between them",
    gradients: twice,
    create: over(SAGM),
  },
  DISAM: {
    description: "SAM that climbs along the mean loss less the variance of the domains' losses",
    gradients: twice,
    create: over(DISAM),
  },
  LookSAM: {
    description: `SAM whose second gradient is taken every ${LOOK_EVERY} steps and remembered between`,
    gradients: (domains) => domains * (1 + 1 / LOOK_EVERY),
    create: over(LookSAM),
  },
  DGSAM: {
    description: "climbs domain by domain and descends along the same gradients",
    gradients: (domains) => domains + 1,
    create: ({ parameters, model, lr, rho, seed }) => {
      const optimizer = new DGSAM(parameters, Adam, { rho, model, seed, lr });
      return (closures) => optimizer.step(closures).losses;
    },
  },
} as const satisfies Record<string, Algorithm>);

export type AlgorithmName = keyof typeof ALGORITHMS;

export const ALGORITHM_NAMES: readonly AlgorithmName[] = Object.freeze(Object.keys(ALGORITHMS) as AlgorithmName[]);
