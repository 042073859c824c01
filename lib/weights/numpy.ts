/** NumPy's files: `.npy` holds one array, `.npz` is a zip archive of such by name. */

import { argumentError, DgsamError } from "../errors.js";
import type { StateDict } from "../nn/index.js";
import { empty, noGrad, scope, Tensor } from "../tensor/index.js";
import { arrayOn, byteChunks, checkStorable, type StoredFormat } from "./elements.js";
import { tensorOf, withInputFile, type ByteSource } from "./input-file.js";
import { malformed, quoted } from "./malformed.js";
import { npyHeader, NUMPY_CODES, readNpyHeader } from "./npy-header.js";
import { writeAtomically } from "./output-file.js";
import { FORMAT_NAMES } from "./safetensors-header.js";
import { tensorsOf } from "./state-dict.js";
import { openArchive, type ArchiveOptions, type ZipReader } from "./zip-reader.js";
import { ZipWriter } from "./zip-writer.js";

const NUMPY = { dtypes: NUMPY_CODES, other: { name: "safetensors", dtypes: FORMAT_NAMES } } as const satisfies Omit<StoredFormat, "name">;

// A zip archive's names have 16 bits of length.
const MAX_NAME = 0xffff;

/**
 * Reads a `.npy` file: any numeric dtype that LibTorch has, either byte order, versions 1 to 3. An array in Fortran order
 * comes with its strides.
 *
 * @throws DgsamError `ERR_DATA` when the file cannot be read, is damaged or of another dtype (text, records, Python objects, float128);
 *   `ERR_ARGUMENT`
 */
export function readNpy(path: string): Tensor {
  return withInputFile(path, (file) => readArray(path, "the array", file));
}

/** Reads all arrays of a `.npz` file, stored or compressed, by name. @throws DgsamError as {@link readNpy} */
export function readNpz(path: string, options: ArchiveOptions = {}): StateDict {
  return withInputFile(path, (file) => readArrays(path, openArchive("readNpz", path, file, options)));
}

export function readArrays(path: string, archive: ZipReader): StateDict {
  return scope(() => Object.fromEntries(archive.names().map((entry): [string, Tensor] => {
    if (!entry.endsWith(".npy")) throw malformed(path, `${quoted(entry)}: a .npz file holds .npy arrays only`);
    const name = entry.slice(0, -".npy".length);
    return [name, readArray(path, quoted(name), archive.open(entry))];
  })));
}

export function readArray(path: string, name: string, source: ByteSource): Tensor {
  const { dtype, bigEndian, fortranOrder, shape, start, length } = readNpyHeader(path, name, source);
  if (length === 0) return empty(shape, { dtype });
  return scope(() => arrayOn(tensorOf(source, start, length), dtype, shape, bigEndian, fortranOrder));
}

/**
 * Writes a tensor as a `.npy` file of version 1, in row-major order.
 *
 * @throws DgsamError `ERR_DTYPE` for dtypes that NumPy lacks (bfloat16, float8, complex32); `ERR_ARGUMENT` for one that is not
 *   dense; `ERR_DEVICE` for the meta device; `ERR_DATA` when the file cannot be written
 */
export function writeNpy(path: string, tensor: Tensor): void {
  if (!(tensor instanceof Tensor)) throw argumentError("writeNpy(path, tensor): tensor", "a Tensor", tensor);
  checkStorable("writeNpy", "the tensor", tensor, { name: ".npy", ...NUMPY });
  writeAtomically(path, (file) => noGrad(() => {
    for (const chunk of arrayBytes(tensor)) file.write(chunk);
  }));
}

/**
 * Writes tensors as an uncompressed `.npz` file, in the order of the dict. Tensors that share memory are written each by
 * itself.
 *
 * @throws DgsamError as {@link writeNpy}
 */
export function writeNpz(path: string, dict: Readonly<StateDict>): void {
  const tensors = tensorsOf("writeNpz", dict);
  for (const [key, tensor] of tensors) checkStorable("writeNpz", key, tensor, { name: ".npz", ...NUMPY });
  checkNames(tensors.map(([key]) => key));
  writeAtomically(path, (file) => noGrad(() => {
    const archive = new ZipWriter(file);
    for (const [key, tensor] of tensors) archive.add(`${key}.npy`, arrayBytes(tensor));
    archive.finish();
  }));
}

function checkNames(keys: readonly string[]): void {
  const long = keys.find((key) => Buffer.byteLength(key) + ".npy".length > MAX_NAME);
  if (long !== undefined)
    throw new DgsamError("ERR_ARGUMENT", `writeNpz: the key ${quoted(long)} has ${Buffer.byteLength(long)} bytes, a .npz file takes ${MAX_NAME - ".npy".length}; write safetensors`);
}

function* arrayBytes(tensor: Tensor): Generator<Uint8Array> {
  yield npyHeader(tensor.dtype, tensor.shape);
  yield* byteChunks(tensor);
}
