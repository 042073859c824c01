/** The algorithms a run can be trained with. Each says how one step goes over one minibatch per source domain. */

import { Adam, DGSAM, SAM, type Closure, type StatisticsOwner } from "../optim/index.js";
import { scope, type Tensor } from "../tensor/index.js";

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
  /** Gradients of one domain's minibatch that a step takes, for `domains` source domains: the cost without overhead. */
  readonly gradients: (domains: number) => number;
  readonly create: (options: AlgorithmOptions) => Step;
}

function mean(losses: readonly Tensor[]): Tensor {
  return losses.reduce((sum, loss) => sum.add(loss)).div(losses.length);
}

/** Evaluates all closures, keeps their values, and gives the mean loss. */
function meanLoss(closures: readonly Closure[], values: number[]): Tensor {
  const losses = closures.map((closure) => closure());
  losses.forEach((loss, domain) => (values[domain] ??= Number(loss.item())));
  return mean(losses);
}

/** Frozen: a run's record names its algorithm, and the name must mean the same everywhere. */
export const ALGORITHMS = Object.freeze({
  ERM: {
    description: "empirical risk minimisation: Adam on the mean loss of the domains",
    gradients: (domains) => domains,
    create: ({ parameters, lr }) => {
      const optimizer = new Adam(parameters, { lr });
      return (closures) =>
        scope(() => {
          const losses: number[] = [];
          optimizer.zeroGrad();
          meanLoss(closures, losses).backward();
          optimizer.step();
          return losses;
        });
    },
  },
  SAM: {
    description: "sharpness-aware minimisation of the mean loss: climbs, then descends from there",
    gradients: (domains) => 2 * domains,
    create: ({ parameters, model, lr, rho }) => {
      const optimizer = new SAM(parameters, Adam, { rho, model, lr });
      return (closures) => {
        const losses: number[] = [];
        optimizer.step(() => meanLoss(closures, losses));
        return losses;
      };
    },
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
