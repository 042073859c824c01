/**
 * Scans along a dimension, sorting and counting.
 *
 * Errors: `ERR_ARGUMENT` for an argument of the wrong kind, `ERR_SHAPE` for a dimension that does not exist.
 */

import type { DType } from "../dtype.js";
import type { Tensor } from "../tensor.js";
import { addMethods, operator } from "./define.js";
import type { Summed, ValuesAndIndices } from "./types.js";

declare module "../tensor.js" {
  interface Tensor<D extends DType> {
    /**
     * Running sums along `dim`; integers and bool give int64. The shape stays.
     * @see torch.Tensor.cumsum
     */
    cumsum(dim: number, options?: { dtype?: undefined }): Tensor<Summed<D>>;
    cumsum(options: { dim: number; dtype?: undefined }): Tensor<Summed<D>>;
    cumsum<E extends DType>(dim: number, options: { dtype: E }): Tensor<E>;
    cumsum<E extends DType>(options: { dim: number; dtype: E }): Tensor<E>;
    /**
     * Running products along `dim`; integers and bool give int64. The shape stays.
     * @see torch.Tensor.cumprod
     */
    cumprod(dim: number, options?: { dtype?: undefined }): Tensor<Summed<D>>;
    cumprod(options: { dim: number; dtype?: undefined }): Tensor<Summed<D>>;
    cumprod<E extends DType>(dim: number, options: { dtype: E }): Tensor<E>;
    cumprod<E extends DType>(options: { dim: number; dtype: E }): Tensor<E>;
    /**
     * Running maxima along `dim`, and where they are.
     * @see torch.Tensor.cummax
     */
    cummax(dim: number): ValuesAndIndices<D>;
    cummax(options: { dim: number }): ValuesAndIndices<D>;
    /**
     * Running minima along `dim`, and where they are.
     * @see torch.Tensor.cummin
     */
    cummin(dim: number): ValuesAndIndices<D>;
    cummin(options: { dim: number }): ValuesAndIndices<D>;
    /**
     * Running `logsumexp` along `dim`. Floating-point and complex dtypes only.
     * @see torch.Tensor.logcumsumexp
     */
    logcumsumexp(dim: number): Tensor<D>;
    logcumsumexp(options: { dim: number }): Tensor<D>;
    /**
     * Differences of neighbours along `dim` (default the last), `n` (default 1) times; the dimension shrinks by `n`.
     * @see torch.Tensor.diff
     */
    diff(n?: number, dim?: number): Tensor<D>;
    diff(options: { n?: number; dim?: number }): Tensor<D>;
    /**
     * Sorted along `dim` (default the last), and the indices that sort. NaN counts as largest. `stable` keeps the order of
     * equal elements.
     * @see torch.Tensor.sort
     */
    sort(dim?: number, descending?: boolean): ValuesAndIndices<D>;
    sort(options: { stable?: boolean; dim?: number; descending?: boolean }): ValuesAndIndices<D>;
    /**
     * The indices that sort along `dim` (default the last).
     * @see torch.Tensor.argsort
     */
    argsort(dim?: number, descending?: boolean): Tensor<"int64">;
    argsort(options: { stable?: boolean; dim?: number; descending?: boolean }): Tensor<"int64">;
    /**
     * The `k` largest elements along `dim` (default the last), or smallest where `largest` is false, and their indices.
     * @see torch.Tensor.topk
     */
    topk(k: number, dim?: number, largest?: boolean, sorted?: boolean): ValuesAndIndices<D>;
    topk(k: number, options: { dim?: number; largest?: boolean; sorted?: boolean }): ValuesAndIndices<D>;
    /**
     * The `k`-th smallest element (counted from 1) along `dim` (default the last), and its index.
     * @see torch.Tensor.kthvalue
     */
    kthvalue(k: number, dim?: number, keepdim?: boolean): ValuesAndIndices<D>;
    kthvalue(k: number, options: { dim?: number; keepdim?: boolean }): ValuesAndIndices<D>;
    /**
     * How often 0, 1, 2, ... occur in a vector of integers >= 0; with `weights`, the sums of those.
     * @see torch.Tensor.bincount
     */
    bincount(weights?: Tensor | null, minlength?: number): Tensor;
    bincount(options: { weights?: Tensor | null; minlength?: number }): Tensor;
    /**
     * Counts in `bins` (default 100) intervals of equal width from `min` to `max`, by default the tensor's own.
     * @see torch.Tensor.histc
     */
    histc(bins?: number, min?: number, max?: number): Tensor<D>;
    histc(options: { bins?: number; min?: number; max?: number }): Tensor<D>;
  }
}

/** {@link Tensor.cumsum} as a function. */
export const cumsum: {
  <D extends DType>(input: Tensor<D>, dim: number, options?: { dtype?: undefined }): Tensor<Summed<D>>;
  <D extends DType>(input: Tensor<D>, options: { dim: number; dtype?: undefined }): Tensor<Summed<D>>;
  <E extends DType>(input: Tensor, dim: number, options: { dtype: E }): Tensor<E>;
  <E extends DType>(input: Tensor, options: { dim: number; dtype: E }): Tensor<E>;
} = operator("cumsum");
/** {@link Tensor.cumprod} as a function. */
export const cumprod: {
  <D extends DType>(input: Tensor<D>, dim: number, options?: { dtype?: undefined }): Tensor<Summed<D>>;
  <D extends DType>(input: Tensor<D>, options: { dim: number; dtype?: undefined }): Tensor<Summed<D>>;
  <E extends DType>(input: Tensor, dim: number, options: { dtype: E }): Tensor<E>;
  <E extends DType>(input: Tensor, options: { dim: number; dtype: E }): Tensor<E>;
} = operator("cumprod");
/** {@link Tensor.cummax} as a function. */
export const cummax: {
  <D extends DType>(input: Tensor<D>, dim: number): ValuesAndIndices<D>;
  <D extends DType>(input: Tensor<D>, options: { dim: number }): ValuesAndIndices<D>;
} = operator("cummax");
/** {@link Tensor.cummin} as a function. */
export const cummin: {
  <D extends DType>(input: Tensor<D>, dim: number): ValuesAndIndices<D>;
  <D extends DType>(input: Tensor<D>, options: { dim: number }): ValuesAndIndices<D>;
} = operator("cummin");
/** {@link Tensor.logcumsumexp} as a function. */
export const logcumsumexp: {
  <D extends DType>(input: Tensor<D>, dim: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { dim: number }): Tensor<D>;
} = operator("logcumsumexp");
/** {@link Tensor.diff} as a function. */
export const diff: {
  <D extends DType>(input: Tensor<D>, n?: number, dim?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { n?: number; dim?: number }): Tensor<D>;
} = operator("diff");
/** {@link Tensor.sort} as a function. */
export const sort: {
  <D extends DType>(input: Tensor<D>, dim?: number, descending?: boolean): ValuesAndIndices<D>;
  <D extends DType>(input: Tensor<D>, options: { stable?: boolean; dim?: number; descending?: boolean }): ValuesAndIndices<D>;
} = operator("sort");
/** {@link Tensor.argsort} as a function. */
export const argsort: {
  (input: Tensor, dim?: number, descending?: boolean): Tensor<"int64">;
  (input: Tensor, options: { stable?: boolean; dim?: number; descending?: boolean }): Tensor<"int64">;
} = operator("argsort");
/** {@link Tensor.topk} as a function. */
export const topk: {
  <D extends DType>(input: Tensor<D>, k: number, dim?: number, largest?: boolean, sorted?: boolean): ValuesAndIndices<D>;
  <D extends DType>(input: Tensor<D>, k: number, options: { dim?: number; largest?: boolean; sorted?: boolean }): ValuesAndIndices<D>;
} = operator("topk");
/** {@link Tensor.kthvalue} as a function. */
export const kthvalue: {
  <D extends DType>(input: Tensor<D>, k: number, dim?: number, keepdim?: boolean): ValuesAndIndices<D>;
  <D extends DType>(input: Tensor<D>, k: number, options: { dim?: number; keepdim?: boolean }): ValuesAndIndices<D>;
} = operator("kthvalue");
/** {@link Tensor.bincount} as a function. */
export const bincount: {
  (input: Tensor, weights?: Tensor | null, minlength?: number): Tensor;
  (input: Tensor, options: { weights?: Tensor | null; minlength?: number }): Tensor;
} = operator("bincount");
/** {@link Tensor.histc} as a function. */
export const histc: {
  <D extends DType>(input: Tensor<D>, bins?: number, min?: number, max?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { bins?: number; min?: number; max?: number }): Tensor<D>;
} = operator("histc");

addMethods({
  cumsum, cumprod, cummax, cummin, logcumsumexp, diff, sort, argsort, topk, kthvalue, bincount, histc,
});
