/** Types of arguments and results that many methods share. */

import type { DType } from "../dtype.js";
import type { ScalarLike } from "../scalars.js";
import type { Tensor } from "../tensor.js";

/** A number where a tensor is due takes part in type promotion as a number does. */
export type TensorLike = Tensor | ScalarLike;
/** A real number. */
export type NumberLike = number | bigint | boolean;
/** One dimension or several; negative ones count from the end. */
export type Dims = number | readonly number[];

/** dtypes without a fraction. */
type Exact = "bool" | "uint8" | "int8" | "int16" | "int32" | "int64" | "uint16" | "uint32" | "uint64";

/** The dtype of arithmetic with a number: floating-point and complex tensors keep theirs, others depend on the number. */
export type WithNumber<D extends DType> = D extends Exact ? DType : D;
/** The dtype of functions with fractions: integers and bool become float32. */
export type Floated<D extends DType> = D extends Exact ? "float32" : D;
/** The dtype of sums: integers and bool become int64. */
export type Summed<D extends DType> = D extends Exact ? "int64" : D;
/** The dtype of magnitudes and parts of complex numbers. */
export type Real<D extends DType> =
  D extends "complex128" ? "float64" : D extends "complex64" ? "float32" : D extends "complex32" ? "float16" : D;

/** What reductions along one dimension give: the values and where they were. */
export type ValuesAndIndices<D extends DType> = [values: Tensor<D>, indices: Tensor<"int64">];

export interface DivisionOptions {
  /** Round to an integer: toward zero or down. Default null: do not. */
  roundingMode?: "trunc" | "floor" | null;
}
export interface RoundedDivisionOptions extends DivisionOptions {
  roundingMode: "trunc" | "floor";
}
/** How a quantile between two elements is made of them. */
export type Interpolation = "linear" | "lower" | "higher" | "midpoint" | "nearest";
/** How several values that meet in one place are combined. */
export type ScatterReduction = "sum" | "prod" | "mean" | "amax" | "amin";
