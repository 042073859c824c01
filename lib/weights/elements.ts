/** Bytes as elements and back: what all formats share. */

import { DgsamError } from "../errors.js";
import { elementBytes } from "../tensor/data.js";
import { isComplex } from "../tensor/dtype.js";
import { empty, ops, scope, type DType, type Tensor } from "../tensor/index.js";
import { malformed } from "./malformed.js";

export { elementBytes };

/** The dtypes whose elements are whole bytes with a meaning of their own; quantised ones need scales beside them. */
export const STORED_DTYPES = [
  "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "bfloat16", "float32", "float64",
  "complex32", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu",
] as const satisfies readonly DType[];

// LibTorch's iterators take no more.
const MAX_DIMENSIONS = 64;

/** Whether a value out of a file can be a size, an offset or a number of elements. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isCount);
}

/** Why LibTorch has no tensors of this shape, or null. */
export function shapeProblem(shape: readonly number[]): string | null {
  if (shape.length > MAX_DIMENSIONS) return `${shape.length} dimensions, LibTorch takes ${MAX_DIMENSIONS}`;
  // With the zeros left out: LibTorch multiplies the others as well, in 64 bits.
  const product = shape.reduce((count, size) => count * (size === 0 ? 1 : size), 1);
  return product > Number.MAX_SAFE_INTEGER ? `the shape [${shape.join(", ")}], more elements than any memory` : null;
}

/** The number of elements of a shape out of a file. @throws DgsamError `ERR_DATA` for what is no shape */
export function countOf(path: string, name: string, shape: unknown): number {
  if (!isCounts(shape)) throw malformed(path, `${name}: its shape is no list of integers from 0 to 2^53 - 1`);
  const problem = shapeProblem(shape);
  if (problem !== null) throw malformed(path, `${name}: it has ${problem}`);
  return shape.reduce((count, size) => count * size, 1);
}

/** The steps between elements that lie in row-major order without gaps. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  for (let step = 1, i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= Math.max(shape[i]!, 1);
  }
  return strides;
}

/**
 * A tensor on the memory of the uint8 tensor `storage`, which must hold it. Unlike a view by operators it has its own version
 * counter: one weight may change in place while a graph holds another of the same file.
 *
 * @param offset in elements of `dtype`, from the storage's start
 */
export function onStorage(storage: Tensor, dtype: DType, offset: number, shape: readonly number[], strides = contiguousStrides(shape)): Tensor {
  const made = empty([0], { dtype });
  ops.aten["set_.source_Tensor_storage_offset"](made, storage, offset, [...shape], [...strides]);
  return made;
}

/**
 * Bytes of a file fit to be elements of `dtype`: of bool each 0 or 1, as LibTorch's kernels take for granted, and other byte
 * orders turned into ours. The same tensor where nothing is to be done.
 */
export function nativeBytes(bytes: Tensor, dtype: DType, bigEndian: boolean): Tensor {
  if (dtype === "bool") return ops.aten["view.dtype"](ops.aten["ne.Scalar"](bytes, 0), "uint8");
  const size = elementBytes(dtype) / (isComplex(dtype) ? 2 : 1);
  if (!bigEndian || size === 1) return bytes;
  return ops.aten["reshape.default"](ops.aten["flip.default"](ops.aten["reshape.default"](bytes, [-1, size]), [1]), [-1]);
}

/** An array of NumPy's on the uint8 tensor of its bytes; in Fortran order, the first index varies fastest, with strides that say so. */
export function arrayOn(bytes: Tensor, dtype: DType, shape: readonly number[], bigEndian: boolean, fortranOrder: boolean): Tensor {
  const storage = nativeBytes(bytes, dtype, bigEndian);
  if (!fortranOrder) return onStorage(storage, dtype, 0, shape);
  return ops.aten["permute.default"](onStorage(storage, dtype, 0, [...shape].reverse()), shape.map((_, i) => shape.length - 1 - i));
}

// In elements: at most 64 MiB of the widest dtype.
const CHUNK = 1 << 22;

/** The elements in row-major order as bytes, in pieces. Nothing is left in the caller's scope. */
export function* byteChunks(tensor: Tensor): Generator<Uint8Array> {
  const { numel } = tensor;
  const flat = scope(() => ops.aten["reshape.default"](ops.aten["detach.default"](tensor), [-1]));
  try {
    for (let at = 0; at < numel; at += CHUNK) yield scope(() => ops.aten["slice.Tensor"](flat, 0, at, at + CHUNK).toBytes());
  } finally {
    flat.dispose();
  }
}

/** A format that tensors are written to. */
export interface StoredFormat {
  readonly name: string;
  readonly dtypes: { has(dtype: DType): boolean };
  /** Where else a tensor of a dtype that it lacks may go. */
  readonly other: { readonly name: string; readonly dtypes: { has(dtype: DType): boolean } };
}

/** Throws unless the key can be written as UTF-8 and the tensor is dense and of one of the format's dtypes. */
export function checkStorable(name: string, key: string, tensor: Tensor, { name: format, dtypes, other }: StoredFormat): void {
  // Written, each would become U+FFFD, and two keys one.
  if (/\p{Surrogate}/u.test(key))
    throw new DgsamError("ERR_ARGUMENT", `${name}: the key ${JSON.stringify(key)} has half a surrogate pair, which UTF-8 cannot say; rename the tensor`);
  if (tensor.layout !== "strided")
    throw new DgsamError("ERR_ARGUMENT", `${name}: ${JSON.stringify(key)} has layout ${tensor.layout}, ${format} holds dense tensors; use toDense()`);
  if (tensor.device === "meta") throw new DgsamError("ERR_DEVICE", `${name}: ${JSON.stringify(key)} is on the meta device and has no data to write`);
  if (!dtypes.has(tensor.dtype))
    throw new DgsamError("ERR_DTYPE", `${name}: ${JSON.stringify(key)} is ${tensor.dtype}, which ${format} does not have; convert it` +
      `${other.dtypes.has(tensor.dtype) ? `, or write ${other.name}` : ""}`);
}
