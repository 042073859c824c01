/**
 * Activation functions and what is done around them in networks: elementwise but for the softmaxes.
 *
 * Errors: `ERR_ARGUMENT` for an argument of the wrong kind, `ERR_DTYPE` where a function has no meaning for a dtype.
 */

import type { DType } from "../dtype.js";
import type { Tensor } from "../tensor.js";
import { addMethods, operator } from "./define.js";
import { dropoutOver, type DropoutSettings } from "./dropout.js";

declare module "../tensor.js" {
  interface Tensor<D extends DType> {
    /**
     * `max(this, 0)`.
     * @see torch.Tensor.relu
     */
    relu(): Tensor<D>;
    /**
     * `min(max(this, 0), 6)`. Floating-point dtypes only.
     * @see torch.nn.functional.relu6
     */
    relu6(): Tensor<D>;
    /**
     * `this * sigmoid(this)`, also called swish. Floating-point dtypes only.
     * @see torch.nn.functional.silu
     */
    silu(): Tensor<D>;
    /**
     * `this * tanh(softplus(this))`. Floating-point dtypes only.
     * @see torch.nn.functional.mish
     */
    mish(): Tensor<D>;
    /**
     * The self-normalising unit: `1.0507 * elu(this, 1.6733)`. Floating-point dtypes only.
     * @see torch.nn.functional.selu
     */
    selu(): Tensor<D>;
    /**
     * `this * relu6(this + 3) / 6`. Floating-point dtypes only.
     * @see torch.nn.functional.hardswish
     */
    hardswish(): Tensor<D>;
    /**
     * `relu6(this + 3) / 6`. Floating-point dtypes only.
     * @see torch.nn.functional.hardsigmoid
     */
    hardsigmoid(): Tensor<D>;
    /**
     * `log(sigmoid(this))`, without overflow. Floating-point dtypes only.
     * @see torch.nn.functional.logsigmoid
     */
    logSigmoid(): Tensor<D>;
    /**
     * `this * Phi(this)`, with the normal distribution function or its tanh approximation. Floating-point dtypes only.
     * @see torch.nn.functional.gelu
     */
    gelu(options?: { approximate?: "none" | "tanh" }): Tensor<D>;
    /**
     * This where positive, else `alpha * (exp(this) - 1)`; `alpha` is 1 by default. Floating-point dtypes only.
     * @see torch.nn.functional.elu
     */
    elu(alpha?: number, scale?: number, inputScale?: number): Tensor<D>;
    elu(options: { alpha?: number; scale?: number; inputScale?: number }): Tensor<D>;
    /**
     * This where positive, else `alpha * (exp(this / alpha) - 1)`; `alpha` is 1 by default. Floating-point dtypes only.
     * @see torch.nn.functional.celu
     */
    celu(alpha?: number): Tensor<D>;
    celu(options: { alpha?: number }): Tensor<D>;
    /**
     * This where positive, else `negativeSlope` (default 0.01) times it. Floating-point dtypes only.
     * @see torch.nn.functional.leaky_relu
     */
    leakyRelu(negativeSlope?: number): Tensor<D>;
    leakyRelu(options: { negativeSlope?: number }): Tensor<D>;
    /**
     * This where positive, else `weight` times it: one weight, or one per channel of dimension 1.
     * @see torch.nn.functional.prelu
     */
    prelu(weight: Tensor): Tensor<D>;
    /**
     * Clamped to `minVal` (default -1) and `maxVal` (default 1).
     * @see torch.nn.functional.hardtanh
     */
    hardtanh(minVal?: number, maxVal?: number): Tensor<D>;
    hardtanh(options: { minVal?: number; maxVal?: number }): Tensor<D>;
    /**
     * `log(1 + exp(beta * this)) / beta`, linear where `beta * this` is above `threshold` (default 20). Floating-point
     * dtypes only.
     * @see torch.nn.functional.softplus
     */
    softplus(beta?: number, threshold?: number): Tensor<D>;
    softplus(options: { beta?: number; threshold?: number }): Tensor<D>;
    /**
     * Moved toward 0 by `lambd` (default 0.5), 0 in between. Floating-point dtypes only.
     * @see torch.nn.functional.softshrink
     */
    softshrink(lambd?: number): Tensor<D>;
    softshrink(options: { lambd?: number }): Tensor<D>;
    /**
     * 0 where |this| is at most `lambd` (default 0.5). Floating-point dtypes only.
     * @see torch.nn.functional.hardshrink
     */
    hardshrink(lambd?: number): Tensor<D>;
    hardshrink(options: { lambd?: number }): Tensor<D>;
    /**
     * This where it is above `threshold`, else `value`.
     * @see torch.nn.functional.threshold
     */
    threshold(threshold: number, value: number): Tensor<D>;
    /**
     * The first half along `dim` (default the last) times the sigmoid of the second; the dimension halves.
     * @see torch.nn.functional.glu
     */
    glu(dim?: number): Tensor<D>;
    glu(options: { dim?: number }): Tensor<D>;
    /**
     * `exp(this) / sum(exp(this))` along `dim`, without overflow. Floating-point dtypes only, or say `dtype`.
     * @see torch.Tensor.softmax
     */
    softmax(dim: number, options?: { dtype?: undefined }): Tensor<D>;
    softmax(options: { dim: number; dtype?: undefined }): Tensor<D>;
    softmax<E extends DType>(dim: number, options: { dtype: E }): Tensor<E>;
    softmax<E extends DType>(options: { dim: number; dtype: E }): Tensor<E>;
    /**
     * `log(softmax(this))` along `dim`, without overflow. Floating-point dtypes only, or say `dtype`.
     * @see torch.nn.functional.log_softmax
     */
    logSoftmax(dim: number, options?: { dtype?: undefined }): Tensor<D>;
    logSoftmax(options: { dim: number; dtype?: undefined }): Tensor<D>;
    logSoftmax<E extends DType>(dim: number, options: { dtype: E }): Tensor<E>;
    logSoftmax<E extends DType>(options: { dim: number; dtype: E }): Tensor<E>;
    /**
     * While `training` (default), each element is 0 with probability `p` (default 0.5), else divided by `1 - p`; otherwise
     * this tensor.
     * @see torch.nn.functional.dropout
     */
    dropout(p?: number, training?: boolean): Tensor<D>;
    dropout(options: DropoutSettings): Tensor<D>;
    dropout(p: number, options: Omit<DropoutSettings, "p">): Tensor<D>;
  }
}

/** {@link Tensor.relu} as a function. */
export const relu: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("relu");
/** {@link Tensor.relu6} as a function. */
export const relu6: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("relu6");
/** {@link Tensor.silu} as a function. */
export const silu: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("silu");
/** {@link Tensor.mish} as a function. */
export const mish: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("mish");
/** {@link Tensor.selu} as a function. */
export const selu: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("selu");
/** {@link Tensor.hardswish} as a function. */
export const hardswish: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("hardswish");
/** {@link Tensor.hardsigmoid} as a function. */
export const hardsigmoid: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("hardsigmoid");
/** {@link Tensor.logSigmoid} as a function. */
export const logSigmoid: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("log_sigmoid");
/** {@link Tensor.gelu} as a function. */
export const gelu: <D extends DType>(input: Tensor<D>, options?: { approximate?: "none" | "tanh" }) => Tensor<D> = operator("gelu");
/** {@link Tensor.elu} as a function. */
export const elu: {
  <D extends DType>(input: Tensor<D>, alpha?: number, scale?: number, inputScale?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { alpha?: number; scale?: number; inputScale?: number }): Tensor<D>;
} = operator("elu");
/** {@link Tensor.celu} as a function. */
export const celu: {
  <D extends DType>(input: Tensor<D>, alpha?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { alpha?: number }): Tensor<D>;
} = operator("celu");
/** {@link Tensor.leakyRelu} as a function. */
export const leakyRelu: {
  <D extends DType>(input: Tensor<D>, negativeSlope?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { negativeSlope?: number }): Tensor<D>;
} = operator("leaky_relu");
/** {@link Tensor.prelu} as a function. */
export const prelu: <D extends DType>(input: Tensor<D>, weight: Tensor) => Tensor<D> = operator("prelu");
/** {@link Tensor.hardtanh} as a function. */
export const hardtanh: {
  <D extends DType>(input: Tensor<D>, minVal?: number, maxVal?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { minVal?: number; maxVal?: number }): Tensor<D>;
} = operator("hardtanh");
/** {@link Tensor.softplus} as a function. */
export const softplus: {
  <D extends DType>(input: Tensor<D>, beta?: number, threshold?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { beta?: number; threshold?: number }): Tensor<D>;
} = operator("softplus");
/** {@link Tensor.softshrink} as a function. */
export const softshrink: {
  <D extends DType>(input: Tensor<D>, lambd?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { lambd?: number }): Tensor<D>;
} = operator("softshrink");
/** {@link Tensor.hardshrink} as a function. */
export const hardshrink: {
  <D extends DType>(input: Tensor<D>, lambd?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { lambd?: number }): Tensor<D>;
} = operator("hardshrink");
/** {@link Tensor.threshold} as a function. */
export const threshold: <D extends DType>(input: Tensor<D>, threshold: number, value: number) => Tensor<D> = operator("threshold");
/** {@link Tensor.glu} as a function. */
export const glu: {
  <D extends DType>(input: Tensor<D>, dim?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { dim?: number }): Tensor<D>;
} = operator("glu");
/** {@link Tensor.softmax} as a function. */
export const softmax: {
  <D extends DType>(input: Tensor<D>, dim: number, options?: { dtype?: undefined }): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { dim: number; dtype?: undefined }): Tensor<D>;
  <E extends DType>(input: Tensor, dim: number, options: { dtype: E }): Tensor<E>;
  <E extends DType>(input: Tensor, options: { dim: number; dtype: E }): Tensor<E>;
} = operator("softmax.int");
/** {@link Tensor.logSoftmax} as a function. */
export const logSoftmax: {
  <D extends DType>(input: Tensor<D>, dim: number, options?: { dtype?: undefined }): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { dim: number; dtype?: undefined }): Tensor<D>;
  <E extends DType>(input: Tensor, dim: number, options: { dtype: E }): Tensor<E>;
  <E extends DType>(input: Tensor, options: { dim: number; dtype: E }): Tensor<E>;
} = operator("log_softmax.int");
/** {@link Tensor.dropout} as a function. */
export const dropout: {
  <D extends DType>(input: Tensor<D>, p?: number, training?: boolean): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: DropoutSettings): Tensor<D>;
  <D extends DType>(input: Tensor<D>, p: number, options: Omit<DropoutSettings, "p">): Tensor<D>;
} = dropoutOver("dropout");

addMethods({
  relu, relu6, silu, mish, selu, hardswish, hardsigmoid, logSigmoid, gelu, elu, celu, leakyRelu, prelu, hardtanh,
  softplus, softshrink, hardshrink, threshold, glu, softmax, logSoftmax, dropout,
});
