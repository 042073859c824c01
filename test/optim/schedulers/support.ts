/** Schedules as data, so that both this package and PyTorch can run them. */
import { Adam, ConstantLR, CosineAnnealingLR, CosineAnnealingWarmRestarts, DgsamError, ExponentialLR, LambdaLR, LinearLR, MultiStepLR, OneCycleLR, PolynomialLR, ReduceLROnPlateau, SequentialLR, SGD, StepLR, WarmupLR, zeros, type Schedulable, type Scheduler, type ScheduleTarget } from "dgsam";
import { oracle } from "../../reference/oracle.js";

const CLASSES = { StepLR, MultiStepLR, ExponentialLR, CosineAnnealingLR, CosineAnnealingWarmRestarts, LinearLR, ConstantLR, OneCycleLR, PolynomialLR, ReduceLROnPlateau, SequentialLR, LambdaLR, WarmupLR };

export interface Spec {
  name: keyof typeof CLASSES;
  /** lrLambda is a number or one per group, the slope of {@link hyperbola}; schedulers are specs. */
  options: Record<string, unknown>;
  /** What each step() is told; nothing for null. */
  arguments?: (number | null)[];
}

export interface Case {
  optimizer: "SGD" | "Adam";
  lrs: number[];
  steps: number;
  schedulers: Spec[];
}

export interface Trajectory {
  /** One row per step, after construction first. */
  lr: number[][];
  momentum: number[][];
  /** The number of rows when a scheduler refused, else null. */
  failed: number | null;
}

export const hyperbola = (slope: number) => (epoch: number) => 1 / (1 + slope * epoch);

export function createOptimizer({ optimizer, lrs }: Pick<Case, "optimizer" | "lrs">): SGD | Adam {
  return new (optimizer === "SGD" ? SGD : Adam)(lrs.map((lr) => ({ params: [zeros([1], { requiresGrad: true })], lr })));
}

export function createScheduler(optimizer: Schedulable, { name, options }: Spec, target?: ScheduleTarget): Scheduler {
  const { schedulers, after, lrLambda, ...rest } = options;
  const all: Record<string, unknown> = { ...rest, ...(target === undefined ? {} : { target }) };
  if (schedulers !== undefined) all["schedulers"] = (schedulers as Spec[]).map((spec) => createScheduler(optimizer, spec, target));
  if (after !== undefined) all["after"] = createScheduler(optimizer, after as Spec, target);
  if (lrLambda !== undefined) all["lrLambda"] = Array.isArray(lrLambda) ? lrLambda.map((slope) => hyperbola(slope as number)) : hyperbola(lrLambda as number);
  return new (CLASSES[name] as unknown as new (optimizer: Schedulable, options: unknown) => Scheduler)(optimizer, all);
}

/** One step of all schedulers, in turn. */
export function stepAll(schedulers: readonly Scheduler[], specs: readonly Spec[], step: number): void {
  schedulers.forEach((scheduler, i) => scheduler.step(specs[i]!.arguments?.[step] ?? undefined));
}

export function run(each: Case): Trajectory {
  const optimizer = createOptimizer(each);
  const answer: Trajectory = { lr: [], momentum: [], failed: null };
  const record = () => {
    answer.lr.push(optimizer.paramGroups.map((group) => group.lr));
    answer.momentum.push(optimizer.paramGroups.map((group) => ("betas" in group ? group.betas[0] : group.momentum)));
  };
  try {
    const schedulers = each.schedulers.map((spec) => createScheduler(optimizer, spec));
    record();
    for (let step = 0; step < each.steps; step++) {
      stepAll(schedulers, each.schedulers, step);
      record();
    }
  } catch (error) {
    if (!(error instanceof DgsamError) || error.code !== "ERR_ARGUMENT") throw error;
    answer.failed = answer.lr.length;
  }
  return answer;
}

export const torchRuns = (cases: readonly Case[]) => oracle<Trajectory[]>("optim/schedulers/torch_schedulers.py", cases);

/** Metrics that fall, stall and jump. */
export const metrics = (steps: number, seed: number) => Array.from({ length: steps }, (_, i) => Math.round(1e3 * (Math.exp(-i / 40) + 0.1 * Math.sin(i * seed))) / 1e3);
