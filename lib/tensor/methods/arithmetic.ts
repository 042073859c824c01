/**
 * Arithmetic of two tensors, or of a tensor and a number: shapes broadcast, dtypes promote as in PyTorch.
 *
 * Errors: `ERR_ARGUMENT` for an argument of the wrong kind, `ERR_SHAPE` where shapes do not broadcast, `ERR_DTYPE`
 * where an operation has no meaning for a dtype.
 */

import type { DType } from "../dtype.js";
import type { ScalarLike } from "../scalars.js";
import type { Tensor } from "../tensor.js";
import { addMethods, operator } from "./define.js";
import type { DivisionOptions, Floated, NumberLike, RoundedDivisionOptions, TensorLike, WithNumber } from "./types.js";

declare module "../tensor.js" {
  interface Tensor<D extends DType> {
    /**
     * `this + alpha * other`, elementwise; `alpha` is 1 by default.
     * @see torch.Tensor.add
     */
    add(other: Tensor<D>, options?: { alpha?: ScalarLike }): Tensor<D>;
    add(other: NumberLike, options?: { alpha?: ScalarLike }): Tensor<WithNumber<D>>;
    add(other: TensorLike, options?: { alpha?: ScalarLike }): Tensor;
    /**
     * `this - alpha * other`, elementwise; `alpha` is 1 by default.
     * @see torch.Tensor.sub
     */
    sub(other: Tensor<D>, options?: { alpha?: ScalarLike }): Tensor<D>;
    sub(other: NumberLike, options?: { alpha?: ScalarLike }): Tensor<WithNumber<D>>;
    sub(other: TensorLike, options?: { alpha?: ScalarLike }): Tensor;
    /**
     * `other - alpha * this`, elementwise: a number minus a tensor.
     * @see torch.Tensor.rsub
     */
    rsub(other: Tensor<D>, options?: { alpha?: ScalarLike }): Tensor<D>;
    rsub(other: NumberLike, options?: { alpha?: ScalarLike }): Tensor<WithNumber<D>>;
    rsub(other: TensorLike, options?: { alpha?: ScalarLike }): Tensor;
    /**
     * `this * other`, elementwise.
     * @see torch.Tensor.mul
     */
    mul(other: Tensor<D>): Tensor<D>;
    mul(other: NumberLike): Tensor<WithNumber<D>>;
    mul(other: TensorLike): Tensor;
    /**
     * `this / other`, elementwise. Integers give a float, unless `roundingMode` rounds to an integer: `"trunc"` toward
     * zero, `"floor"` down.
     * @see torch.Tensor.div
     */
    div(other: Tensor<D>, options: RoundedDivisionOptions): Tensor<D>;
    div(other: NumberLike, options: RoundedDivisionOptions): Tensor<WithNumber<D>>;
    div(other: Tensor<D>): Tensor<Floated<D>>;
    div(other: NumberLike): Tensor<Floated<D>>;
    div(other: TensorLike, options?: DivisionOptions): Tensor;
    /**
     * `floor(this / other)`, elementwise.
     * @see torch.Tensor.floor_divide
     */
    floorDivide(other: Tensor<D>): Tensor<D>;
    floorDivide(other: NumberLike): Tensor<WithNumber<D>>;
    floorDivide(other: TensorLike): Tensor;
    /**
     * What is left of `this / other` rounded down, elementwise: it has the sign of `other`, as Python's `%`.
     * @see torch.Tensor.remainder
     */
    remainder(other: Tensor<D>): Tensor<D>;
    remainder(other: NumberLike): Tensor<WithNumber<D>>;
    remainder(other: TensorLike): Tensor;
    /**
     * What is left of `this / other` rounded toward zero, elementwise: it has the sign of this tensor, as JavaScript's `%`.
     * @see torch.Tensor.fmod
     */
    fmod(other: Tensor<D>): Tensor<D>;
    fmod(other: NumberLike): Tensor<WithNumber<D>>;
    fmod(other: TensorLike): Tensor;
    /**
     * `this ** exponent`, elementwise.
     * @see torch.Tensor.pow
     */
    pow(exponent: Tensor<D>): Tensor<D>;
    pow(exponent: NumberLike): Tensor<WithNumber<D>>;
    pow(exponent: TensorLike): Tensor;
    /**
     * `this + value * tensor1 * tensor2`, elementwise; `value` is 1 by default.
     * @see torch.Tensor.addcmul
     */
    addcmul(tensor1: TensorLike, tensor2: TensorLike, options?: { value?: ScalarLike }): Tensor;
    /**
     * `this + value * tensor1 / tensor2`, elementwise; `value` is 1 by default. Floating-point dtypes only.
     * @see torch.Tensor.addcdiv
     */
    addcdiv(tensor1: TensorLike, tensor2: TensorLike, options?: { value?: ScalarLike }): Tensor;
    /**
     * `this + weight * (end - this)`, elementwise. The dtypes of both ends must agree.
     * @see torch.Tensor.lerp
     */
    lerp(end: Tensor, weight: TensorLike): Tensor<D>;
    /**
     * The larger of two elements; NaN if one is NaN.
     * @see torch.Tensor.maximum
     */
    maximum(other: Tensor<D>): Tensor<D>;
    maximum(other: TensorLike): Tensor;
    /**
     * The smaller of two elements; NaN if one is NaN.
     * @see torch.Tensor.minimum
     */
    minimum(other: Tensor<D>): Tensor<D>;
    minimum(other: TensorLike): Tensor;
    /**
     * The larger of two elements; a number where the other is NaN.
     * @see torch.Tensor.fmax
     */
    fmax(other: Tensor<D>): Tensor<D>;
    fmax(other: TensorLike): Tensor;
    /**
     * The smaller of two elements; a number where the other is NaN.
     * @see torch.Tensor.fmin
     */
    fmin(other: Tensor<D>): Tensor<D>;
    fmin(other: TensorLike): Tensor;
    /**
     * The angle of the point (`other`, this) in radians, from -pi to pi, elementwise.
     * @see torch.Tensor.atan2
     */
    atan2(other: TensorLike): Tensor<Floated<D>>;
    /**
     * `sqrt(this ** 2 + other ** 2)`, elementwise, without overflow in between.
     * @see torch.Tensor.hypot
     */
    hypot(other: TensorLike): Tensor<D>;
    /**
     * `log(exp(this) + exp(other))`, elementwise, without overflow. Floating-point dtypes only.
     * @see torch.Tensor.logaddexp
     */
    logaddexp(other: TensorLike): Tensor<D>;
    /**
     * `log2(2 ** this + 2 ** other)`, elementwise, without overflow. Floating-point dtypes only.
     * @see torch.Tensor.logaddexp2
     */
    logaddexp2(other: TensorLike): Tensor<D>;
    /**
     * The magnitude of this with the sign of `other`, elementwise.
     * @see torch.Tensor.copysign
     */
    copysign(other: TensorLike): Tensor<Floated<D>>;
    /**
     * `this * log(other)`, elementwise; 0 where this is 0.
     * @see torch.Tensor.xlogy
     */
    xlogy(other: TensorLike): Tensor<Floated<D>>;
    /**
     * 0 where this is negative, 1 where positive, `values` where it is 0. The dtypes must agree.
     * @see torch.Tensor.heaviside
     */
    heaviside(values: Tensor): Tensor<D>;
    /**
     * The greatest common divisor, elementwise. Integer dtypes only.
     * @see torch.Tensor.gcd
     */
    gcd(other: Tensor): Tensor<D>;
    /**
     * The least common multiple, elementwise. Integer dtypes only.
     * @see torch.Tensor.lcm
     */
    lcm(other: Tensor): Tensor<D>;
  }
}

/** {@link Tensor.add} as a function. */
export const add: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>, options?: { alpha?: ScalarLike }): Tensor<D>;
  <D extends DType>(input: Tensor<D>, other: NumberLike, options?: { alpha?: ScalarLike }): Tensor<WithNumber<D>>;
  (input: Tensor, other: TensorLike, options?: { alpha?: ScalarLike }): Tensor;
} = operator("add.Tensor");
/** {@link Tensor.sub} as a function. */
export const sub: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>, options?: { alpha?: ScalarLike }): Tensor<D>;
  <D extends DType>(input: Tensor<D>, other: NumberLike, options?: { alpha?: ScalarLike }): Tensor<WithNumber<D>>;
  (input: Tensor, other: TensorLike, options?: { alpha?: ScalarLike }): Tensor;
} = operator("sub.Tensor");
/** {@link Tensor.rsub} as a function. */
export const rsub: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>, options?: { alpha?: ScalarLike }): Tensor<D>;
  <D extends DType>(input: Tensor<D>, other: NumberLike, options?: { alpha?: ScalarLike }): Tensor<WithNumber<D>>;
  (input: Tensor, other: TensorLike, options?: { alpha?: ScalarLike }): Tensor;
} = operator("rsub");
/** {@link Tensor.mul} as a function. */
export const mul: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>): Tensor<D>;
  <D extends DType>(input: Tensor<D>, other: NumberLike): Tensor<WithNumber<D>>;
  (input: Tensor, other: TensorLike): Tensor;
} = operator("mul.Tensor");
/** {@link Tensor.div} as a function. */
export const div: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>, options: RoundedDivisionOptions): Tensor<D>;
  <D extends DType>(input: Tensor<D>, other: NumberLike, options: RoundedDivisionOptions): Tensor<WithNumber<D>>;
  <D extends DType>(input: Tensor<D>, other: Tensor<D>): Tensor<Floated<D>>;
  <D extends DType>(input: Tensor<D>, other: NumberLike): Tensor<Floated<D>>;
  (input: Tensor, other: TensorLike, options?: DivisionOptions): Tensor;
} = operator("div");
/** {@link Tensor.floorDivide} as a function. */
export const floorDivide: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>): Tensor<D>;
  <D extends DType>(input: Tensor<D>, other: NumberLike): Tensor<WithNumber<D>>;
  (input: Tensor, other: TensorLike): Tensor;
} = operator("floor_divide");
/** {@link Tensor.remainder} as a function. */
export const remainder: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>): Tensor<D>;
  <D extends DType>(input: Tensor<D>, other: NumberLike): Tensor<WithNumber<D>>;
  (input: Tensor, other: TensorLike): Tensor;
} = operator("remainder");
/** {@link Tensor.fmod} as a function. */
export const fmod: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>): Tensor<D>;
  <D extends DType>(input: Tensor<D>, other: NumberLike): Tensor<WithNumber<D>>;
  (input: Tensor, other: TensorLike): Tensor;
} = operator("fmod");
/** {@link Tensor.pow} as a function. */
export const pow: {
  (self: ScalarLike, exponent: Tensor): Tensor;
  <D extends DType>(input: Tensor<D>, exponent: Tensor<D>): Tensor<D>;
  <D extends DType>(input: Tensor<D>, exponent: NumberLike): Tensor<WithNumber<D>>;
  (input: Tensor, exponent: TensorLike): Tensor;
} = operator("pow");
/** {@link Tensor.addcmul} as a function. */
export const addcmul: (input: Tensor, tensor1: TensorLike, tensor2: TensorLike, options?: { value?: ScalarLike }) => Tensor = operator("addcmul");
/** {@link Tensor.addcdiv} as a function. */
export const addcdiv: (input: Tensor, tensor1: TensorLike, tensor2: TensorLike, options?: { value?: ScalarLike }) => Tensor = operator("addcdiv");
/** {@link Tensor.lerp} as a function. */
export const lerp: <D extends DType>(input: Tensor<D>, end: Tensor, weight: TensorLike) => Tensor<D> = operator("lerp");
/** {@link Tensor.maximum} as a function. */
export const maximum: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>): Tensor<D>;
  (input: Tensor, other: TensorLike): Tensor;
} = operator("maximum");
/** {@link Tensor.minimum} as a function. */
export const minimum: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>): Tensor<D>;
  (input: Tensor, other: TensorLike): Tensor;
} = operator("minimum");
/** {@link Tensor.fmax} as a function. */
export const fmax: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>): Tensor<D>;
  (input: Tensor, other: TensorLike): Tensor;
} = operator("fmax");
/** {@link Tensor.fmin} as a function. */
export const fmin: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>): Tensor<D>;
  (input: Tensor, other: TensorLike): Tensor;
} = operator("fmin");
/** {@link Tensor.atan2} as a function. */
export const atan2: <D extends DType>(input: Tensor<D>, other: TensorLike) => Tensor<Floated<D>> = operator("atan2");
/** {@link Tensor.hypot} as a function. */
export const hypot: <D extends DType>(input: Tensor<D>, other: TensorLike) => Tensor<D> = operator("hypot");
/** {@link Tensor.logaddexp} as a function. */
export const logaddexp: <D extends DType>(input: Tensor<D>, other: TensorLike) => Tensor<D> = operator("logaddexp");
/** {@link Tensor.logaddexp2} as a function. */
export const logaddexp2: <D extends DType>(input: Tensor<D>, other: TensorLike) => Tensor<D> = operator("logaddexp2");
/** {@link Tensor.copysign} as a function. */
export const copysign: <D extends DType>(input: Tensor<D>, other: TensorLike) => Tensor<Floated<D>> = operator("copysign");
/** {@link Tensor.xlogy} as a function. */
export const xlogy: <D extends DType>(input: Tensor<D>, other: TensorLike) => Tensor<Floated<D>> = operator("xlogy");
/** {@link Tensor.heaviside} as a function. */
export const heaviside: <D extends DType>(input: Tensor<D>, values: Tensor) => Tensor<D> = operator("heaviside");
/** {@link Tensor.gcd} as a function. */
export const gcd: <D extends DType>(input: Tensor<D>, other: Tensor) => Tensor<D> = operator("gcd");
/** {@link Tensor.lcm} as a function. */
export const lcm: <D extends DType>(input: Tensor<D>, other: Tensor) => Tensor<D> = operator("lcm");

addMethods({
  add, sub, rsub, mul, div, floorDivide, remainder, fmod, pow, addcmul, addcdiv, lerp, maximum, minimum, fmax, fmin,
  atan2, hypot, logaddexp, logaddexp2, copysign, xlogy, heaviside, gcd, lcm,
});
