/** The layers' public list. */
export { Module, type ModuleTarget, type RunningStatsMode } from "./module.js";
export { Buffer, Parameter, type Placement } from "./parameter.js";
export type { LoadOptions, LoadResult, StateDict } from "./state-dict.js";
export type { Pair } from "./checks.js";
export { Linear, type LinearOptions } from "./linear.js";
export { Conv2d, type Conv2dOptions, type PaddingMode } from "./conv.js";
export { SamePaddedConv2d, type SamePaddedConv2dOptions } from "./same-padding.js";
export { AdaptiveAvgPool2d, AvgPool2d, MaxPool2d, type AvgPool2dOptions, type MaxPool2dOptions } from "./pooling.js";
export { BatchNorm, BatchNorm1d, BatchNorm2d, type BatchNormOptions } from "./batch-norm.js";
export { updateBatchNorm, type BatchNormInput, type UpdateBatchNormOptions } from "./update-batch-norm.js";
export { GroupNorm, type GroupNormOptions } from "./group-norm.js";
export { LayerNorm, LayerNorm2d, type LayerNormOptions } from "./layer-norm.js";
export { MultiheadAttention, type MultiheadAttentionOptions } from "./attention.js";
export { Embedding, type EmbeddingOptions } from "./embedding.js";
export {
  GELU, Hardsigmoid, Hardswish, ReLU, ReLU6, Sigmoid, SiLU, Tanh, type GELUOptions, type InplaceOptions,
} from "./activation.js";
export { Dropout, type DropoutOptions } from "./dropout.js";
export { StochasticDepth, type StochasticDepthMode } from "./stochastic-depth.js";
export { Flatten, Identity, Permute } from "./shape.js";
export { Sequential, type Layer } from "./sequential.js";
export {
  binaryCrossEntropyWithLogits, crossEntropy, l1Loss, mseLoss, nllLoss, smoothL1Loss, type BinaryCrossEntropyOptions, type CrossEntropyOptions,
  type NllLossOptions, type Reduction, type ReductionOptions, type SmoothL1Options,
} from "./losses.js";
export { BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss, NLLLoss, SmoothL1Loss } from "./loss-modules.js";
export * as init from "./init.js";
