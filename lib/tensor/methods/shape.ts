/**
 * Shapes: most results are views, which share memory with this tensor.
 *
 * Errors: `ERR_ARGUMENT` for an argument of the wrong kind, `ERR_SHAPE` for a dimension that does not exist or sizes
 * that do not fit.
 */

import type { DType } from "../dtype.js";
import type { Tensor } from "../tensor.js";
import { addMethods, operator, variadic } from "./define.js";
import type { Dims } from "./types.js";

declare module "../tensor.js" {
  interface Tensor<D extends DType> {
    /**
     * A view of another shape, -1 for one size that follows from the others; or of the same bytes as another dtype. Errors
     * where strides do not allow a view.
     * @see torch.Tensor.view
     */
    view(shape: readonly number[]): Tensor<D>;
    view(...shape: number[]): Tensor<D>;
    view<E extends DType>(dtype: E): Tensor<E>;
    /**
     * Another shape, -1 for one size that follows from the others: a view where possible, else a copy.
     * @see torch.Tensor.reshape
     */
    reshape(shape: readonly number[]): Tensor<D>;
    reshape(...shape: number[]): Tensor<D>;
    /**
     * A view of the shape of `other`.
     * @see torch.Tensor.view_as
     */
    viewAs(other: Tensor): Tensor<D>;
    /**
     * The shape of `other`: a view where possible, else a copy.
     * @see torch.Tensor.reshape_as
     */
    reshapeAs(other: Tensor): Tensor<D>;
    /**
     * The dimensions in another order, as a view.
     * @see torch.Tensor.permute
     */
    permute(dims: readonly number[]): Tensor<D>;
    permute(...dims: number[]): Tensor<D>;
    /**
     * Two dimensions swapped, as a view.
     * @see torch.Tensor.transpose
     */
    transpose(dim0: number, dim1: number): Tensor<D>;
    transpose(options: { dim0: number; dim1: number }): Tensor<D>;
    /**
     * A matrix transposed, as a view; vectors and scalars as they are. Two dimensions at most.
     * @see torch.Tensor.t
     */
    t(): Tensor<D>;
    /**
     * The conjugate transpose of matrices `[..., n, m]`, as a view.
     * @see torch.Tensor.adjoint
     */
    adjoint(): Tensor<D>;
    /**
     * The dimensions from `startDim` (default 0) to `endDim` (default the last) as one: a view where possible.
     * @see torch.Tensor.flatten
     */
    flatten(startDim?: number, endDim?: number): Tensor<D>;
    flatten(options: { startDim?: number; endDim?: number }): Tensor<D>;
    /**
     * One dimension as several, as a view; one size may be -1.
     * @see torch.Tensor.unflatten
     */
    unflatten(dim: number, sizes: readonly number[]): Tensor<D>;
    /**
     * As one dimension: a view where possible.
     * @see torch.Tensor.ravel
     */
    ravel(): Tensor<D>;
    /**
     * Without dimensions of size 1, all or those given, as a view.
     * @see torch.Tensor.squeeze
     */
    squeeze(dim?: Dims): Tensor<D>;
    squeeze(options: { dim?: Dims }): Tensor<D>;
    /**
     * With a new dimension of size 1 before `dim`, as a view.
     * @see torch.Tensor.unsqueeze
     */
    unsqueeze(dim: number): Tensor<D>;
    unsqueeze(options: { dim: number }): Tensor<D>;
    /**
     * Dimensions of size 1 repeated without memory, as a view; -1 keeps a size. New dimensions come first.
     * @see torch.Tensor.expand
     */
    expand(shape: readonly number[], options?: { implicit?: boolean }): Tensor<D>;
    expand(...shape: number[]): Tensor<D>;
    /**
     * Expanded to the shape of `other`, as a view.
     * @see torch.Tensor.expand_as
     */
    expandAs(other: Tensor): Tensor<D>;
    /**
     * Expanded to `shape`, as a view.
     * @see torch.Tensor.broadcast_to
     */
    broadcastTo(shape: readonly number[]): Tensor<D>;
    /**
     * Copies laid out along each dimension, as many as `repeats` says; new dimensions come first.
     * @see torch.Tensor.repeat
     */
    repeat(repeats: readonly number[]): Tensor<D>;
    repeat(...repeats: number[]): Tensor<D>;
    /**
     * As `repeat`, where missing repeats are 1.
     * @see torch.Tensor.tile
     */
    tile(dims: readonly number[]): Tensor<D>;
    tile(...dims: number[]): Tensor<D>;
    /**
     * Each element repeated in place along `dim`, or of the flattened tensor.
     * @see torch.Tensor.repeat_interleave
     */
    repeatInterleave(repeats: number | Tensor, dim?: number | null, options?: { outputSize?: number }): Tensor<D>;
    repeatInterleave(repeats: number | Tensor, options: { dim?: number | null; outputSize?: number }): Tensor<D>;
    repeatInterleave(options: { repeats: number | Tensor; dim?: number | null; outputSize?: number }): Tensor<D>;
    /**
     * Dimensions moved to other places, as a view; the others keep their order.
     * @see torch.Tensor.movedim
     */
    movedim(source: Dims, destination: Dims): Tensor<D>;
    movedim(options: { source: Dims; destination: Dims }): Tensor<D>;
    /**
     * As `transpose`.
     * @see torch.Tensor.swapaxes
     */
    swapaxes(axis0: number, axis1: number): Tensor<D>;
    /**
     * Reversed along `dims`: a copy.
     * @see torch.Tensor.flip
     */
    flip(dims: readonly number[]): Tensor<D>;
    flip(...dims: number[]): Tensor<D>;
    /**
     * Reversed along the second dimension: a copy.
     * @see torch.Tensor.fliplr
     */
    fliplr(): Tensor<D>;
    /**
     * Reversed along the first dimension: a copy.
     * @see torch.Tensor.flipud
     */
    flipud(): Tensor<D>;
    /**
     * Shifted along `dims`, or flattened: what leaves at one end comes in at the other.
     * @see torch.Tensor.roll
     */
    roll(shifts: Dims, dims?: Dims): Tensor<D>;
    roll(shifts: Dims, options: { dims?: Dims }): Tensor<D>;
    roll(options: { shifts: Dims; dims?: Dims }): Tensor<D>;
    /**
     * Turned by `k` (default 1) right angles in the plane of two `dims` (default 0 and 1).
     * @see torch.Tensor.rot90
     */
    rot90(k?: number, dims?: readonly number[]): Tensor<D>;
    rot90(options: { k?: number; dims?: readonly number[] }): Tensor<D>;
    /**
     * Matrices with 0 above a diagonal (default 0, the main one; positive is above).
     * @see torch.Tensor.tril
     */
    tril(diagonal?: number): Tensor<D>;
    tril(options: { diagonal?: number }): Tensor<D>;
    /**
     * Matrices with 0 below a diagonal (default 0, the main one; positive is above).
     * @see torch.Tensor.triu
     */
    triu(diagonal?: number): Tensor<D>;
    triu(options: { diagonal?: number }): Tensor<D>;
    /**
     * A vector's elements as the diagonal of a matrix, or a matrix's diagonal as a vector.
     * @see torch.Tensor.diag
     */
    diag(diagonal?: number): Tensor<D>;
    diag(options: { diagonal?: number }): Tensor<D>;
    /**
     * All elements as a diagonal of a matrix, 0 elsewhere.
     * @see torch.Tensor.diagflat
     */
    diagflat(offset?: number): Tensor<D>;
    diagflat(options: { offset?: number }): Tensor<D>;
    /**
     * Summed over the dimensions that were broadcast from `size`: the opposite of `expand`.
     * @see torch.Tensor.sum_to_size
     */
    sumToSize(size: readonly number[]): Tensor<D>;
    sumToSize(...size: number[]): Tensor<D>;
    /**
     * The diagonal of two dimensions (default 0 and 1), as a view; it becomes the last dimension.
     * @see torch.Tensor.diagonal
     */
    diagonal(offset?: number, dim1?: number, dim2?: number): Tensor<D>;
    diagonal(options: { offset?: number; dim1?: number; dim2?: number }): Tensor<D>;
    /**
     * The last dimension as the diagonal of new matrices, 0 elsewhere.
     * @see torch.Tensor.diag_embed
     */
    diagEmbed(offset?: number, dim1?: number, dim2?: number): Tensor<D>;
    diagEmbed(options: { offset?: number; dim1?: number; dim2?: number }): Tensor<D>;
    /**
     * All windows of `size` along a dimension, `step` apart, as a view; the windows become the last dimension.
     * @see torch.Tensor.unfold
     */
    unfold(dimension: number, size: number, step: number): Tensor<D>;
    /**
     * A view of the storage with any sizes and strides, in elements. Views that overlap must not be written.
     * @see torch.Tensor.as_strided
     */
    asStrided(size: readonly number[], stride: readonly number[], storageOffset?: number | null): Tensor<D>;
    asStrided(size: readonly number[], stride: readonly number[], options: { storageOffset?: number | null }): Tensor<D>;
  }
}

/** {@link Tensor.reshape} as a function. */
export const reshape: <D extends DType>(self: Tensor<D>, shape: readonly number[]) => Tensor<D> = variadic("reshape");
/** {@link Tensor.permute} as a function. */
export const permute: <D extends DType>(self: Tensor<D>, dims: readonly number[]) => Tensor<D> = variadic("permute");
/** {@link Tensor.transpose} as a function. */
export const transpose: {
  <D extends DType>(input: Tensor<D>, dim0: number, dim1: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { dim0: number; dim1: number }): Tensor<D>;
} = operator("transpose.int");
/** {@link Tensor.t} as a function. */
export const t: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("t");
/** {@link Tensor.adjoint} as a function. */
export const adjoint: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("adjoint");
/** {@link Tensor.flatten} as a function. */
export const flatten: {
  <D extends DType>(input: Tensor<D>, startDim?: number, endDim?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { startDim?: number; endDim?: number }): Tensor<D>;
} = operator("flatten.using_ints");
/** {@link Tensor.unflatten} as a function. */
export const unflatten: <D extends DType>(input: Tensor<D>, dim: number, sizes: readonly number[]) => Tensor<D> = operator("unflatten.int");
/** {@link Tensor.ravel} as a function. */
export const ravel: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("ravel");
/** {@link Tensor.squeeze} as a function. */
export const squeeze: {
  <D extends DType>(input: Tensor<D>, dim?: Dims): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { dim?: Dims }): Tensor<D>;
} = operator("squeeze");
/** {@link Tensor.unsqueeze} as a function. */
export const unsqueeze: {
  <D extends DType>(input: Tensor<D>, dim: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { dim: number }): Tensor<D>;
} = operator("unsqueeze");
/** {@link Tensor.broadcastTo} as a function. */
export const broadcastTo: <D extends DType>(input: Tensor<D>, shape: readonly number[]) => Tensor<D> = operator("broadcast_to");
/** {@link Tensor.tile} as a function. */
export const tile: <D extends DType>(self: Tensor<D>, dims: readonly number[]) => Tensor<D> = variadic("tile");
/** {@link Tensor.repeatInterleave} as a function. */
export const repeatInterleave: {
  <D extends DType>(input: Tensor<D>, repeats: number | Tensor, dim?: number | null, options?: { outputSize?: number }): Tensor<D>;
  <D extends DType>(input: Tensor<D>, repeats: number | Tensor, options: { dim?: number | null; outputSize?: number }): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { repeats: number | Tensor; dim?: number | null; outputSize?: number }): Tensor<D>;
} = operator("repeat_interleave");
/** {@link Tensor.movedim} as a function. */
export const movedim: {
  <D extends DType>(input: Tensor<D>, source: Dims, destination: Dims): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { source: Dims; destination: Dims }): Tensor<D>;
} = operator("movedim");
/** {@link Tensor.swapaxes} as a function. */
export const swapaxes: <D extends DType>(input: Tensor<D>, axis0: number, axis1: number) => Tensor<D> = operator("swapaxes");
/** {@link Tensor.flip} as a function. */
export const flip: <D extends DType>(self: Tensor<D>, dims: readonly number[]) => Tensor<D> = variadic("flip");
/** {@link Tensor.fliplr} as a function. */
export const fliplr: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("fliplr");
/** {@link Tensor.flipud} as a function. */
export const flipud: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("flipud");
/** {@link Tensor.roll} as a function. */
export const roll: {
  <D extends DType>(input: Tensor<D>, shifts: Dims, dims?: Dims): Tensor<D>;
  <D extends DType>(input: Tensor<D>, shifts: Dims, options: { dims?: Dims }): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { shifts: Dims; dims?: Dims }): Tensor<D>;
} = operator("roll");
/** {@link Tensor.rot90} as a function. */
export const rot90: {
  <D extends DType>(input: Tensor<D>, k?: number, dims?: readonly number[]): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { k?: number; dims?: readonly number[] }): Tensor<D>;
} = operator("rot90");
/** {@link Tensor.tril} as a function. */
export const tril: {
  <D extends DType>(input: Tensor<D>, diagonal?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { diagonal?: number }): Tensor<D>;
} = operator("tril");
/** {@link Tensor.triu} as a function. */
export const triu: {
  <D extends DType>(input: Tensor<D>, diagonal?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { diagonal?: number }): Tensor<D>;
} = operator("triu");
/** {@link Tensor.diag} as a function. */
export const diag: {
  <D extends DType>(input: Tensor<D>, diagonal?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { diagonal?: number }): Tensor<D>;
} = operator("diag");
/** {@link Tensor.diagflat} as a function. */
export const diagflat: {
  <D extends DType>(input: Tensor<D>, offset?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { offset?: number }): Tensor<D>;
} = operator("diagflat");
/** {@link Tensor.diagonal} as a function. */
export const diagonal: {
  <D extends DType>(input: Tensor<D>, offset?: number, dim1?: number, dim2?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { offset?: number; dim1?: number; dim2?: number }): Tensor<D>;
} = operator("diagonal");
/** {@link Tensor.diagEmbed} as a function. */
export const diagEmbed: {
  <D extends DType>(input: Tensor<D>, offset?: number, dim1?: number, dim2?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { offset?: number; dim1?: number; dim2?: number }): Tensor<D>;
} = operator("diag_embed");
/** {@link Tensor.asStrided} as a function. */
export const asStrided: {
  <D extends DType>(input: Tensor<D>, size: readonly number[], stride: readonly number[], storageOffset?: number | null): Tensor<D>;
  <D extends DType>(input: Tensor<D>, size: readonly number[], stride: readonly number[], options: { storageOffset?: number | null }): Tensor<D>;
} = operator("as_strided");

addMethods({
  view: variadic("view"), reshape, viewAs: operator("view_as"), reshapeAs: operator("reshape_as"), permute, transpose, t,
  adjoint, flatten, unflatten, ravel, squeeze, unsqueeze, expand: variadic("expand"), expandAs: operator("expand_as"),
  broadcastTo, repeat: variadic("repeat"), tile, repeatInterleave, movedim, swapaxes, flip, fliplr, flipud, roll, rot90,
  tril, triu, diag, diagflat, sumToSize: variadic("sum_to_size"), diagonal, diagEmbed, unfold: operator("unfold"), asStrided,
});
