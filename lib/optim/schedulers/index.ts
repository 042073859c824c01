/** The schedulers' public list. */
export { Scheduler, type Schedulable, type SchedulerOptions, type SchedulerStateDict, type ScheduleTarget } from "./scheduler.js";
export type { FormulaOptions } from "./formula.js";
export { MultiStepLR, StepLR, type MultiStepLROptions, type StepLROptions } from "./step.js";
export { ExponentialLR, type ExponentialLROptions } from "./exponential.js";
export { ConstantLR, LinearLR, type ConstantLROptions, type LinearLROptions } from "./linear.js";
export { PolynomialLR, type PolynomialLROptions } from "./polynomial.js";
export { CosineAnnealingLR, type CosineAnnealingLROptions } from "./cosine.js";
export { CosineAnnealingWarmRestarts, type CosineAnnealingWarmRestartsOptions } from "./warm-restarts.js";
export { LambdaLR, type LambdaLROptions, type LrLambda } from "./lambda.js";
export { OneCycleLR, type OneCycleLROptions } from "./one-cycle.js";
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from "./plateau.js";
export { SequentialLR, type SequentialLROptions } from "./sequential.js";
export { WarmupLR, type WarmupLROptions } from "./warmup.js";
export { ProportionalRho, type ProportionalRhoOptions } from "./proportional-rho.js";
