/** The optimizers' public list. */
export { Optimizer, type OptimizerLike, type OptimizerStateDict, type ParameterState, type ParamGroup, type ParamsInput } from "./descent/optimizer.js";
export { SGD, type SGDOptions } from "./descent/sgd.js";
export { Adam, AdamW, type AdamOptions } from "./descent/adam.js";
export { LBFGS, type LBFGSOptions, type LBFGSState, type LBFGSStateDict } from "./descent/lbfgs.js";
export { EMA, type EMAOptions } from "./averaging/ema.js";
export { SWA } from "./averaging/swa.js";
export { SWAD, type SWADOptions, type SWADResult, type SWADStateDict } from "./averaging/swad.js";
export type { AveragingOptions, BuffersOwner, RunningAverageState } from "./averaging/running-average.js";
export type { AverageStateDict, UpdatedAverage, WeightAverage } from "./averaging/weight-average.js";
export { SAM, type SAMOptions, type SAMResult, type StepFormOptions } from "./sharpness/sam.js";
export { DGSAM, type DGSAMOptions, type DGSAMResult } from "./sharpness/dgsam.js";
export { SharpnessAware, type OptimizerClass, type WrapperGroup, type WrapperOptions, type WrapperParams } from "./sharpness/wrapper.js";
export type { RunningStats, StatisticsOwner } from "./sharpness/statistics.js";
export type { Closure } from "./closures.js";
