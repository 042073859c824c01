/**
 * Parts of a tensor: views by position, copies by index tensors.
 *
 * Errors: `ERR_ARGUMENT` for an argument of the wrong kind, `ERR_SHAPE` for an index or a dimension out of range and
 * for shapes that do not fit, `ERR_DTYPE` for an index of the wrong dtype.
 */

import type { DType } from "../dtype.js";
import type { ScalarLike } from "../scalars.js";
import type { Tensor } from "../tensor.js";
import { addMethods, operator } from "./define.js";
import type { NumberLike, ScatterReduction } from "./types.js";

declare module "../tensor.js" {
  interface Tensor<D extends DType> {
    /**
     * The part at one index of `dim`, which goes; a view. Negative counts from the end.
     * @see torch.Tensor.select
     */
    select(dim: number, index: number): Tensor<D>;
    select(options: { dim: number; index: number }): Tensor<D>;
    /**
     * The part from `start` to before `end` along `dim` (default 0), every `step`-th; a view, as `x[start:end:step]` in
     * Python.
     * @see torch.Tensor.slice
     */
    slice(dim?: number, start?: number | null, end?: number | null, step?: number): Tensor<D>;
    slice(options: { dim?: number; start?: number | null; end?: number | null; step?: number }): Tensor<D>;
    /**
     * `length` elements from `start` on along `dim`, as a view. Errors when they are not all there.
     * @see torch.Tensor.narrow
     */
    narrow(dim: number, start: number | Tensor, length: number): Tensor<D>;
    narrow(options: { dim: number; start: number | Tensor; length: number }): Tensor<D>;
    /**
     * At most so many views of equal size along `dim` (default 0); the last may be smaller.
     * @see torch.Tensor.chunk
     */
    chunk(chunks: number, dim?: number): Tensor<D>[];
    chunk(chunks: number, options: { dim?: number }): Tensor<D>[];
    /**
     * Views of size `splitSize` along `dim` (default 0), the last maybe smaller; or of the given sizes, which must add up.
     * @see torch.Tensor.split
     */
    split(splitSize: number | readonly number[], dim?: number): Tensor<D>[];
    split(splitSize: number | readonly number[], options: { dim?: number }): Tensor<D>[];
    /**
     * So many views along `dim` (default 0), sizes differing by one at most; or cut before each index.
     * @see torch.Tensor.tensor_split
     */
    tensorSplit(sections: number, dim?: number): Tensor<D>[];
    tensorSplit(sections: number, options: { dim?: number }): Tensor<D>[];
    tensorSplit(indices: readonly number[], dim?: number): Tensor<D>[];
    tensorSplit(indices: readonly number[], options: { dim?: number }): Tensor<D>[];
    /**
     * {@link Tensor.tensorSplit} along the second dimension, or the first of a vector.
     * @see torch.Tensor.hsplit
     */
    hsplit(sectionsOrIndices: number | readonly number[]): Tensor<D>[];
    /**
     * {@link Tensor.tensorSplit} along the first dimension of two or more.
     * @see torch.Tensor.vsplit
     */
    vsplit(sectionsOrIndices: number | readonly number[]): Tensor<D>[];
    /**
     * {@link Tensor.tensorSplit} along the third dimension.
     * @see torch.Tensor.dsplit
     */
    dsplit(sectionsOrIndices: number | readonly number[]): Tensor<D>[];
    /**
     * Views of the given sizes along `dim` (default 0), which must add up.
     * @see torch.Tensor.split_with_sizes
     */
    splitWithSizes(splitSizes: readonly number[], dim?: number): Tensor<D>[];
    splitWithSizes(splitSizes: readonly number[], options: { dim?: number }): Tensor<D>[];
    /**
     * All parts along `dim` (default 0), which goes, as views.
     * @see torch.Tensor.unbind
     */
    unbind(dim?: number): Tensor<D>[];
    unbind(options: { dim?: number }): Tensor<D>[];
    /**
     * A copy of the elements at index tensors, one per dimension and broadcast together, as `x[i, j]` in Python; `null`
     * takes a whole dimension, a bool tensor the places where it is true.
     * @see torch.Tensor.index
     */
    index(indices: readonly (Tensor | null)[]): Tensor<D>;
    /**
     * A copy of the parts at a vector of indices along `dim`.
     * @see torch.Tensor.index_select
     */
    indexSelect(dim: number, index: Tensor): Tensor<D>;
    indexSelect(options: { dim: number; index: Tensor }): Tensor<D>;
    /**
     * The elements at indices into the flattened tensor, in the shape of `index`.
     * @see torch.Tensor.take
     */
    take(index: Tensor): Tensor<D>;
    /**
     * The elements at indices along `dim`, broadcast; fits `argmax`, `argsort` with the dimension kept.
     * @see torch.Tensor.take_along_dim
     */
    takeAlongDim(indices: Tensor, dim?: number | null): Tensor<D>;
    takeAlongDim(indices: Tensor, options: { dim?: number | null }): Tensor<D>;
    /**
     * `out[i][j] = this[index[i][j]][j]` for `dim` 0 and so on: an element per index, in the shape of `index` (int64).
     * @see torch.Tensor.gather
     */
    gather(dim: number, index: Tensor, options?: { sparseGrad?: boolean }): Tensor<D>;
    gather(options: { dim: number; index: Tensor; sparseGrad?: boolean }): Tensor<D>;
    /**
     * A copy with `src` (of this dtype, or a number) written at `index` along `dim`: the opposite of `gather`. Which of
     * several writes to one place wins is not defined.
     * @see torch.Tensor.scatter
     */
    scatter(dim: number, index: Tensor, src: Tensor | NumberLike, options?: { reduce?: "add" | "multiply" }): Tensor<D>;
    /**
     * A copy with `src` (of this dtype) added at `index` along `dim`.
     * @see torch.Tensor.scatter_add
     */
    scatterAdd(dim: number, index: Tensor, src: Tensor): Tensor<D>;
    scatterAdd(options: { dim: number; index: Tensor; src: Tensor }): Tensor<D>;
    /**
     * A copy where `src` is combined at `index` along `dim` by `reduce`, together with what was there unless `includeSelf`
     * is false.
     * @see torch.Tensor.scatter_reduce
     */
    scatterReduce(dim: number, index: Tensor, src: Tensor, reduce: ScatterReduction, options?: { includeSelf?: boolean }): Tensor<D>;
    /**
     * A copy where `source` is combined with the parts at a vector of indices along `dim`, together with what was there
     * unless `includeSelf` is false.
     * @see torch.Tensor.index_reduce
     */
    indexReduce(dim: number, index: Tensor, source: Tensor, reduce: "prod" | "mean" | "amax" | "amin", options?: { includeSelf?: boolean }): Tensor<D>;
    /**
     * A copy with `src` as the part at one index of `dim`.
     * @see torch.Tensor.select_scatter
     */
    selectScatter(src: Tensor, dim: number, index: number): Tensor<D>;
    selectScatter(src: Tensor, options: { dim: number; index: number }): Tensor<D>;
    /**
     * A copy with `src` as the part from `start` to before `end` along `dim` (default 0), every `step`-th.
     * @see torch.Tensor.slice_scatter
     */
    sliceScatter(src: Tensor, dim?: number, start?: number | null, end?: number | null, step?: number): Tensor<D>;
    sliceScatter(src: Tensor, options: { dim?: number; start?: number | null; end?: number | null; step?: number }): Tensor<D>;
    /**
     * A copy with `alpha * source` (of this dtype) added to the parts at a vector of indices along `dim`.
     * @see torch.Tensor.index_add
     */
    indexAdd(dim: number, index: Tensor, source: Tensor, options?: { alpha?: ScalarLike }): Tensor<D>;
    /**
     * A copy with the parts at a vector of indices along `dim` replaced by those of `source` (of this dtype).
     * @see torch.Tensor.index_copy
     */
    indexCopy(dim: number, index: Tensor, source: Tensor): Tensor<D>;
    /**
     * A copy with `value` at a vector of indices along `dim`.
     * @see torch.Tensor.index_fill
     */
    indexFill(dim: number, index: Tensor, value: Tensor | ScalarLike): Tensor<D>;
    /**
     * A copy with `values` (of this dtype, broadcast) written at index tensors, as `x[i, j] = values` in Python; added
     * where `accumulate` is true.
     * @see torch.Tensor.index_put
     */
    indexPut(indices: readonly (Tensor | null)[], values: Tensor, accumulate?: boolean): Tensor<D>;
    indexPut(indices: readonly (Tensor | null)[], values: Tensor, options: { accumulate?: boolean }): Tensor<D>;
    /**
     * A copy with `value` where the bool tensor `mask`, broadcast, is true.
     * @see torch.Tensor.masked_fill
     */
    maskedFill(mask: Tensor, value: Tensor | ScalarLike): Tensor<D>;
    /**
     * The elements where the bool tensor `mask`, broadcast, is true, as a vector.
     * @see torch.Tensor.masked_select
     */
    maskedSelect(mask: Tensor): Tensor<D>;
    /**
     * A copy with the elements of `source`, in order, where the bool tensor `mask` is true.
     * @see torch.Tensor.masked_scatter
     */
    maskedScatter(mask: Tensor, source: Tensor): Tensor<D>;
    /**
     * The indices of all elements that are not 0: one row each, `[count, ndim]`.
     * @see torch.Tensor.nonzero
     */
    nonzero(): Tensor<"int64">;
    /**
     * As `nonzero`.
     * @see torch.Tensor.argwhere
     */
    argwhere(): Tensor<"int64">;
    /**
     * A copy with `source` (of this dtype) written at indices into the flattened tensor; added where `accumulate` is true.
     * @see torch.Tensor.put
     */
    put(index: Tensor, source: Tensor, accumulate?: boolean): Tensor<D>;
    put(index: Tensor, source: Tensor, options: { accumulate?: boolean }): Tensor<D>;
  }
}

/** {@link Tensor.select} as a function. */
export const select: {
  <D extends DType>(input: Tensor<D>, dim: number, index: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { dim: number; index: number }): Tensor<D>;
} = operator("select.int");
/** {@link Tensor.narrow} as a function. */
export const narrow: {
  <D extends DType>(input: Tensor<D>, dim: number, start: number | Tensor, length: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { dim: number; start: number | Tensor; length: number }): Tensor<D>;
} = operator("narrow");
/** {@link Tensor.chunk} as a function. */
export const chunk: {
  <D extends DType>(input: Tensor<D>, chunks: number, dim?: number): Tensor<D>[];
  <D extends DType>(input: Tensor<D>, chunks: number, options: { dim?: number }): Tensor<D>[];
} = operator("chunk");
/** {@link Tensor.split} as a function. */
export const split: {
  <D extends DType>(input: Tensor<D>, splitSize: number | readonly number[], dim?: number): Tensor<D>[];
  <D extends DType>(input: Tensor<D>, splitSize: number | readonly number[], options: { dim?: number }): Tensor<D>[];
} = operator("split");
/** {@link Tensor.tensorSplit} as a function. */
export const tensorSplit: {
  <D extends DType>(input: Tensor<D>, sections: number, dim?: number): Tensor<D>[];
  <D extends DType>(input: Tensor<D>, sections: number, options: { dim?: number }): Tensor<D>[];
  <D extends DType>(input: Tensor<D>, indices: readonly number[], dim?: number): Tensor<D>[];
  <D extends DType>(input: Tensor<D>, indices: readonly number[], options: { dim?: number }): Tensor<D>[];
} = operator("tensor_split");
type SplitAlong = <D extends DType>(input: Tensor<D>, sectionsOrIndices: number | readonly number[]) => Tensor<D>[];
/** {@link Tensor.hsplit} as a function. */
export const hsplit: SplitAlong = operator("hsplit");
/** {@link Tensor.vsplit} as a function. */
export const vsplit: SplitAlong = operator("vsplit");
/** {@link Tensor.dsplit} as a function. */
export const dsplit: SplitAlong = operator("dsplit");
/** {@link Tensor.unbind} as a function. */
export const unbind: {
  <D extends DType>(input: Tensor<D>, dim?: number): Tensor<D>[];
  <D extends DType>(input: Tensor<D>, options: { dim?: number }): Tensor<D>[];
} = operator("unbind");
/** {@link Tensor.indexSelect} as a function. */
export const indexSelect: {
  <D extends DType>(input: Tensor<D>, dim: number, index: Tensor): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { dim: number; index: Tensor }): Tensor<D>;
} = operator("index_select");
/** {@link Tensor.take} as a function. */
export const take: <D extends DType>(input: Tensor<D>, index: Tensor) => Tensor<D> = operator("take");
/** {@link Tensor.takeAlongDim} as a function. */
export const takeAlongDim: {
  <D extends DType>(input: Tensor<D>, indices: Tensor, dim?: number | null): Tensor<D>;
  <D extends DType>(input: Tensor<D>, indices: Tensor, options: { dim?: number | null }): Tensor<D>;
} = operator("take_along_dim");
/** {@link Tensor.gather} as a function. */
export const gather: {
  <D extends DType>(input: Tensor<D>, dim: number, index: Tensor, options?: { sparseGrad?: boolean }): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { dim: number; index: Tensor; sparseGrad?: boolean }): Tensor<D>;
} = operator("gather");
/** {@link Tensor.scatter} as a function. */
export const scatter: <D extends DType>(input: Tensor<D>, dim: number, index: Tensor, src: Tensor | NumberLike, options?: { reduce?: "add" | "multiply" }) => Tensor<D> =
  operator("scatter");
/** {@link Tensor.scatterAdd} as a function. */
export const scatterAdd: {
  <D extends DType>(input: Tensor<D>, dim: number, index: Tensor, src: Tensor): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { dim: number; index: Tensor; src: Tensor }): Tensor<D>;
} = operator("scatter_add");
/** {@link Tensor.scatterReduce} as a function. */
export const scatterReduce: <D extends DType>(input: Tensor<D>, dim: number, index: Tensor, src: Tensor, reduce: ScatterReduction, options?: { includeSelf?: boolean }) => Tensor<D> =
  operator("scatter_reduce");
/** {@link Tensor.indexReduce} as a function. */
export const indexReduce: <D extends DType>(
  input: Tensor<D>, dim: number, index: Tensor, source: Tensor, reduce: "prod" | "mean" | "amax" | "amin", options?: { includeSelf?: boolean },
) => Tensor<D> = operator("index_reduce");
/** {@link Tensor.selectScatter} as a function. */
export const selectScatter: {
  <D extends DType>(input: Tensor<D>, src: Tensor, dim: number, index: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, src: Tensor, options: { dim: number; index: number }): Tensor<D>;
} = operator("select_scatter");
/** {@link Tensor.sliceScatter} as a function. */
export const sliceScatter: {
  <D extends DType>(input: Tensor<D>, src: Tensor, dim?: number, start?: number | null, end?: number | null, step?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, src: Tensor, options: { dim?: number; start?: number | null; end?: number | null; step?: number }): Tensor<D>;
} = operator("slice_scatter");
/** {@link Tensor.indexAdd} as a function. */
export const indexAdd: <D extends DType>(input: Tensor<D>, dim: number, index: Tensor, source: Tensor, options?: { alpha?: ScalarLike }) => Tensor<D> =
  operator("index_add");
/** {@link Tensor.indexCopy} as a function. */
export const indexCopy: <D extends DType>(input: Tensor<D>, dim: number, index: Tensor, source: Tensor) => Tensor<D> = operator("index_copy");
/** {@link Tensor.indexFill} as a function. */
export const indexFill: <D extends DType>(input: Tensor<D>, dim: number, index: Tensor, value: Tensor | ScalarLike) => Tensor<D> =
  operator("index_fill");
/** {@link Tensor.indexPut} as a function. */
export const indexPut: {
  <D extends DType>(input: Tensor<D>, indices: readonly (Tensor | null)[], values: Tensor, accumulate?: boolean): Tensor<D>;
  <D extends DType>(input: Tensor<D>, indices: readonly (Tensor | null)[], values: Tensor, options: { accumulate?: boolean }): Tensor<D>;
} = operator("index_put");
/** {@link Tensor.maskedFill} as a function. */
export const maskedFill: <D extends DType>(input: Tensor<D>, mask: Tensor, value: Tensor | ScalarLike) => Tensor<D> = operator("masked_fill");
/** {@link Tensor.maskedSelect} as a function. */
export const maskedSelect: <D extends DType>(input: Tensor<D>, mask: Tensor) => Tensor<D> = operator("masked_select");
/** {@link Tensor.maskedScatter} as a function. */
export const maskedScatter: <D extends DType>(input: Tensor<D>, mask: Tensor, source: Tensor) => Tensor<D> = operator("masked_scatter");
/** {@link Tensor.nonzero} as a function. */
export const nonzero: (input: Tensor) => Tensor<"int64"> = operator("nonzero");
/** {@link Tensor.argwhere} as a function. */
export const argwhere: (input: Tensor) => Tensor<"int64"> = operator("argwhere");

addMethods({
  select, slice: operator("slice.Tensor"), narrow, chunk, split, tensorSplit, unbind, index: operator("index.Tensor"),
  indexSelect, take, takeAlongDim, gather, scatter, scatterAdd, scatterReduce, indexAdd, indexCopy, indexFill, indexPut,
  hsplit, vsplit, dsplit, splitWithSizes: operator("split_with_sizes"), indexReduce, selectScatter, sliceScatter,
  maskedFill, maskedSelect, maskedScatter, nonzero, argwhere, put: operator("put"),
});
