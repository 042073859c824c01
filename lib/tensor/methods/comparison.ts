/**
 * Comparisons, tests and logic: results are bool tensors. Shapes broadcast.
 *
 * Errors: `ERR_ARGUMENT` for an argument of the wrong kind, `ERR_SHAPE` where shapes do not broadcast.
 */

import type { DType } from "../dtype.js";
import type { Tensor } from "../tensor.js";
import { addMethods, operator } from "./define.js";
import type { TensorLike } from "./types.js";

declare module "../tensor.js" {
  interface Tensor<D extends DType> {
    /**
     * `this === other`, elementwise. A comparison with NaN is false.
     * @see torch.Tensor.eq
     */
    eq(other: TensorLike): Tensor<"bool">;
    /**
     * `this !== other`, elementwise. A comparison with NaN is false, so `ne` is true.
     * @see torch.Tensor.ne
     */
    ne(other: TensorLike): Tensor<"bool">;
    /**
     * `this < other`, elementwise. A comparison with NaN is false.
     * @see torch.Tensor.lt
     */
    lt(other: TensorLike): Tensor<"bool">;
    /**
     * `this <= other`, elementwise. A comparison with NaN is false.
     * @see torch.Tensor.le
     */
    le(other: TensorLike): Tensor<"bool">;
    /**
     * `this > other`, elementwise. A comparison with NaN is false.
     * @see torch.Tensor.gt
     */
    gt(other: TensorLike): Tensor<"bool">;
    /**
     * `this >= other`, elementwise. A comparison with NaN is false.
     * @see torch.Tensor.ge
     */
    ge(other: TensorLike): Tensor<"bool">;
    /**
     * `|this - other| <= atol + rtol * |other|`, elementwise; defaults 1e-8 (`atol`) and 1e-5 (`rtol`). The dtypes must
     * agree.
     * @see torch.Tensor.isclose
     */
    isclose(other: Tensor, rtol?: number, atol?: number, equalNan?: boolean): Tensor<"bool">;
    isclose(other: Tensor, options: { rtol?: number; atol?: number; equalNan?: boolean }): Tensor<"bool">;
    /**
     * Whether `isclose` holds for all elements.
     * @see torch.Tensor.allclose
     */
    allclose(other: Tensor, rtol?: number, atol?: number, equalNan?: boolean): boolean;
    allclose(other: Tensor, options: { rtol?: number; atol?: number; equalNan?: boolean }): boolean;
    /**
     * Whether both have the same shape and the same elements. NaN equals nothing.
     * @see torch.Tensor.equal
     */
    equal(other: Tensor): boolean;
    /**
     * Where elements are NaN.
     * @see torch.Tensor.isnan
     */
    isnan(): Tensor<"bool">;
    /**
     * Where elements are infinite.
     * @see torch.Tensor.isinf
     */
    isinf(): Tensor<"bool">;
    /**
     * Where elements are neither infinite nor NaN.
     * @see torch.Tensor.isfinite
     */
    isfinite(): Tensor<"bool">;
    /**
     * Where elements are Infinity.
     * @see torch.Tensor.isposinf
     */
    isposinf(): Tensor<"bool">;
    /**
     * Where elements are -Infinity.
     * @see torch.Tensor.isneginf
     */
    isneginf(): Tensor<"bool">;
    /**
     * Where elements have no imaginary part.
     * @see torch.Tensor.isreal
     */
    isreal(): Tensor<"bool">;
    /**
     * Where elements are negative, -0 included.
     * @see torch.Tensor.signbit
     */
    signbit(): Tensor<"bool">;
    /**
     * Where elements are 0.
     * @see torch.Tensor.logical_not
     */
    logicalNot(): Tensor<"bool">;
    /**
     * Where both are not 0.
     * @see torch.Tensor.logical_and
     */
    logicalAnd(other: Tensor): Tensor<"bool">;
    /**
     * Where at least one is not 0.
     * @see torch.Tensor.logical_or
     */
    logicalOr(other: Tensor): Tensor<"bool">;
    /**
     * Where exactly one is not 0.
     * @see torch.Tensor.logical_xor
     */
    logicalXor(other: Tensor): Tensor<"bool">;
    /**
     * The bits that both have, elementwise. Integers and bool only.
     * @see torch.Tensor.bitwise_and
     */
    bitwiseAnd(other: Tensor<D>): Tensor<D>;
    bitwiseAnd(other: TensorLike): Tensor;
    /**
     * The bits that one or both have, elementwise. Integers and bool only.
     * @see torch.Tensor.bitwise_or
     */
    bitwiseOr(other: Tensor<D>): Tensor<D>;
    bitwiseOr(other: TensorLike): Tensor;
    /**
     * The bits that exactly one has, elementwise. Integers and bool only.
     * @see torch.Tensor.bitwise_xor
     */
    bitwiseXor(other: Tensor<D>): Tensor<D>;
    bitwiseXor(other: TensorLike): Tensor;
    /**
     * All bits turned, elementwise; of bool the opposite. Integers and bool only.
     * @see torch.Tensor.bitwise_not
     */
    bitwiseNot(): Tensor<D>;
    /**
     * Bits moved left by so many places. Integers only.
     * @see torch.Tensor.bitwise_left_shift
     */
    bitwiseLeftShift(other: Tensor<D>): Tensor<D>;
    bitwiseLeftShift(other: TensorLike): Tensor;
    /**
     * Bits moved right by so many places; the sign stays. Integers only.
     * @see torch.Tensor.bitwise_right_shift
     */
    bitwiseRightShift(other: Tensor<D>): Tensor<D>;
    bitwiseRightShift(other: TensorLike): Tensor;
  }
}

/** {@link Tensor.eq} as a function. */
export const eq: (input: Tensor, other: TensorLike) => Tensor<"bool"> = operator("eq");
/** {@link Tensor.ne} as a function. */
export const ne: (input: Tensor, other: TensorLike) => Tensor<"bool"> = operator("ne");
/** {@link Tensor.lt} as a function. */
export const lt: (input: Tensor, other: TensorLike) => Tensor<"bool"> = operator("lt");
/** {@link Tensor.le} as a function. */
export const le: (input: Tensor, other: TensorLike) => Tensor<"bool"> = operator("le");
/** {@link Tensor.gt} as a function. */
export const gt: (input: Tensor, other: TensorLike) => Tensor<"bool"> = operator("gt");
/** {@link Tensor.ge} as a function. */
export const ge: (input: Tensor, other: TensorLike) => Tensor<"bool"> = operator("ge");
/** {@link Tensor.isclose} as a function. */
export const isclose: {
  (input: Tensor, other: Tensor, rtol?: number, atol?: number, equalNan?: boolean): Tensor<"bool">;
  (input: Tensor, other: Tensor, options: { rtol?: number; atol?: number; equalNan?: boolean }): Tensor<"bool">;
} = operator("isclose");
/** {@link Tensor.allclose} as a function. */
export const allclose: {
  (input: Tensor, other: Tensor, rtol?: number, atol?: number, equalNan?: boolean): boolean;
  (input: Tensor, other: Tensor, options: { rtol?: number; atol?: number; equalNan?: boolean }): boolean;
} = operator("allclose");
/** {@link Tensor.equal} as a function. */
export const equal: (input: Tensor, other: Tensor) => boolean = operator("equal");
/** {@link Tensor.isnan} as a function. */
export const isnan: (input: Tensor) => Tensor<"bool"> = operator("isnan");
/** {@link Tensor.isinf} as a function. */
export const isinf: (input: Tensor) => Tensor<"bool"> = operator("isinf");
/** {@link Tensor.isfinite} as a function. */
export const isfinite: (input: Tensor) => Tensor<"bool"> = operator("isfinite");
/** {@link Tensor.isposinf} as a function. */
export const isposinf: (input: Tensor) => Tensor<"bool"> = operator("isposinf");
/** {@link Tensor.isneginf} as a function. */
export const isneginf: (input: Tensor) => Tensor<"bool"> = operator("isneginf");
/** {@link Tensor.isreal} as a function. */
export const isreal: (input: Tensor) => Tensor<"bool"> = operator("isreal");
/** {@link Tensor.signbit} as a function. */
export const signbit: (input: Tensor) => Tensor<"bool"> = operator("signbit");
/** {@link Tensor.logicalNot} as a function. */
export const logicalNot: (input: Tensor) => Tensor<"bool"> = operator("logical_not");
/** {@link Tensor.logicalAnd} as a function. */
export const logicalAnd: (input: Tensor, other: Tensor) => Tensor<"bool"> = operator("logical_and");
/** {@link Tensor.logicalOr} as a function. */
export const logicalOr: (input: Tensor, other: Tensor) => Tensor<"bool"> = operator("logical_or");
/** {@link Tensor.logicalXor} as a function. */
export const logicalXor: (input: Tensor, other: Tensor) => Tensor<"bool"> = operator("logical_xor");
/** {@link Tensor.bitwiseAnd} as a function. */
export const bitwiseAnd: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>): Tensor<D>;
  (input: Tensor, other: TensorLike): Tensor;
} = operator("bitwise_and");
/** {@link Tensor.bitwiseOr} as a function. */
export const bitwiseOr: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>): Tensor<D>;
  (input: Tensor, other: TensorLike): Tensor;
} = operator("bitwise_or");
/** {@link Tensor.bitwiseXor} as a function. */
export const bitwiseXor: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>): Tensor<D>;
  (input: Tensor, other: TensorLike): Tensor;
} = operator("bitwise_xor");
/** {@link Tensor.bitwiseNot} as a function. */
export const bitwiseNot: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("bitwise_not");
/** {@link Tensor.bitwiseLeftShift} as a function. */
export const bitwiseLeftShift: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>): Tensor<D>;
  (input: Tensor, other: TensorLike): Tensor;
} = operator("bitwise_left_shift");
/** {@link Tensor.bitwiseRightShift} as a function. */
export const bitwiseRightShift: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>): Tensor<D>;
  (input: Tensor, other: TensorLike): Tensor;
} = operator("bitwise_right_shift");

addMethods({
  eq, ne, lt, le, gt, ge, isclose, allclose, equal, isnan, isinf, isfinite, isposinf, isneginf, isreal, signbit,
  logicalNot, logicalAnd, logicalOr, logicalXor, bitwiseAnd, bitwiseOr, bitwiseXor, bitwiseNot, bitwiseLeftShift,
  bitwiseRightShift,
});
