/** The layers' public list. */
export { Buffer, Module, Parameter, type LoadOptions, type LoadResult, type RunningStatsMode, type StateDict } from "./module.js";
export { Embedding, Flatten, Identity, Linear, type EmbeddingOptions, type LinearOptions } from "./linear.js";
export { AdaptiveAvgPool2d, AvgPool2d, Conv2d, MaxPool2d, type Conv2dOptions, type Pool2dOptions } from "./conv.js";
export { BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm, type BatchNormOptions, type NormOptions } from "./normalization.js";
export { Dropout, GELU, ReLU, Sigmoid, Tanh } from "./activation.js";
export { Sequential, type Layer } from "./sequential.js";
export {
  binaryCrossEntropyWithLogits, crossEntropy, l1Loss, mseLoss, nllLoss, type BinaryLossOptions, type ClassLossOptions, type Reduction, type ReductionOptions,
} from "./losses.js";
export * as init from "./init.js";
