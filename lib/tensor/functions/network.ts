/**
 * The functions that layers are made of, as `torch.nn.functional` has them: names, argument order and defaults are its.
 * Activations are in methods/activation.ts.
 *
 * Batches come first: `[batch, channels, ...]`. Errors: `ERR_ARGUMENT` for an argument of the wrong kind, `ERR_SHAPE` where
 * sizes do not fit, `ERR_DTYPE` where dtypes differ.
 */

import type { DType } from "../dtype.js";
import { inOrder, operator } from "../methods/define.js";
import { ops, type OperatorFunction } from "../operators.js";
import { isRecording } from "../recording.js";
import { optionsOf } from "../../checks.js";
import { Tensor } from "../tensor.js";

/** One number for all dimensions, or one for each. */
type Sizes = number | readonly number[];

/** `input @ weight.T + bias`: `[..., in]` with `[out, in]` and `[out]` gives `[..., out]`. */
export const linear: {
  <D extends DType>(input: Tensor<D>, weight: Tensor<D>, bias?: Tensor<D> | null): Tensor<D>;
  <D extends DType>(input: Tensor<D>, weight: Tensor<D>, options: { bias?: Tensor<D> | null }): Tensor<D>;
} = operator("linear");

export interface ConvolutionOptions {
  /** Steps between windows. Default 1. */
  stride?: Sizes;
  /** Zeros around the input: so many, or `"same"` for an output of the input's size (stride 1), or `"valid"` for none. Default 0. */
  padding?: Sizes | "same" | "valid";
  /** Steps between the elements of a window. Default 1. */
  dilation?: Sizes;
  /** Independent groups of channels. Default 1. */
  groups?: number;
}

interface Convolution {
  <D extends DType>(
    input: Tensor<D>, weight: Tensor<D>, bias?: Tensor<D> | null, stride?: Sizes, padding?: ConvolutionOptions["padding"], dilation?: Sizes, groups?: number,
  ): Tensor<D>;
  <D extends DType>(input: Tensor<D>, weight: Tensor<D>, bias: Tensor<D> | null | undefined, options: ConvolutionOptions): Tensor<D>;
  <D extends DType>(input: Tensor<D>, weight: Tensor<D>, options: ConvolutionOptions & { bias?: Tensor<D> | null }): Tensor<D>;
}

/** Convolution over one dimension: `[batch, in, l]` with `[out, in / groups, k]`. */
export const conv1d: Convolution = operator("conv1d");
/** Convolution over two dimensions: `[batch, in, h, w]` with `[out, in / groups, kh, kw]`. */
export const conv2d: Convolution = operator("conv2d");
/** Convolution over three dimensions: `[batch, in, d, h, w]` with `[out, in / groups, kd, kh, kw]`. */
export const conv3d: Convolution = operator("conv3d");

export interface TransposedConvolutionOptions extends Omit<ConvolutionOptions, "padding"> {
  /** What a convolution from the result would have padded. Default 0. */
  padding?: Sizes;
  /** Added to one side of the result's size. Default 0. */
  outputPadding?: Sizes;
}

interface TransposedConvolution {
  <D extends DType>(
    input: Tensor<D>, weight: Tensor<D>, bias?: Tensor<D> | null, stride?: Sizes, padding?: Sizes, outputPadding?: Sizes, groups?: number, dilation?: Sizes,
  ): Tensor<D>;
  <D extends DType>(input: Tensor<D>, weight: Tensor<D>, options: TransposedConvolutionOptions & { bias?: Tensor<D> | null }): Tensor<D>;
}

/** The gradient of {@link conv1d} as an operator: `[batch, in, l]` with `[in, out / groups, k]`. */
export const convTranspose1d: TransposedConvolution = operator("conv_transpose1d");
/** The gradient of {@link conv2d} as an operator: `[batch, in, h, w]` with `[in, out / groups, kh, kw]`. */
export const convTranspose2d: TransposedConvolution = operator("conv_transpose2d.input");

export interface MaxPoolOptions {
  /** Steps between windows. Default: the window's size. */
  stride?: Sizes;
  /** -Infinity around the input, at most half a window. Default 0. */
  padding?: Sizes;
  /** Steps between the elements of a window. Default 1. */
  dilation?: Sizes;
  /** Round the result's size up. Default false. */
  ceilMode?: boolean;
}

interface MaxPool {
  <D extends DType>(input: Tensor<D>, kernelSize: Sizes, stride?: Sizes, padding?: Sizes, dilation?: Sizes, ceilMode?: boolean): Tensor<D>;
  <D extends DType>(input: Tensor<D>, kernelSize: Sizes, options: MaxPoolOptions): Tensor<D>;
}

/** The largest element of each window of `[batch, channels, l]`. */
export const maxPool1d: MaxPool = operator("max_pool1d");
/** The largest element of each window of `[batch, channels, h, w]`. */
export const maxPool2d: MaxPool = operator("max_pool2d");
/** The largest element of each window of `[batch, channels, d, h, w]`. */
export const maxPool3d: MaxPool = operator("max_pool3d");

export interface AveragePoolOptions {
  /** Steps between windows. Default: the window's size. */
  stride?: Sizes;
  /** Zeros around the input, at most half a window. Default 0. */
  padding?: Sizes;
  /** Round the result's size up. Default false. */
  ceilMode?: boolean;
  /** Count the zeros around. Default true. */
  countIncludePad?: boolean;
}

interface AveragePool {
  <D extends DType>(input: Tensor<D>, kernelSize: Sizes, stride?: Sizes, padding?: Sizes, ceilMode?: boolean, countIncludePad?: boolean): Tensor<D>;
  <D extends DType>(input: Tensor<D>, kernelSize: Sizes, options: AveragePoolOptions): Tensor<D>;
}

/** The mean of each window of `[batch, channels, l]`. */
export const avgPool1d: AveragePool = operator("avg_pool1d");
/** The mean of each window of `[batch, channels, h, w]`. */
export const avgPool2d: AveragePool = operator("avg_pool2d");

type AdaptivePool = <D extends DType>(input: Tensor<D>, outputSize: Sizes) => Tensor<D>;
/** Means of windows chosen so that `[batch, channels, l]` gives `[batch, channels, outputSize]`. */
export const adaptiveAvgPool1d: AdaptivePool = operator("adaptive_avg_pool1d");

/** One size for both dimensions, or one for each; `null` keeps the input's. */
type OutputSize = number | readonly (number | null)[];

/** Means of windows chosen so that `[batch, channels, h, w]` gives `[batch, channels, ...outputSize]`. */
export function adaptiveAvgPool2d<D extends DType>(input: Tensor<D>, outputSize: OutputSize): Tensor<D> {
  return (ops.aten["adaptive_avg_pool2d.default"] as OperatorFunction)(input, sizesOf(input, outputSize)) as Tensor<D>;
}

/** The largest elements of windows chosen so that `[batch, channels, h, w]` gives `[batch, channels, ...outputSize]`. */
export function adaptiveMaxPool2d<D extends DType>(input: Tensor<D>, outputSize: OutputSize): Tensor<D> {
  const [values, indices] = (ops.aten["adaptive_max_pool2d.default"] as OperatorFunction)(input, sizesOf(input, outputSize)) as [Tensor<D>, Tensor];
  indices.dispose();
  return values;
}

function sizesOf(input: Tensor, outputSize: OutputSize): unknown {
  if (typeof outputSize === "number") return [outputSize, outputSize];
  if (!Array.isArray(outputSize) || !outputSize.includes(null) || !(input instanceof Tensor)) return outputSize;
  const { shape } = input;
  return outputSize.map((size: number | null, i) => size ?? shape.at(i - outputSize.length));
}

export interface NormalizationOptions {
  /** What each channel is multiplied by. */
  weight?: Tensor | null;
  /** Added to each channel. */
  bias?: Tensor | null;
  /** Use the batch's statistics. Default false. */
  training?: boolean;
  /** How far the running statistics move. Default 0.1. */
  momentum?: number;
  /** Added to the variance. Default 1e-5. */
  eps?: number;
}

/**
 * `(input - mean) / sqrt(var + eps) * weight + bias` per channel of `[batch, channels, ...]`. While training, mean and
 * variance are the batch's, and the running ones, if any, move toward them by `momentum`; else they are the running ones.
 */
export const batchNorm: {
  <D extends DType>(
    input: Tensor<D>, runningMean: Tensor | null, runningVar: Tensor | null, weight?: Tensor | null, bias?: Tensor | null,
    training?: boolean, momentum?: number, eps?: number,
  ): Tensor<D>;
  <D extends DType>(input: Tensor<D>, runningMean: Tensor | null, runningVar: Tensor | null, options: NormalizationOptions): Tensor<D>;
} = (...args: unknown[]): Tensor<never> => {
  const [input, runningMean, runningVar, weight = null, bias = null, training = false, momentum = 0.1, eps = 1e-5] = inOrder(
    "batchNorm", args, ["input", "runningMean", "runningVar", "weight", "bias", "training", "momentum", "eps"]);
  return (ops.aten["batch_norm.default"] as OperatorFunction)(input, weight, bias, runningMean, runningVar, training, momentum, eps, true) as Tensor<never>;
};

export interface InstanceNormalizationOptions extends Omit<NormalizationOptions, "training"> {
  runningMean?: Tensor | null;
  runningVar?: Tensor | null;
  /** Use the statistics of each element of the batch, not the running ones. Default true. */
  useInputStats?: boolean;
}

/** As {@link batchNorm}, by the statistics of each channel of each element of the batch. */
export const instanceNorm: {
  <D extends DType>(
    input: Tensor<D>, runningMean?: Tensor | null, runningVar?: Tensor | null, weight?: Tensor | null, bias?: Tensor | null,
    useInputStats?: boolean, momentum?: number, eps?: number,
  ): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: InstanceNormalizationOptions): Tensor<D>;
} = (...args: unknown[]): Tensor<never> => {
  const [input, runningMean = null, runningVar = null, weight = null, bias = null, useInputStats = true, momentum = 0.1, eps = 1e-5] = inOrder(
    "instanceNorm", args, ["input", "runningMean", "runningVar", "weight", "bias", "useInputStats", "momentum", "eps"]);
  return (ops.aten["instance_norm.default"] as OperatorFunction)(
    input, weight, bias, runningMean, runningVar, useInputStats, momentum, eps, true) as Tensor<never>;
};

/** The sizes of the last dimensions, or of the last one. */
type NormalizedShape = number | readonly number[];

function overLastDims(call: OperatorFunction): OperatorFunction {
  return (input, normalizedShape, ...rest) => call(input, typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape, ...rest);
}

/** Mean 0 and variance 1 over the last dimensions, whose sizes are `normalizedShape`; then `* weight + bias`. */
export const layerNorm = overLastDims(operator("layer_norm")) as {
  <D extends DType>(input: Tensor<D>, normalizedShape: NormalizedShape, weight?: Tensor | null, bias?: Tensor | null, eps?: number): Tensor<D>;
  <D extends DType>(
    input: Tensor<D>, normalizedShape: NormalizedShape, options: { weight?: Tensor | null; bias?: Tensor | null; eps?: number },
  ): Tensor<D>;
};

/** Root mean square 1 over the last dimensions, whose sizes are `normalizedShape`; then `* weight`. `eps` is the dtype's own by default. */
export const rmsNorm = overLastDims(operator("rms_norm")) as {
  <D extends DType>(input: Tensor<D>, normalizedShape: NormalizedShape, weight?: Tensor | null, eps?: number | null): Tensor<D>;
  <D extends DType>(input: Tensor<D>, normalizedShape: NormalizedShape, options: { weight?: Tensor | null; eps?: number | null }): Tensor<D>;
};

/** Mean 0 and variance 1 over each of `numGroups` groups of channels of `[batch, channels, ...]`; then `* weight + bias` per channel. */
export const groupNorm: {
  <D extends DType>(input: Tensor<D>, numGroups: number, weight?: Tensor | null, bias?: Tensor | null, eps?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, numGroups: number, options: { weight?: Tensor | null; bias?: Tensor | null; eps?: number }): Tensor<D>;
} = operator("group_norm");

/** Channels as pixels: `[batch, channels * r * r, h, w]` gives `[batch, channels, h * r, w * r]` for `upscaleFactor` r. */
export const pixelShuffle: <D extends DType>(input: Tensor<D>, upscaleFactor: number) => Tensor<D> = operator("pixel_shuffle");

export interface EmbeddingLookupOptions {
  /** A row that gets no gradient. Default -1: none. */
  paddingIdx?: number;
  /** Divide gradients by how often a row occurs. Default false. */
  scaleGradByFreq?: boolean;
  /** Give a sparse gradient. Default false. */
  sparse?: boolean;
}

/** Rows of `weight` `[rows, width]` by indices of any shape: `[..., width]`. */
export function embedding<D extends DType>(input: Tensor, weight: Tensor<D>, options?: EmbeddingLookupOptions): Tensor<D> {
  const { paddingIdx, scaleGradByFreq, sparse } = optionsOf("embedding", options, ["paddingIdx", "scaleGradByFreq", "sparse"]);
  return ops.aten["embedding.default"](weight, input, { padding_idx: paddingIdx, scale_grad_by_freq: scaleGradByFreq, sparse }) as unknown as Tensor<D>;
}

const oneHotOfLibTorch: OperatorFunction = operator("one_hot");

/** int64 class numbers as rows with a single 1: `[...]` gives `[..., numClasses]`, by default the largest number plus 1. */
export const oneHot: {
  (input: Tensor, numClasses?: number): Tensor<"int64">;
  (input: Tensor, options: { numClasses?: number }): Tensor<"int64">;
} = (...args: unknown[]): Tensor<"int64"> => {
  if (isRecording()) {
    const [input, numClasses] = inOrder("oneHot", args, ["input", "numClasses"]);
    // On the CPU LibTorch reads the least and the largest class to complain of bad ones, which no recording can do again; scatter_ complains, too.
    if (input instanceof Tensor && input.dtype === "int64" && typeof numClasses === "number" && numClasses > 0)
      return ops.aten.scatter_(ops.aten.new_zeros(input, [...input.shape, numClasses]), -1, ops.aten.unsqueeze(input, -1), 1) as Tensor<"int64">;
  }
  return oneHotOfLibTorch(...args) as Tensor<"int64">;
};

/** How {@link pad} fills. */
export type PadMode = "constant" | "reflect" | "replicate" | "circular";

/** Added around: `pad` gives amounts before and after the last dimension, then the one before it, and so on. Negative amounts cut. */
export const pad: {
  <D extends DType>(input: Tensor<D>, pad: readonly number[], mode?: PadMode, value?: number | null): Tensor<D>;
  <D extends DType>(input: Tensor<D>, pad: readonly number[], options: { mode?: PadMode; value?: number | null }): Tensor<D>;
} = operator("pad");

/** The cosine of the angle between vectors along `dim` (default 1); lengths count as at least `eps`. */
export const cosineSimilarity: {
  <D extends DType>(x1: Tensor<D>, x2: Tensor<D>, dim?: number, eps?: number): Tensor<D>;
  <D extends DType>(x1: Tensor<D>, x2: Tensor<D>, options: { dim?: number; eps?: number }): Tensor<D>;
} = operator("cosine_similarity");

export interface AttentionOptions {
  /** Added to the scores, or bool: where to attend. Broadcast to `[..., length, source length]`. */
  attnMask?: Tensor | null;
  /** Default 0. */
  dropoutP?: number;
  /** Attend to earlier positions only. Default false. */
  isCausal?: boolean;
  /** What scores are multiplied by. Default `1 / sqrt(width)`. */
  scale?: number | null;
}

/** `softmax(query @ key.mT * scale) @ value` for `[..., length, width]`. */
export const scaledDotProductAttention: <D extends DType>(query: Tensor<D>, key: Tensor<D>, value: Tensor<D>, options?: AttentionOptions) => Tensor<D> =
  operator("scaled_dot_product_attention");
