/**
 * Reductions: over all elements, or over the dimensions `dim`, which go, or stay with size 1 where `keepdim` is true.
 *
 * Errors: `ERR_ARGUMENT` for an argument of the wrong kind, `ERR_SHAPE` for a dimension that does not exist or is
 * empty, `ERR_DTYPE` where a reduction has no meaning for a dtype.
 */

import type { DType } from "../dtype.js";
import type { OperatorFunction } from "../operators.js";
import { Tensor } from "../tensor.js";
import { addMethods, inOrder, operator } from "./define.js";
import type { Dims, Floated, Interpolation, NumberLike, Real, Summed, ValuesAndIndices } from "./types.js";

/** The order of a norm. */
export type NormOrder = NumberLike | "fro" | "nuc";

export interface NormOptions {
  /** Default 2. */
  p?: NormOrder | null;
  /** Along these dimensions. Default: of all elements. */
  dim?: Dims | null;
  /** Keep the dimensions, with size 1. Default false. */
  keepdim?: boolean;
  /** Convert to it first: a wider one. */
  dtype?: DType;
}

/** How a standard deviation or variance is taken: `correction`, or in older programs `unbiased`. */
export type SpreadOptions = { correction?: NumberLike; keepdim?: boolean } | { unbiased?: boolean; keepdim?: boolean };

declare module "../tensor.js" {
  interface Tensor<D extends DType> {
    /**
     * The sum; integers and bool add up to int64. Of no elements, 0.
     * @see torch.Tensor.sum
     */
    sum(options?: { dtype?: undefined }): Tensor<Summed<D>>;
    sum(dim: Dims | null, keepdim?: boolean, options?: { dtype?: undefined }): Tensor<Summed<D>>;
    sum<E extends DType>(options: { dim?: Dims | null; keepdim?: boolean; dtype: E }): Tensor<E>;
    sum<E extends DType>(dim: Dims | null, keepdim: boolean | undefined, options: { dtype: E }): Tensor<E>;
    sum(options: { dim: Dims | null; keepdim?: boolean }): Tensor<Summed<D>>;
    /**
     * The sum, with NaN as 0.
     * @see torch.Tensor.nansum
     */
    nansum(options?: { dtype?: undefined }): Tensor<Summed<D>>;
    nansum(dim: Dims | null, keepdim?: boolean, options?: { dtype?: undefined }): Tensor<Summed<D>>;
    nansum<E extends DType>(options: { dim?: Dims | null; keepdim?: boolean; dtype: E }): Tensor<E>;
    nansum<E extends DType>(dim: Dims | null, keepdim: boolean | undefined, options: { dtype: E }): Tensor<E>;
    nansum(options: { dim: Dims | null; keepdim?: boolean }): Tensor<Summed<D>>;
    /**
     * The mean. Floating-point and complex dtypes only, or say `dtype`. Of no elements, NaN.
     * @see torch.Tensor.mean
     */
    mean(options?: { dtype?: undefined }): Tensor<D>;
    mean(dim: Dims | null, keepdim?: boolean, options?: { dtype?: undefined }): Tensor<D>;
    mean<E extends DType>(options: { dim?: Dims | null; keepdim?: boolean; dtype: E }): Tensor<E>;
    mean<E extends DType>(dim: Dims | null, keepdim: boolean | undefined, options: { dtype: E }): Tensor<E>;
    mean(options: { dim: Dims | null; keepdim?: boolean }): Tensor<D>;
    /**
     * The mean of what is not NaN. Floating-point and complex dtypes only.
     * @see torch.Tensor.nanmean
     */
    nanmean(options?: { dtype?: undefined }): Tensor<D>;
    nanmean(dim: Dims | null, keepdim?: boolean, options?: { dtype?: undefined }): Tensor<D>;
    nanmean<E extends DType>(options: { dim?: Dims | null; keepdim?: boolean; dtype: E }): Tensor<E>;
    nanmean<E extends DType>(dim: Dims | null, keepdim: boolean | undefined, options: { dtype: E }): Tensor<E>;
    nanmean(options: { dim: Dims | null; keepdim?: boolean }): Tensor<D>;
    /**
     * The product; integers and bool give int64. Over one dimension or all.
     * @see torch.Tensor.prod
     */
    prod(options?: { dtype?: undefined }): Tensor<Summed<D>>;
    prod(dim: number, keepdim?: boolean): Tensor<Summed<D>>;
    prod<E extends DType>(options: { dtype: E }): Tensor<E>;
    prod(options: { dim: number; keepdim?: boolean }): Tensor<Summed<D>>;
    /**
     * The standard deviation: over `n - correction`, where `correction` is 1 by default; `unbiased` false stands for 0.
     * Floating-point and complex dtypes only.
     * @see torch.Tensor.std
     */
    std(dim?: Dims | null, options?: SpreadOptions): Tensor<Real<D>>;
    std(options: SpreadOptions & { dim?: Dims | null }): Tensor<Real<D>>;
    std(unbiased: boolean): Tensor<Real<D>>;
    std(dim: Dims | null, unbiased: boolean, keepdim?: boolean): Tensor<Real<D>>;
    /**
     * The variance: over `n - correction`, where `correction` is 1 by default; `unbiased` false stands for 0. Floating-point
     * and complex dtypes only.
     * @see torch.Tensor.var
     */
    var(dim?: Dims | null, options?: SpreadOptions): Tensor<Real<D>>;
    var(options: SpreadOptions & { dim?: Dims | null }): Tensor<Real<D>>;
    var(unbiased: boolean): Tensor<Real<D>>;
    var(dim: Dims | null, unbiased: boolean, keepdim?: boolean): Tensor<Real<D>>;
    /**
     * The largest of all elements; with `dim`, the largest along it and their indices; with a tensor, `maximum`. NaN if one
     * is NaN.
     * @see torch.Tensor.max
     */
    max(): Tensor<D>;
    max(dim: number, keepdim?: boolean): ValuesAndIndices<D>;
    max(options: { dim: number; keepdim?: boolean }): ValuesAndIndices<D>;
    max(other: Tensor): Tensor;
    /**
     * The smallest of all elements; with `dim`, the smallest along it and their indices; with a tensor, `minimum`. NaN if
     * one is NaN.
     * @see torch.Tensor.min
     */
    min(): Tensor<D>;
    min(dim: number, keepdim?: boolean): ValuesAndIndices<D>;
    min(options: { dim: number; keepdim?: boolean }): ValuesAndIndices<D>;
    min(other: Tensor): Tensor;
    /**
     * The largest elements, over several dimensions at once; gradients are shared evenly among equal ones.
     * @see torch.Tensor.amax
     */
    amax(dim?: Dims, keepdim?: boolean): Tensor<D>;
    amax(options: { dim?: Dims; keepdim?: boolean }): Tensor<D>;
    /**
     * The smallest elements, over several dimensions at once; gradients are shared evenly among equal ones.
     * @see torch.Tensor.amin
     */
    amin(dim?: Dims, keepdim?: boolean): Tensor<D>;
    amin(options: { dim?: Dims; keepdim?: boolean }): Tensor<D>;
    /**
     * The smallest and the largest in one pass.
     * @see torch.Tensor.aminmax
     */
    aminmax(options?: { dim?: number | null; keepdim?: boolean }): [min: Tensor<D>, max: Tensor<D>];
    /**
     * The index of the largest element: along `dim`, or in the flattened tensor. Ties give any of them.
     * @see torch.Tensor.argmax
     */
    argmax(dim?: number | null, keepdim?: boolean): Tensor<"int64">;
    argmax(options: { dim?: number | null; keepdim?: boolean }): Tensor<"int64">;
    /**
     * The index of the smallest element: along `dim`, or in the flattened tensor. Ties give any of them.
     * @see torch.Tensor.argmin
     */
    argmin(dim?: number | null, keepdim?: boolean): Tensor<"int64">;
    argmin(options: { dim?: number | null; keepdim?: boolean }): Tensor<"int64">;
    /**
     * Whether all elements are not 0. Of no elements, true.
     * @see torch.Tensor.all
     */
    all(): Tensor<"bool">;
    all(dim: Dims, keepdim?: boolean): Tensor<"bool">;
    all(options: { dim: Dims; keepdim?: boolean }): Tensor<"bool">;
    /**
     * Whether at least one element is not 0. Of no elements, false.
     * @see torch.Tensor.any
     */
    any(): Tensor<"bool">;
    any(dim: Dims, keepdim?: boolean): Tensor<"bool">;
    any(options: { dim: Dims; keepdim?: boolean }): Tensor<"bool">;
    /**
     * The vector norm of order `p` (default 2) of all elements, or along `dim`. `"fro"` is 2; `"nuc"`, of a matrix or of two
     * dimensions, the sum of singular values. Floating-point and complex dtypes only.
     * @see torch.Tensor.norm
     */
    norm(p?: NormOrder | null, dim?: Dims | null, keepdim?: boolean, options?: { dtype?: undefined }): Tensor<Real<D>>;
    norm(options: NormOptions & { dtype?: undefined }): Tensor<Real<D>>;
    norm(p: NormOrder | null | undefined, options: Omit<NormOptions, "p" | "dtype"> & { dtype?: undefined }): Tensor<Real<D>>;
    norm<E extends DType>(options: NormOptions & { dtype: E }): Tensor<E>;
    norm<E extends DType>(p: NormOrder | null | undefined, options: Omit<NormOptions, "p"> & { dtype: E }): Tensor<E>;
    norm<E extends DType>(p: NormOrder | null | undefined, dim: Dims | null | undefined, options: { keepdim?: boolean; dtype: E }): Tensor<E>;
    /**
     * The norm of order `p` (default 2) of `this - other`.
     * @see torch.Tensor.dist
     */
    dist(other: Tensor, p?: NumberLike): Tensor;
    dist(other: Tensor, options: { p?: NumberLike }): Tensor;
    /**
     * `log(sum(exp(this)))`, without overflow.
     * @see torch.Tensor.logsumexp
     */
    logsumexp(dim: Dims, keepdim?: boolean): Tensor<Floated<D>>;
    logsumexp(options: { dim: Dims; keepdim?: boolean }): Tensor<Floated<D>>;
    /**
     * The median, the lower one of two; with `dim`, also its index. NaN if one is NaN.
     * @see torch.Tensor.median
     */
    median(): Tensor<D>;
    median(dim: number, keepdim?: boolean): ValuesAndIndices<D>;
    median(options: { dim: number; keepdim?: boolean }): ValuesAndIndices<D>;
    /**
     * The median of what is not NaN.
     * @see torch.Tensor.nanmedian
     */
    nanmedian(): Tensor<D>;
    nanmedian(dim: number, keepdim?: boolean): ValuesAndIndices<D>;
    nanmedian(options: { dim: number; keepdim?: boolean }): ValuesAndIndices<D>;
    /**
     * The most frequent value along `dim` (default the last), the smallest of several, and the index of its last
     * occurrence.
     * @see torch.Tensor.mode
     */
    mode(dim?: number, keepdim?: boolean): ValuesAndIndices<D>;
    mode(options: { dim?: number; keepdim?: boolean }): ValuesAndIndices<D>;
    /**
     * The `q`-th quantile, 0 <= `q` <= 1, interpolated linearly by default. float32 and float64 only; `q` as a tensor has
     * the same dtype and adds a first dimension.
     * @see torch.Tensor.quantile
     */
    quantile(q: number | Tensor, dim?: number | null, keepdim?: boolean, options?: { interpolation?: Interpolation }): Tensor<D>;
    quantile(q: number | Tensor, options: { dim?: number | null; keepdim?: boolean; interpolation?: Interpolation }): Tensor<D>;
    /**
     * The `q`-th quantile of what is not NaN.
     * @see torch.Tensor.nanquantile
     */
    nanquantile(q: number | Tensor, dim?: number | null, keepdim?: boolean, options?: { interpolation?: Interpolation }): Tensor<D>;
    nanquantile(q: number | Tensor, options: { dim?: number | null; keepdim?: boolean; interpolation?: Interpolation }): Tensor<D>;
    /**
     * How many elements are not 0.
     * @see torch.Tensor.count_nonzero
     */
    countNonzero(dim?: Dims | null): Tensor<"int64">;
    countNonzero(options: { dim?: Dims | null }): Tensor<"int64">;
  }
}

/** {@link Tensor.sum} as a function. */
export const sum: {
  <D extends DType>(input: Tensor<D>, options?: { dtype?: undefined }): Tensor<Summed<D>>;
  <D extends DType>(input: Tensor<D>, dim: Dims | null, keepdim?: boolean, options?: { dtype?: undefined }): Tensor<Summed<D>>;
  <E extends DType>(input: Tensor, options: { dim?: Dims | null; keepdim?: boolean; dtype: E }): Tensor<E>;
  <E extends DType>(input: Tensor, dim: Dims | null, keepdim: boolean | undefined, options: { dtype: E }): Tensor<E>;
  <D extends DType>(input: Tensor<D>, options: { dim: Dims | null; keepdim?: boolean }): Tensor<Summed<D>>;
} = operator("sum");
/** {@link Tensor.nansum} as a function. */
export const nansum: {
  <D extends DType>(input: Tensor<D>, options?: { dtype?: undefined }): Tensor<Summed<D>>;
  <D extends DType>(input: Tensor<D>, dim: Dims | null, keepdim?: boolean, options?: { dtype?: undefined }): Tensor<Summed<D>>;
  <E extends DType>(input: Tensor, options: { dim?: Dims | null; keepdim?: boolean; dtype: E }): Tensor<E>;
  <E extends DType>(input: Tensor, dim: Dims | null, keepdim: boolean | undefined, options: { dtype: E }): Tensor<E>;
  <D extends DType>(input: Tensor<D>, options: { dim: Dims | null; keepdim?: boolean }): Tensor<Summed<D>>;
} = operator("nansum");
/** {@link Tensor.mean} as a function. */
export const mean: {
  <D extends DType>(input: Tensor<D>, options?: { dtype?: undefined }): Tensor<D>;
  <D extends DType>(input: Tensor<D>, dim: Dims | null, keepdim?: boolean, options?: { dtype?: undefined }): Tensor<D>;
  <E extends DType>(input: Tensor, options: { dim?: Dims | null; keepdim?: boolean; dtype: E }): Tensor<E>;
  <E extends DType>(input: Tensor, dim: Dims | null, keepdim: boolean | undefined, options: { dtype: E }): Tensor<E>;
  <D extends DType>(input: Tensor<D>, options: { dim: Dims | null; keepdim?: boolean }): Tensor<D>;
} = operator("mean");
/** {@link Tensor.nanmean} as a function. */
export const nanmean: {
  <D extends DType>(input: Tensor<D>, options?: { dtype?: undefined }): Tensor<D>;
  <D extends DType>(input: Tensor<D>, dim: Dims | null, keepdim?: boolean, options?: { dtype?: undefined }): Tensor<D>;
  <E extends DType>(input: Tensor, options: { dim?: Dims | null; keepdim?: boolean; dtype: E }): Tensor<E>;
  <E extends DType>(input: Tensor, dim: Dims | null, keepdim: boolean | undefined, options: { dtype: E }): Tensor<E>;
  <D extends DType>(input: Tensor<D>, options: { dim: Dims | null; keepdim?: boolean }): Tensor<D>;
} = operator("nanmean");
/** {@link Tensor.prod} as a function. */
export const prod: {
  <D extends DType>(input: Tensor<D>, options?: { dtype?: undefined }): Tensor<Summed<D>>;
  <D extends DType>(input: Tensor<D>, dim: number, keepdim?: boolean): Tensor<Summed<D>>;
  <E extends DType>(input: Tensor, options: { dtype: E }): Tensor<E>;
  <D extends DType>(input: Tensor<D>, options: { dim: number; keepdim?: boolean }): Tensor<Summed<D>>;
} = operator("prod");
interface Spread {
  <D extends DType>(input: Tensor<D>, dim?: Dims | null, options?: SpreadOptions): Tensor<Real<D>>;
  <D extends DType>(input: Tensor<D>, options: SpreadOptions & { dim?: Dims | null }): Tensor<Real<D>>;
  <D extends DType>(input: Tensor<D>, unbiased: boolean): Tensor<Real<D>>;
  <D extends DType>(input: Tensor<D>, dim: Dims | null, unbiased: boolean, keepdim?: boolean): Tensor<Real<D>>;
}
type Pair<D extends DType> = [spread: Tensor<Real<D>>, mean: Tensor<D>];
interface SpreadAndMean {
  <D extends DType>(input: Tensor<D>, dim?: Dims | null, options?: SpreadOptions): Pair<D>;
  <D extends DType>(input: Tensor<D>, options: SpreadOptions & { dim?: Dims | null }): Pair<D>;
  <D extends DType>(input: Tensor<D>, unbiased: boolean): Pair<D>;
  <D extends DType>(input: Tensor<D>, dim: Dims | null, unbiased: boolean, keepdim?: boolean): Pair<D>;
}

/** {@link Tensor.std} as a function. */
export const std: Spread = operator("std");
/** The standard deviation and the mean, in one pass; arguments as for {@link std}. `torch.std_mean` */
export const stdMean: SpreadAndMean = operator("std_mean");
/** The variance and the mean, in one pass; arguments as for {@link std}. `torch.var_mean` */
export const varMean: SpreadAndMean = operator("var_mean");
/** {@link Tensor.max} as a function. */
export const max: {
  <D extends DType>(input: Tensor<D>): Tensor<D>;
  <D extends DType>(input: Tensor<D>, dim: number, keepdim?: boolean): ValuesAndIndices<D>;
  <D extends DType>(input: Tensor<D>, options: { dim: number; keepdim?: boolean }): ValuesAndIndices<D>;
  (input: Tensor, other: Tensor): Tensor;
} = operator("max");
/** {@link Tensor.min} as a function. */
export const min: {
  <D extends DType>(input: Tensor<D>): Tensor<D>;
  <D extends DType>(input: Tensor<D>, dim: number, keepdim?: boolean): ValuesAndIndices<D>;
  <D extends DType>(input: Tensor<D>, options: { dim: number; keepdim?: boolean }): ValuesAndIndices<D>;
  (input: Tensor, other: Tensor): Tensor;
} = operator("min");
/** {@link Tensor.amax} as a function. */
export const amax: {
  <D extends DType>(input: Tensor<D>, dim?: Dims, keepdim?: boolean): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { dim?: Dims; keepdim?: boolean }): Tensor<D>;
} = operator("amax");
/** {@link Tensor.amin} as a function. */
export const amin: {
  <D extends DType>(input: Tensor<D>, dim?: Dims, keepdim?: boolean): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { dim?: Dims; keepdim?: boolean }): Tensor<D>;
} = operator("amin");
/** {@link Tensor.aminmax} as a function. */
export const aminmax: <D extends DType>(input: Tensor<D>, options?: { dim?: number | null; keepdim?: boolean }) => [min: Tensor<D>, max: Tensor<D>] =
  operator("aminmax");
/** {@link Tensor.argmax} as a function. */
export const argmax: {
  (input: Tensor, dim?: number | null, keepdim?: boolean): Tensor<"int64">;
  (input: Tensor, options: { dim?: number | null; keepdim?: boolean }): Tensor<"int64">;
} = operator("argmax");
/** {@link Tensor.argmin} as a function. */
export const argmin: {
  (input: Tensor, dim?: number | null, keepdim?: boolean): Tensor<"int64">;
  (input: Tensor, options: { dim?: number | null; keepdim?: boolean }): Tensor<"int64">;
} = operator("argmin");
/** {@link Tensor.all} as a function. */
export const all: {
  (input: Tensor): Tensor<"bool">;
  (input: Tensor, dim: Dims, keepdim?: boolean): Tensor<"bool">;
  (input: Tensor, options: { dim: Dims; keepdim?: boolean }): Tensor<"bool">;
} = operator("all");
/** {@link Tensor.any} as a function. */
export const any: {
  (input: Tensor): Tensor<"bool">;
  (input: Tensor, dim: Dims, keepdim?: boolean): Tensor<"bool">;
  (input: Tensor, options: { dim: Dims; keepdim?: boolean }): Tensor<"bool">;
} = operator("any");
// torch.norm is no operator: it calls these.
const vectorNorm = operator<OperatorFunction>("linalg_vector_norm");
const matrixNorm = operator<OperatorFunction>("linalg_matrix_norm.str_ord");
const sparseNorm = operator<OperatorFunction>("norm");

/** {@link Tensor.norm} as a function. */
export const norm: {
  <D extends DType>(input: Tensor<D>, p?: NormOrder | null, dim?: Dims | null, keepdim?: boolean, options?: { dtype?: undefined }): Tensor<Real<D>>;
  <D extends DType>(input: Tensor<D>, options: NormOptions & { dtype?: undefined }): Tensor<Real<D>>;
  <D extends DType>(input: Tensor<D>, p: NormOrder | null | undefined, options: Omit<NormOptions, "p" | "dtype"> & { dtype?: undefined }): Tensor<Real<D>>;
  <E extends DType>(input: Tensor, options: NormOptions & { dtype: E }): Tensor<E>;
  <E extends DType>(input: Tensor, p: NormOrder | null | undefined, options: Omit<NormOptions, "p"> & { dtype: E }): Tensor<E>;
  <E extends DType>(input: Tensor, p: NormOrder | null | undefined, dim: Dims | null | undefined, options: { keepdim?: boolean; dtype: E }): Tensor<E>;
} = (...args: unknown[]): Tensor<never> => {
  const [input, p, dim = null, keepdim = false, dtype = null] = inOrder("norm", args, ["input", "p", "dim", "keepdim", "dtype"]);
  if (!(input instanceof Tensor) || input.layout !== "strided") return sparseNorm(...args) as Tensor<never>;
  const dims = dim ?? (p === "nuc" ? input.shape.map((_, i) => i) : null);
  if (typeof p === "string" && p !== "fro") return matrixNorm(input, p, typeof dims === "number" ? [dims] : dims, keepdim, { dtype }) as Tensor<never>;
  return vectorNorm(input, p === "fro" ? 2 : (p ?? 2), dims, keepdim, { dtype }) as Tensor<never>;
};
/** {@link Tensor.dist} as a function. */
export const dist: {
  (input: Tensor, other: Tensor, p?: NumberLike): Tensor;
  (input: Tensor, other: Tensor, options: { p?: NumberLike }): Tensor;
} = operator("dist");
/** {@link Tensor.logsumexp} as a function. */
export const logsumexp: {
  <D extends DType>(input: Tensor<D>, dim: Dims, keepdim?: boolean): Tensor<Floated<D>>;
  <D extends DType>(input: Tensor<D>, options: { dim: Dims; keepdim?: boolean }): Tensor<Floated<D>>;
} = operator("logsumexp");
/** {@link Tensor.median} as a function. */
export const median: {
  <D extends DType>(input: Tensor<D>): Tensor<D>;
  <D extends DType>(input: Tensor<D>, dim: number, keepdim?: boolean): ValuesAndIndices<D>;
  <D extends DType>(input: Tensor<D>, options: { dim: number; keepdim?: boolean }): ValuesAndIndices<D>;
} = operator("median");
/** {@link Tensor.nanmedian} as a function. */
export const nanmedian: {
  <D extends DType>(input: Tensor<D>): Tensor<D>;
  <D extends DType>(input: Tensor<D>, dim: number, keepdim?: boolean): ValuesAndIndices<D>;
  <D extends DType>(input: Tensor<D>, options: { dim: number; keepdim?: boolean }): ValuesAndIndices<D>;
} = operator("nanmedian");
/** {@link Tensor.mode} as a function. */
export const mode: {
  <D extends DType>(input: Tensor<D>, dim?: number, keepdim?: boolean): ValuesAndIndices<D>;
  <D extends DType>(input: Tensor<D>, options: { dim?: number; keepdim?: boolean }): ValuesAndIndices<D>;
} = operator("mode");
/** {@link Tensor.quantile} as a function. */
export const quantile: {
  <D extends DType>(input: Tensor<D>, q: number | Tensor, dim?: number | null, keepdim?: boolean, options?: { interpolation?: Interpolation }): Tensor<D>;
  <D extends DType>(input: Tensor<D>, q: number | Tensor, options: { dim?: number | null; keepdim?: boolean; interpolation?: Interpolation }): Tensor<D>;
} = operator("quantile");
/** {@link Tensor.nanquantile} as a function. */
export const nanquantile: {
  <D extends DType>(input: Tensor<D>, q: number | Tensor, dim?: number | null, keepdim?: boolean, options?: { interpolation?: Interpolation }): Tensor<D>;
  <D extends DType>(input: Tensor<D>, q: number | Tensor, options: { dim?: number | null; keepdim?: boolean; interpolation?: Interpolation }): Tensor<D>;
} = operator("nanquantile");
/** {@link Tensor.countNonzero} as a function. */
export const countNonzero: {
  (input: Tensor, dim?: Dims | null): Tensor<"int64">;
  (input: Tensor, options: { dim?: Dims | null }): Tensor<"int64">;
} = operator("count_nonzero");

addMethods({
  sum, nansum, mean, nanmean, prod, std, var: operator("var"), max, min, amax, amin, aminmax, argmax, argmin,
  all, any, norm, dist, logsumexp, median, nanmedian, mode, quantile, nanquantile, countNonzero,
});
