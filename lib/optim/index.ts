/** The optimizers' public list. */
export { Optimizer, type OptimizerLike, type OptimizerStateDict, type ParameterState, type ParamGroup, type ParamsInput } from "./optimizer.js";
export { SGD, type SGDOptions } from "./sgd.js";
export { Adam, AdamW, type AdamOptions } from "./adam.js";
export { SAM, type SAMOptions, type SAMResult, type StepFormOptions } from "./sam.js";
export { DGSAM, type DGSAMOptions, type DGSAMResult } from "./dgsam.js";
export { SharpnessAware, type OptimizerClass, type WrapperGroup, type WrapperOptions, type WrapperParams } from "./wrapper.js";
export type { RunningStats, StatisticsOwner } from "./statistics.js";
export type { Closure } from "./closures.js";
