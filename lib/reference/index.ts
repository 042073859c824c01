/**
 * The twins: every update rule of the package in plain TypeScript and float64, short enough to be read beside the paper.
 * They take no tensors and no addon, only `Float64Array`s, and import nothing of the rest of the package: they are what
 * the native optimizers are checked against.
 */
export { Adam, type AdamOptions } from "./descent/adam.js";
export { AdamW } from "./descent/adamw.js";
export { ASAM, type ASAMOptions } from "./sharpness/asam.js";
export { Adadelta, type AdadeltaOptions } from "./descent/adadelta.js";
export { Adagrad, type AdagradOptions } from "./descent/adagrad.js";
export { Adamax, type AdamaxOptions } from "./descent/adamax.js";
export { DGSAM, type DGSAMOptions } from "./sharpness/dgsam.js";
export { DISAM, type DISAMOptions } from "./sharpness/disam.js";
export { ERM } from "./sharpness/erm.js";
export { GSAM, type GSAMOptions } from "./sharpness/gsam.js";
export { LookSAM, type LookSAMOptions } from "./sharpness/looksam.js";
export { SAGM, type SAGMOptions } from "./sharpness/sagm.js";
export { TwinError, type TwinErrorCode } from "./errors.js";
export { Mlp, parameterShapes, type Activation, type Batch } from "./mlp.js";
export { Optimizer, type Gradients, type ParamGroup, type ParamGroupInput, type ParamsInput } from "./descent/optimizer.js";
export type { BaseOptimizer, Closure, Evaluation, PerturbationGroupOptions, PerturbationOptions, StepResult } from "./sharpness/perturbation.js";
export {
  congruentialDraws, makeProblem, PROBLEM_DOMAINS, PROBLEM_EXAMPLES, PROBLEM_SIZES, problemBatches, problemOrders, problemParams,
} from "./problem.js";
export { NAdam, type NAdamOptions } from "./descent/nadam.js";
export { RAdam, type RAdamOptions } from "./descent/radam.js";
export { RMSprop, type RMSpropOptions } from "./descent/rmsprop.js";
export { SAM, type SAMOptions } from "./sharpness/sam.js";
export { LBFGS, type LBFGSOptions } from "./descent/lbfgs.js";
export { SGD, type SGDOptions } from "./descent/sgd.js";
export { SWAD, type SWADOptions, type SWADResult } from "./averaging/swad.js";
