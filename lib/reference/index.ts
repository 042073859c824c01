/**
 * The twins: every update rule of the package in plain TypeScript and float64, short enough to be read beside the paper.
 * They take no tensors and no addon, only `Float64Array`s, and import nothing of the rest of the package: they are what
 * the native optimizers are checked against.
 */
export { Adam, type AdamOptions } from "./descent/adam.js";
export { AdamW } from "./descent/adamw.js";
export { DGSAM, type DGSAMOptions } from "./sharpness/dgsam.js";
export { TwinError, type TwinErrorCode } from "./errors.js";
export { Mlp, parameterShapes, type Activation, type Batch } from "./mlp.js";
export { Optimizer, type Gradients, type ParamGroup, type ParamGroupInput, type ParamsInput } from "./descent/optimizer.js";
export type { BaseOptimizer, Closure, Evaluation, PerturbationGroupOptions, PerturbationOptions, StepResult } from "./sharpness/perturbation.js";
export {
  congruentialDraws, makeProblem, PROBLEM_DOMAINS, PROBLEM_EXAMPLES, PROBLEM_SIZES, problemBatches, problemOrders, problemParams,
} from "./problem.js";
export { SAM, type SAMOptions } from "./sharpness/sam.js";
export { LBFGS, type LBFGSOptions } from "./descent/lbfgs.js";
export { SGD, type SGDOptions } from "./descent/sgd.js";
export { SWAD, type SWADOptions, type SWADResult } from "./averaging/swad.js";
