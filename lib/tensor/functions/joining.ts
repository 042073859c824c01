/**
 * Functions of several tensors: joining, broadcasting, choosing, sums of products.
 *
 * Errors: `ERR_ARGUMENT` for an argument of the wrong kind, `ERR_SHAPE` where shapes do not fit together.
 */

import { argumentError } from "../../errors.js";
import type { DType } from "../dtype.js";
import { operator } from "../methods/define.js";
import type { TensorLike } from "../methods/types.js";
import { ops, type OperatorFunction } from "../operators.js";
import { Tensor } from "../tensor.js";

type Join = <D extends DType>(tensors: readonly Tensor<D>[], dim?: number) => Tensor<D>;
type Pile = <D extends DType>(tensors: readonly Tensor<D>[]) => Tensor<D>;

/** Tensors one after the other along `dim` (default 0); the other sizes must agree. `torch.cat` */
export const cat: Join = operator("cat");
/** As {@link cat}. `torch.concat` */
export const concat: Join = operator("concat");
/** Tensors of one shape along a new dimension before `dim` (default 0). `torch.stack` */
export const stack: Join = operator("stack");
/** {@link cat} along the second dimension, or along the first for vectors. `torch.hstack` */
export const hstack: Pile = operator("hstack");
/** {@link cat} along the first dimension, vectors as rows. `torch.vstack` */
export const vstack: Pile = operator("vstack");
/** {@link cat} along the third dimension, with sizes of 1 added where missing. `torch.dstack` */
export const dstack: Pile = operator("dstack");
/** Matrices along the diagonal of a new one, 0 elsewhere. `torch.block_diag` */
export const blockDiag: Pile = operator("block_diag");
/** All combinations of the elements of vectors, one a row. `torch.cartesian_prod` */
export const cartesianProd: Pile = operator("cartesian_prod");

/** Tensors expanded to their common shape, as views. `torch.broadcast_tensors` */
export const broadcastTensors: <D extends DType>(tensors: readonly Tensor<D>[]) => Tensor<D>[] = operator("broadcast_tensors");

/**
 * Coordinate grids of vectors: one tensor per vector, all of shape `[n1, n2, ...]`; with `indexing` `"xy"` the first two
 * dimensions are swapped. `torch.meshgrid`
 */
export function meshgrid<D extends DType>(tensors: readonly Tensor<D>[], options: { indexing?: "ij" | "xy" } = {}): Tensor<D>[] {
  return ops.aten["meshgrid.indexing"](tensors, { indexing: options.indexing ?? "ij" }) as unknown as Tensor<D>[];
}

/**
 * Elements of `input` where `condition` (bool) is true, else of `other`; all three broadcast, and two numbers of one kind
 * are allowed. With a condition alone, the indices where it is true: one int64 vector per dimension. `torch.where`
 */
export const where: {
  <D extends DType>(condition: Tensor, input: Tensor<D>, other: Tensor<D>): Tensor<D>;
  (condition: Tensor, input: TensorLike, other: TensorLike): Tensor;
  (condition: Tensor): Tensor<"int64">[];
} = operator("where");

/**
 * Sums of products by Einstein's convention: `einsum("bij,bjk->bik", a, b)`. Letters name dimensions, `...` stands for any;
 * what is not in the result is summed over. `torch.einsum`
 */
export function einsum<D extends DType>(equation: string, ...tensors: readonly Tensor<D>[] | readonly [readonly Tensor<D>[]]): Tensor<D> {
  const [first] = tensors;
  return (ops.aten["einsum.default"] as OperatorFunction)(equation, Array.isArray(first) ? first : tensors) as Tensor<D>;
}

/**
 * Sums of products over several dimensions: the last `dims` (default 2) of `a` with the first of `b`, or the pairs of two
 * lists. `torch.tensordot`
 */
export function tensordot<D extends DType>(a: Tensor<D>, b: Tensor<D>, dims: number | readonly [readonly number[], readonly number[]] = 2): Tensor<D> {
  if (typeof dims !== "number") return ops.aten.tensordot(a, b, dims[0], dims[1]) as unknown as Tensor<D>;
  if (!(a instanceof Tensor)) throw argumentError("tensordot(a, b, dims): a", "a Tensor", a);
  const last = Array.from({ length: dims }, (_, i) => i - dims);
  return ops.aten.tensordot(a, b, last, last.map((_, i) => i)) as unknown as Tensor<D>;
}

/** Distances of order `p` (default 2) between the rows of `[..., n, k]` and `[..., m, k]`: `[..., n, m]`. `torch.cdist` */
export const cdist: <D extends DType>(x1: Tensor<D>, x2: Tensor<D>, p?: number) => Tensor<D> = operator("cdist");

/** Where elements are among `testElements`; with `invert`, where they are not. `torch.isin` */
export const isin: (elements: TensorLike, testElements: TensorLike, options?: { assumeUnique?: boolean; invert?: boolean }) => Tensor<"bool"> =
  operator("isin");

/** The index of the interval between `boundaries` (ascending) that each element falls in: int64, or int32 with `outInt32`. `torch.bucketize` */
export const bucketize: (input: TensorLike, boundaries: Tensor, options?: { outInt32?: boolean; right?: boolean }) => Tensor = operator("bucketize");

/** Where `values` would be inserted in a sequence sorted along its last dimension. `torch.searchsorted` */
export const searchsorted: (
  sortedSequence: Tensor, values: TensorLike, options?: { outInt32?: boolean; right?: boolean; side?: "left" | "right"; sorter?: Tensor },
) => Tensor = operator("searchsorted");
