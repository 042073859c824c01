/** The optimizers' public list. */

// Base optimizers.
export { Optimizer, type OptimizerLike, type OptimizerStateDict, type ParamGroup, type ParamsInput } from "./descent/optimizer.js";
export type { ParameterState } from "./descent/parameter-state.js";
export { SGD, type SGDOptions } from "./descent/sgd.js";
export { Adam, AdamW, type AdamOptions } from "./descent/adam.js";
export { RMSprop, type RMSpropOptions } from "./descent/rmsprop.js";
export { Adagrad, type AdagradOptions } from "./descent/adagrad.js";
export { Adadelta, type AdadeltaOptions } from "./descent/adadelta.js";
export { NAdam, type NAdamOptions } from "./descent/nadam.js";
export { RAdam, type RAdamOptions } from "./descent/radam.js";
export { Adamax, type AdamaxOptions } from "./descent/adamax.js";
export { LBFGS, type LBFGSOptions, type LBFGSState, type LBFGSStateDict } from "./descent/lbfgs.js";

// The sharpness-aware family, and what an algorithm of one's own is made of.
export { ERM } from "./sharpness/erm.js";
export { SAM, type SAMOptions } from "./sharpness/sam.js";
export { ASAM, type ASAMOptions } from "./sharpness/asam.js";
export { GSAM, type GSAMOptions } from "./sharpness/gsam.js";
export { SAGM, type SAGMOptions } from "./sharpness/sagm.js";
export { DISAM, type DISAMOptions } from "./sharpness/disam.js";
export { LookSAM, type LookSAMOptions, type LookSAMStateDict } from "./sharpness/looksam.js";
export { DGSAM, type DGSAMOptions, type DGSAMResult, type DGSAMStateDict } from "./sharpness/dgsam.js";
export { TwoStep, type FirstStepOptions, type SAMResult, type StepFormOptions } from "./sharpness/two-step.js";
export { SharpnessAware } from "./sharpness/wrapper.js";
export type {
  AlgorithmTraits, OptimizerClass, OptionsFor, StepResult, WrapperGroup, WrapperOptions, WrapperParams, WrapperStateDict,
} from "./sharpness/wrapper-options.js";
export type { AscendOptions, GatherOptions, GradientProducts } from "./sharpness/climb-options.js";
export type { Climb, RadiusKey } from "./sharpness/climb.js";
export type { Passes, StepClosures } from "./sharpness/passes.js";
export type { RunningStats, StatisticsOwner } from "./sharpness/statistics.js";
export type { Closure, DomainClosure } from "./closures.js";

export * from "./schedulers/index.js";

// Averages of weights.
export { EMA, type EMAOptions } from "./averaging/ema.js";
export { SWA } from "./averaging/swa.js";
export { SWAD, type SWADOptions, type SWADResult, type SWADStateDict } from "./averaging/swad.js";
export type { AveragingOptions, BuffersOwner, RunningAverageState } from "./averaging/running-average.js";
export type { AverageStateDict, UpdatedAverage, WeightAverage } from "./averaging/weight-average.js";

// Gradients of many parameters, and their scale.
export { clipGradNorm, clipGradValue, gradNorm, zeroGrad, type ClipGradNormOptions, type GradNormOptions, type ParametersInput, type ZeroGradOptions } from "./gradients.js";
export { GradScaler, type GradScalerOptions, type GradScalerStateDict, type ScalableOptimizer, type ScaledStepArguments, type ScaledStepResult, type ScaledSteps } from "./grad-scaler.js";
