/**
 * Functions of several tensors: joining, broadcasting, choosing, sums of products.
 *
 * Errors: `ERR_ARGUMENT` for an argument of the wrong kind, `ERR_SHAPE` where shapes do not fit together.
 */

import { optionsOf } from "../../checks.js";
import { argumentError } from "../../errors.js";
import type { DType } from "../dtype.js";
import { inOrder, ofTensors, operator } from "../methods/define.js";
import type { TensorLike } from "../methods/types.js";
import { keywordArguments, ops, type OperatorFunction } from "../operators.js";
import { Tensor } from "../tensor.js";

interface Join {
  <D extends DType>(tensors: readonly Tensor<D>[], dim?: number): Tensor<D>;
  <D extends DType>(tensors: readonly Tensor<D>[], options: { dim?: number }): Tensor<D>;
}
type Pile = <D extends DType>(tensors: readonly Tensor<D>[]) => Tensor<D>;
/** PyTorch takes these spread, not in a list; here either will do. */
interface SpreadPile {
  <D extends DType>(tensors: readonly Tensor<D>[]): Tensor<D>;
  <D extends DType>(...tensors: Tensor<D>[]): Tensor<D>;
}
interface SpreadEach {
  <D extends DType>(tensors: readonly Tensor<D>[]): Tensor<D>[];
  <D extends DType>(...tensors: Tensor<D>[]): Tensor<D>[];
}
interface AtLeast {
  <D extends DType>(input: Tensor<D>): Tensor<D>;
  <D extends DType>(tensors: readonly Tensor<D>[]): Tensor<D>[];
}

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
export const blockDiag: SpreadPile = ofTensors("block_diag");
/** All combinations of the elements of vectors, one a row. `torch.cartesian_prod` */
export const cartesianProd: SpreadPile = ofTensors("cartesian_prod");
/** Vectors as the columns of a matrix, matrices side by side. `torch.column_stack` */
export const columnStack: Pile = operator("column_stack");
/** With a dimension of size 1 for a scalar, as a view; of a list, of each. `torch.atleast_1d` */
export const atleast1d: AtLeast = operator("atleast_1d");
/** With dimensions of size 1 added in front up to two, as a view; of a list, of each. `torch.atleast_2d` */
export const atleast2d: AtLeast = operator("atleast_2d");
/** With dimensions of size 1 added up to three, as a view; of a list, of each. `torch.atleast_3d` */
export const atleast3d: AtLeast = operator("atleast_3d");

/** Tensors expanded to their common shape, as views. `torch.broadcast_tensors` */
export const broadcastTensors: SpreadEach = ofTensors("broadcast_tensors");

/**
 * Coordinate grids of vectors: one tensor per vector, all of shape `[n1, n2, ...]`; with `indexing` `"xy"` the first two
 * dimensions are swapped. `torch.meshgrid`
 */
export const meshgrid: {
  <D extends DType>(tensors: readonly Tensor<D>[], options?: { indexing?: "ij" | "xy" }): Tensor<D>[];
  <D extends DType>(...tensors: Tensor<D>[]): Tensor<D>[];
  <D extends DType>(...tensorsAndOptions: [...Tensor<D>[], { indexing?: "ij" | "xy" }]): Tensor<D>[];
} = (...args: unknown[]): Tensor<never>[] => {
  const options = keywordArguments(args);
  const tensors = args.filter((each) => each instanceof Tensor);
  const { indexing = "ij" } = optionsOf<{ indexing?: unknown }>("meshgrid", options ?? (tensors.length > 0 ? undefined : (args[1] as object | undefined)), ["indexing"]);
  return (ops.aten["meshgrid.indexing"] as OperatorFunction)(tensors.length > 0 ? tensors : args[0], { indexing }) as Tensor<never>[];
};

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

/** So many dimensions at the end of one and the start of the other, or pairs of them. */
export type ContractedDims = number | readonly [readonly number[], readonly number[]];

/**
 * Sums of products over several dimensions: the last `dims` (default 2) of `a` with the first of `b`, or the pairs of two
 * lists. `torch.tensordot`
 */
export const tensordot: {
  <D extends DType>(a: Tensor<D>, b: Tensor<D>, dims?: ContractedDims): Tensor<D>;
  <D extends DType>(a: Tensor<D>, b: Tensor<D>, options: { dims?: ContractedDims }): Tensor<D>;
} = (...args: unknown[]): Tensor<never> => {
  const [a, b, dims = 2] = inOrder("tensordot", args, ["a", "b", "dims"]);
  if (!(a instanceof Tensor)) throw argumentError("tensordot(a, b, dims): a", "a Tensor", a);
  const [ofA, ofB] = Array.isArray(dims) ? dims : lastAndFirst(dims);
  return (ops.aten.tensordot as OperatorFunction)(a, b, ofA, ofB) as Tensor<never>;
};

function lastAndFirst(count: unknown): [last: number[], first: number[]] {
  if (!Number.isSafeInteger(count) || (count as number) < 0 || (count as number) > 64)
    throw argumentError("tensordot(a, b, dims): dims", "an integer from 0 to 64, or two arrays of dimensions", count);
  const first = Array.from({ length: count as number }, (_, i) => i);
  return [first.map((i) => i - first.length), first];
}

/** Distances of order `p` (default 2) between the rows of `[..., n, k]` and `[..., m, k]`: `[..., n, m]`. `torch.cdist` */
export const cdist: {
  <D extends DType>(x1: Tensor<D>, x2: Tensor<D>, p?: number): Tensor<D>;
  <D extends DType>(x1: Tensor<D>, x2: Tensor<D>, options: { p?: number }): Tensor<D>;
} = operator("cdist");

/** Distances of order `p` (default 2) between vectors along the last dimension; `eps` (default 1e-6) is added to each difference. `torch.nn.functional.pairwise_distance` */
export const pairwiseDistance: {
  <D extends DType>(x1: Tensor<D>, x2: Tensor<D>, p?: number, eps?: number, keepdim?: boolean): Tensor<D>;
  <D extends DType>(x1: Tensor<D>, x2: Tensor<D>, options: { p?: number; eps?: number; keepdim?: boolean }): Tensor<D>;
} = operator("pairwise_distance");

/** Complex numbers from their magnitudes and angles: float32 gives complex64, float64 complex128. `torch.polar` */
export const polar: (abs: Tensor, angle: Tensor) => Tensor = operator("polar");

/** Where elements are among `testElements`; with `invert`, where they are not. `torch.isin` */
export const isin: (elements: TensorLike, testElements: TensorLike, options?: { assumeUnique?: boolean; invert?: boolean }) => Tensor<"bool"> =
  operator("isin");

/** The index of the interval between `boundaries` (ascending) that each element falls in: int64, or int32 with `outInt32`. `torch.bucketize` */
export const bucketize: (input: TensorLike, boundaries: Tensor, options?: { outInt32?: boolean; right?: boolean }) => Tensor = operator("bucketize");

/** Where `values` would be inserted in a sequence sorted along its last dimension. `torch.searchsorted` */
export const searchsorted: (
  sortedSequence: Tensor, values: TensorLike, options?: { outInt32?: boolean; right?: boolean; side?: "left" | "right"; sorter?: Tensor },
) => Tensor = operator("searchsorted");
