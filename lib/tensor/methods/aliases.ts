/**
 * PyTorch's other names for the same: `absolute` is `abs`, `multiply` is `mul`. Arguments and errors are theirs.
 */

import type { DType } from "../dtype.js";
import type { ScalarLike } from "../scalars.js";
import type { Tensor } from "../tensor.js";
import { addMethods, operator } from "./define.js";
import type { Dims, DivisionOptions, Floated, NumberLike, Real, RoundedDivisionOptions, TensorLike, WithNumber } from "./types.js";

declare module "../tensor.js" {
  interface Tensor<D extends DType> {
    /**
     * As {@link Tensor.abs}.
     * @see torch.Tensor.absolute
     */
    absolute(): Tensor<Real<D>>;
    /**
     * As {@link Tensor.neg}.
     * @see torch.Tensor.negative
     */
    negative(): Tensor<D>;
    /**
     * As {@link Tensor.sub}.
     * @see torch.Tensor.subtract
     */
    subtract(other: Tensor<D>, options?: { alpha?: ScalarLike }): Tensor<D>;
    subtract(other: NumberLike, options?: { alpha?: ScalarLike }): Tensor<WithNumber<D>>;
    subtract(other: TensorLike, options?: { alpha?: ScalarLike }): Tensor;
    /**
     * As {@link Tensor.mul}.
     * @see torch.Tensor.multiply
     */
    multiply(other: Tensor<D>): Tensor<D>;
    multiply(other: NumberLike): Tensor<WithNumber<D>>;
    multiply(other: TensorLike): Tensor;
    /**
     * As {@link Tensor.div}.
     * @see torch.Tensor.divide
     */
    divide(other: Tensor<D>, options: RoundedDivisionOptions): Tensor<D>;
    divide(other: NumberLike, options: RoundedDivisionOptions): Tensor<WithNumber<D>>;
    divide(other: Tensor<D>): Tensor<Floated<D>>;
    divide(other: NumberLike): Tensor<Floated<D>>;
    divide(other: TensorLike, options?: DivisionOptions): Tensor;
    /**
     * As {@link Tensor.div}.
     * @see torch.Tensor.true_divide
     */
    trueDivide(other: Tensor<D>): Tensor<Floated<D>>;
    trueDivide(other: NumberLike): Tensor<Floated<D>>;
    trueDivide(other: TensorLike): Tensor;
    /**
     * As {@link Tensor.gt}.
     * @see torch.Tensor.greater
     */
    greater(other: TensorLike): Tensor<"bool">;
    /**
     * As {@link Tensor.ge}.
     * @see torch.Tensor.greater_equal
     */
    greaterEqual(other: TensorLike): Tensor<"bool">;
    /**
     * As {@link Tensor.lt}.
     * @see torch.Tensor.less
     */
    less(other: TensorLike): Tensor<"bool">;
    /**
     * As {@link Tensor.le}.
     * @see torch.Tensor.less_equal
     */
    lessEqual(other: TensorLike): Tensor<"bool">;
    /**
     * As {@link Tensor.ne}.
     * @see torch.Tensor.not_equal
     */
    notEqual(other: TensorLike): Tensor<"bool">;
    /**
     * As {@link Tensor.clamp}.
     * @see torch.Tensor.clip
     */
    clip(min?: NumberLike | null, max?: NumberLike | null): Tensor<WithNumber<D>>;
    clip(min?: TensorLike | null, max?: TensorLike | null): Tensor;
    clip(options: { min?: NumberLike | null; max?: NumberLike | null }): Tensor<WithNumber<D>>;
    clip(options: { min?: TensorLike | null; max?: TensorLike | null }): Tensor;
    /**
     * As {@link Tensor.movedim}.
     * @see torch.Tensor.moveaxis
     */
    moveaxis(source: Dims, destination: Dims): Tensor<D>;
    moveaxis(options: { source: Dims; destination: Dims }): Tensor<D>;
    /**
     * As {@link Tensor.transpose}.
     * @see torch.Tensor.swapdims
     */
    swapdims(dim0: number, dim1: number): Tensor<D>;
    swapdims(options: { dim0: number; dim1: number }): Tensor<D>;
  }
}

/** {@link Tensor.absolute} as a function. */
export const absolute: <D extends DType>(input: Tensor<D>) => Tensor<Real<D>> = operator("absolute");
/** {@link Tensor.negative} as a function. */
export const negative: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("negative");
/** {@link Tensor.subtract} as a function. */
export const subtract: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>, options?: { alpha?: ScalarLike }): Tensor<D>;
  <D extends DType>(input: Tensor<D>, other: NumberLike, options?: { alpha?: ScalarLike }): Tensor<WithNumber<D>>;
  (input: Tensor, other: TensorLike, options?: { alpha?: ScalarLike }): Tensor;
} = operator("subtract");
/** {@link Tensor.multiply} as a function. */
export const multiply: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>): Tensor<D>;
  <D extends DType>(input: Tensor<D>, other: NumberLike): Tensor<WithNumber<D>>;
  (input: Tensor, other: TensorLike): Tensor;
} = operator("multiply");
/** {@link Tensor.divide} as a function. */
export const divide: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>, options: RoundedDivisionOptions): Tensor<D>;
  <D extends DType>(input: Tensor<D>, other: NumberLike, options: RoundedDivisionOptions): Tensor<WithNumber<D>>;
  <D extends DType>(input: Tensor<D>, other: Tensor<D>): Tensor<Floated<D>>;
  <D extends DType>(input: Tensor<D>, other: NumberLike): Tensor<Floated<D>>;
  (input: Tensor, other: TensorLike, options?: DivisionOptions): Tensor;
} = operator("divide");
/** {@link Tensor.trueDivide} as a function. */
export const trueDivide: {
  <D extends DType>(input: Tensor<D>, other: Tensor<D>): Tensor<Floated<D>>;
  <D extends DType>(input: Tensor<D>, other: NumberLike): Tensor<Floated<D>>;
  (input: Tensor, other: TensorLike): Tensor;
} = operator("true_divide");
/** {@link Tensor.greater} as a function. */
export const greater: (input: Tensor, other: TensorLike) => Tensor<"bool"> = operator("greater");
/** {@link Tensor.greaterEqual} as a function. */
export const greaterEqual: (input: Tensor, other: TensorLike) => Tensor<"bool"> = operator("greater_equal");
/** {@link Tensor.less} as a function. */
export const less: (input: Tensor, other: TensorLike) => Tensor<"bool"> = operator("less");
/** {@link Tensor.lessEqual} as a function. */
export const lessEqual: (input: Tensor, other: TensorLike) => Tensor<"bool"> = operator("less_equal");
/** {@link Tensor.notEqual} as a function. */
export const notEqual: (input: Tensor, other: TensorLike) => Tensor<"bool"> = operator("not_equal");
/** {@link Tensor.clip} as a function. */
export const clip: {
  <D extends DType>(input: Tensor<D>, min?: NumberLike | null, max?: NumberLike | null): Tensor<WithNumber<D>>;
  (input: Tensor, min?: TensorLike | null, max?: TensorLike | null): Tensor;
  <D extends DType>(input: Tensor<D>, options: { min?: NumberLike | null; max?: NumberLike | null }): Tensor<WithNumber<D>>;
  (input: Tensor, options: { min?: TensorLike | null; max?: TensorLike | null }): Tensor;
} = operator("clip");
/** {@link Tensor.moveaxis} as a function. */
export const moveaxis: {
  <D extends DType>(input: Tensor<D>, source: Dims, destination: Dims): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { source: Dims; destination: Dims }): Tensor<D>;
} = operator("moveaxis");
/** {@link Tensor.swapdims} as a function. */
export const swapdims: {
  <D extends DType>(input: Tensor<D>, dim0: number, dim1: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { dim0: number; dim1: number }): Tensor<D>;
} = operator("swapdims");

addMethods({
  absolute, negative, subtract, multiply, divide, trueDivide, greater, greaterEqual,
  less, lessEqual, notEqual, clip, moveaxis, swapdims,
});
