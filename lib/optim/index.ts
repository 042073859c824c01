/** The optimizers' public list. */
export { Optimizer, type OptimizerLike, type OptimizerStateDict, type ParameterState, type ParamGroup, type ParamsInput } from "./descent/optimizer.js";
export { SGD, type SGDOptions } from "./descent/sgd.js";
export { Adam, AdamW, type AdamOptions } from "./descent/adam.js";
export { SAM, type SAMOptions, type SAMResult, type StepFormOptions } from "./sharpness/sam.js";
export { DGSAM, type DGSAMOptions, type DGSAMResult } from "./sharpness/dgsam.js";
export { SharpnessAware, type OptimizerClass, type WrapperGroup, type WrapperOptions, type WrapperParams } from "./sharpness/wrapper.js";
export type { RunningStats, StatisticsOwner } from "./sharpness/statistics.js";
export { clipGradNorm, clipGradValue, gradNorm, zeroGrad, type ClipGradNormOptions, type GradNormOptions, type ParametersInput, type ZeroGradOptions } from "./gradients.js";
export { GradScaler, type GradScalerOptions, type GradScalerStateDict, type ScalableOptimizer, type ScaledStepArguments, type ScaledStepResult, type ScaledSteps } from "./grad-scaler.js";
export type { Closure } from "./closures.js";
