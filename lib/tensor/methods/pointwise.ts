/**
 * Functions of one number, applied to each element: the shape stays.
 *
 * Errors: `ERR_ARGUMENT` for an argument of the wrong kind, `ERR_DTYPE` where a function has no meaning for a dtype.
 */

import type { DType } from "../dtype.js";
import type { Tensor } from "../tensor.js";
import { addMethods, operator } from "./define.js";
import type { Floated, NumberLike, Real, TensorLike, WithNumber } from "./types.js";

declare module "../tensor.js" {
  interface Tensor<D extends DType> {
    /**
     * `-this`. Not for bool.
     * @see torch.Tensor.neg
     */
    neg(): Tensor<D>;
    /**
     * The sign: -1, 0 or 1; for complex numbers `z / |z|`.
     * @see torch.Tensor.sgn
     */
    sgn(): Tensor<D>;
    /**
     * `this ** 2`.
     * @see torch.Tensor.square
     */
    square(): Tensor<D>;
    /**
     * Rounded down.
     * @see torch.Tensor.floor
     */
    floor(): Tensor<D>;
    /**
     * Rounded up.
     * @see torch.Tensor.ceil
     */
    ceil(): Tensor<D>;
    /**
     * Rounded toward zero.
     * @see torch.Tensor.trunc
     */
    trunc(): Tensor<D>;
    /**
     * The part after the point: `this - trunc(this)`. Floating-point dtypes only.
     * @see torch.Tensor.frac
     */
    frac(): Tensor<D>;
    /**
     * The sign: -1, 0 or 1. Real dtypes only.
     * @see torch.Tensor.sign
     */
    sign(): Tensor<D>;
    /**
     * The absolute value; of complex numbers the magnitude, as a real tensor.
     * @see torch.Tensor.abs
     */
    abs(): Tensor<Real<D>>;
    /**
     * Rounded to the nearest integer, halves to the even one; or to so many `decimals`.
     * @see torch.Tensor.round
     */
    round(options?: { decimals?: number }): Tensor<D>;
    /**
     * This tensor, checked not to be bool.
     * @see torch.Tensor.positive
     */
    positive(): Tensor<D>;
    /**
     * `1 / this`.
     * @see torch.Tensor.reciprocal
     */
    reciprocal(): Tensor<Floated<D>>;
    /**
     * e to the power of each element.
     * @see torch.Tensor.exp
     */
    exp(): Tensor<Floated<D>>;
    /**
     * 2 to the power of each element.
     * @see torch.Tensor.exp2
     */
    exp2(): Tensor<Floated<D>>;
    /**
     * `exp(this) - 1`, exact near 0.
     * @see torch.Tensor.expm1
     */
    expm1(): Tensor<Floated<D>>;
    /**
     * The natural logarithm: NaN below 0, -Infinity at 0.
     * @see torch.Tensor.log
     */
    log(): Tensor<Floated<D>>;
    /**
     * The logarithm to base 2.
     * @see torch.Tensor.log2
     */
    log2(): Tensor<Floated<D>>;
    /**
     * The logarithm to base 10.
     * @see torch.Tensor.log10
     */
    log10(): Tensor<Floated<D>>;
    /**
     * `log(1 + this)`, exact near 0.
     * @see torch.Tensor.log1p
     */
    log1p(): Tensor<Floated<D>>;
    /**
     * The square root: NaN below 0.
     * @see torch.Tensor.sqrt
     */
    sqrt(): Tensor<Floated<D>>;
    /**
     * `1 / sqrt(this)`.
     * @see torch.Tensor.rsqrt
     */
    rsqrt(): Tensor<Floated<D>>;
    /**
     * The sine of an angle in radians.
     * @see torch.Tensor.sin
     */
    sin(): Tensor<Floated<D>>;
    /**
     * The cosine of an angle in radians.
     * @see torch.Tensor.cos
     */
    cos(): Tensor<Floated<D>>;
    /**
     * The tangent of an angle in radians.
     * @see torch.Tensor.tan
     */
    tan(): Tensor<Floated<D>>;
    /**
     * The arcsine in radians: NaN outside -1 to 1.
     * @see torch.Tensor.asin
     */
    asin(): Tensor<Floated<D>>;
    /**
     * The arccosine in radians: NaN outside -1 to 1.
     * @see torch.Tensor.acos
     */
    acos(): Tensor<Floated<D>>;
    /**
     * The arctangent in radians.
     * @see torch.Tensor.atan
     */
    atan(): Tensor<Floated<D>>;
    /**
     * The hyperbolic sine.
     * @see torch.Tensor.sinh
     */
    sinh(): Tensor<Floated<D>>;
    /**
     * The hyperbolic cosine.
     * @see torch.Tensor.cosh
     */
    cosh(): Tensor<Floated<D>>;
    /**
     * The hyperbolic tangent.
     * @see torch.Tensor.tanh
     */
    tanh(): Tensor<Floated<D>>;
    /**
     * The inverse hyperbolic sine.
     * @see torch.Tensor.asinh
     */
    asinh(): Tensor<Floated<D>>;
    /**
     * The inverse hyperbolic cosine: NaN below 1.
     * @see torch.Tensor.acosh
     */
    acosh(): Tensor<Floated<D>>;
    /**
     * The inverse hyperbolic tangent: NaN outside -1 to 1.
     * @see torch.Tensor.atanh
     */
    atanh(): Tensor<Floated<D>>;
    /**
     * `sin(pi * this) / (pi * this)`, 1 at 0.
     * @see torch.Tensor.sinc
     */
    sinc(): Tensor<Floated<D>>;
    /**
     * The error function.
     * @see torch.Tensor.erf
     */
    erf(): Tensor<Floated<D>>;
    /**
     * `1 - erf(this)`, exact for large values.
     * @see torch.Tensor.erfc
     */
    erfc(): Tensor<Floated<D>>;
    /**
     * The inverse of the error function: NaN outside -1 to 1.
     * @see torch.Tensor.erfinv
     */
    erfinv(): Tensor<Floated<D>>;
    /**
     * The logarithm of the absolute value of the gamma function.
     * @see torch.Tensor.lgamma
     */
    lgamma(): Tensor<Floated<D>>;
    /**
     * The derivative of `lgamma`.
     * @see torch.Tensor.digamma
     */
    digamma(): Tensor<Floated<D>>;
    /**
     * The modified Bessel function of the first kind, of order 0.
     * @see torch.Tensor.i0
     */
    i0(): Tensor<Floated<D>>;
    /**
     * Degrees as radians.
     * @see torch.Tensor.deg2rad
     */
    deg2rad(): Tensor<Floated<D>>;
    /**
     * Radians as degrees.
     * @see torch.Tensor.rad2deg
     */
    rad2deg(): Tensor<Floated<D>>;
    /**
     * `1 / (1 + exp(-this))`.
     * @see torch.Tensor.sigmoid
     */
    sigmoid(): Tensor<Floated<D>>;
    /**
     * `log(this / (1 - this))`; with `eps`, this is clamped to `[eps, 1 - eps]` first.
     * @see torch.Tensor.logit
     */
    logit(eps?: number | null): Tensor<Floated<D>>;
    logit(options: { eps?: number | null }): Tensor<Floated<D>>;
    /**
     * No less than `min` and no more than `max`: numbers, or tensors that broadcast. One of them may be left out.
     * @see torch.Tensor.clamp
     */
    clamp(min?: NumberLike | null, max?: NumberLike | null): Tensor<WithNumber<D>>;
    clamp(min?: TensorLike | null, max?: TensorLike | null): Tensor;
    clamp(options: { min?: NumberLike | null; max?: NumberLike | null }): Tensor<WithNumber<D>>;
    clamp(options: { min?: TensorLike | null; max?: TensorLike | null }): Tensor;
    /**
     * `nan` (default 0) in place of NaN, `posinf` and `neginf` (default the dtype's largest and smallest) in place of
     * infinities.
     * @see torch.Tensor.nan_to_num
     */
    nanToNum(nan?: number | null, posinf?: number | null, neginf?: number | null): Tensor<D>;
    nanToNum(options: { nan?: number | null; posinf?: number | null; neginf?: number | null }): Tensor<D>;
    /**
     * The real part: a view of a complex tensor, a real one itself.
     * @see torch.Tensor.real
     */
    real(): Tensor<Real<D>>;
    /**
     * The imaginary part, as a view. Complex dtypes only.
     * @see torch.Tensor.imag
     */
    imag(): Tensor<Real<D>>;
    /**
     * The complex conjugate, as a view.
     * @see torch.Tensor.conj
     */
    conj(): Tensor<D>;
    /**
     * The angle of complex numbers in radians; for real ones pi below 0, else 0.
     * @see torch.Tensor.angle
     */
    angle(): Tensor<Real<Floated<D>>>;
  }
}

/** {@link Tensor.neg} as a function. */
export const neg: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("neg");
/** {@link Tensor.sgn} as a function. */
export const sgn: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("sgn");
/** {@link Tensor.square} as a function. */
export const square: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("square");
/** {@link Tensor.floor} as a function. */
export const floor: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("floor");
/** {@link Tensor.ceil} as a function. */
export const ceil: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("ceil");
/** {@link Tensor.trunc} as a function. */
export const trunc: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("trunc");
/** {@link Tensor.frac} as a function. */
export const frac: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("frac");
/** {@link Tensor.sign} as a function. */
export const sign: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("sign");
/** {@link Tensor.abs} as a function. */
export const abs: <D extends DType>(input: Tensor<D>) => Tensor<Real<D>> = operator("abs");
/** {@link Tensor.round} as a function. */
export const round: <D extends DType>(input: Tensor<D>, options?: { decimals?: number }) => Tensor<D> = operator("round");
/** {@link Tensor.positive} as a function. */
export const positive: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("positive");
/** {@link Tensor.reciprocal} as a function. */
export const reciprocal: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("reciprocal");
/** {@link Tensor.exp} as a function. */
export const exp: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("exp");
/** {@link Tensor.exp2} as a function. */
export const exp2: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("exp2");
/** {@link Tensor.expm1} as a function. */
export const expm1: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("expm1");
/** {@link Tensor.log} as a function. */
export const log: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("log");
/** {@link Tensor.log2} as a function. */
export const log2: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("log2");
/** {@link Tensor.log10} as a function. */
export const log10: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("log10");
/** {@link Tensor.log1p} as a function. */
export const log1p: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("log1p");
/** {@link Tensor.sqrt} as a function. */
export const sqrt: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("sqrt");
/** {@link Tensor.rsqrt} as a function. */
export const rsqrt: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("rsqrt");
/** {@link Tensor.sin} as a function. */
export const sin: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("sin");
/** {@link Tensor.cos} as a function. */
export const cos: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("cos");
/** {@link Tensor.tan} as a function. */
export const tan: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("tan");
/** {@link Tensor.asin} as a function. */
export const asin: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("asin");
/** {@link Tensor.acos} as a function. */
export const acos: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("acos");
/** {@link Tensor.atan} as a function. */
export const atan: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("atan");
/** {@link Tensor.sinh} as a function. */
export const sinh: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("sinh");
/** {@link Tensor.cosh} as a function. */
export const cosh: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("cosh");
/** {@link Tensor.tanh} as a function. */
export const tanh: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("tanh");
/** {@link Tensor.asinh} as a function. */
export const asinh: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("asinh");
/** {@link Tensor.acosh} as a function. */
export const acosh: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("acosh");
/** {@link Tensor.atanh} as a function. */
export const atanh: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("atanh");
/** {@link Tensor.sinc} as a function. */
export const sinc: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("sinc");
/** {@link Tensor.erf} as a function. */
export const erf: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("erf");
/** {@link Tensor.erfc} as a function. */
export const erfc: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("erfc");
/** {@link Tensor.erfinv} as a function. */
export const erfinv: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("erfinv");
/** {@link Tensor.lgamma} as a function. */
export const lgamma: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("lgamma");
/** {@link Tensor.digamma} as a function. */
export const digamma: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("digamma");
/** {@link Tensor.i0} as a function. */
export const i0: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("i0");
/** {@link Tensor.deg2rad} as a function. */
export const deg2rad: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("deg2rad");
/** {@link Tensor.rad2deg} as a function. */
export const rad2deg: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("rad2deg");
/** {@link Tensor.sigmoid} as a function. */
export const sigmoid: <D extends DType>(input: Tensor<D>) => Tensor<Floated<D>> = operator("sigmoid");
/** {@link Tensor.logit} as a function. */
export const logit: {
  <D extends DType>(input: Tensor<D>, eps?: number | null): Tensor<Floated<D>>;
  <D extends DType>(input: Tensor<D>, options: { eps?: number | null }): Tensor<Floated<D>>;
} = operator("logit");
/** {@link Tensor.clamp} as a function. */
export const clamp: {
  <D extends DType>(input: Tensor<D>, min?: NumberLike | null, max?: NumberLike | null): Tensor<WithNumber<D>>;
  (input: Tensor, min?: TensorLike | null, max?: TensorLike | null): Tensor;
  <D extends DType>(input: Tensor<D>, options: { min?: NumberLike | null; max?: NumberLike | null }): Tensor<WithNumber<D>>;
  (input: Tensor, options: { min?: TensorLike | null; max?: TensorLike | null }): Tensor;
} = operator("clamp");
/** {@link Tensor.nanToNum} as a function. */
export const nanToNum: {
  <D extends DType>(input: Tensor<D>, nan?: number | null, posinf?: number | null, neginf?: number | null): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { nan?: number | null; posinf?: number | null; neginf?: number | null }): Tensor<D>;
} = operator("nan_to_num");
/** {@link Tensor.real} as a function. */
export const real: <D extends DType>(input: Tensor<D>) => Tensor<Real<D>> = operator("real");
/** {@link Tensor.imag} as a function. */
export const imag: <D extends DType>(input: Tensor<D>) => Tensor<Real<D>> = operator("imag");
/** {@link Tensor.conj} as a function. */
export const conj: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("conj");
/** {@link Tensor.angle} as a function. */
export const angle: <D extends DType>(input: Tensor<D>) => Tensor<Real<Floated<D>>> = operator("angle");

addMethods({
  neg, sgn, square, floor, ceil, trunc, frac, sign, abs, round, positive, reciprocal, exp, exp2, expm1, log, log2, log10,
  log1p, sqrt, rsqrt, sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, asinh, acosh, atanh, sinc, erf, erfc, erfinv,
  lgamma, digamma, i0, deg2rad, rad2deg, sigmoid, logit, clamp, nanToNum, real, imag, conj, angle,
});
