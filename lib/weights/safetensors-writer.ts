/** Writes safetensors files, byte for byte as the reference implementation does. */

import { checkOptions, isPlainObject } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import type { StateDict } from "../nn/index.js";
import { noGrad, type Tensor } from "../tensor/index.js";
import { byteChunks, checkStorable, elementBytes, type StoredFormat } from "./elements.js";
import { NUMPY_CODES } from "./npy-header.js";
import { writeAtomically } from "./output-file.js";
import { overlappingPair } from "./overlaps.js";
import { FORMAT_NAMES, MAX_HEADER } from "./safetensors-header.js";
import { tensorsOf } from "./state-dict.js";

export interface WriteSafetensorsOptions {
  /** Notes for the file's `__metadata__`. */
  metadata?: Readonly<Record<string, string>>;
}

const SAFETENSORS: StoredFormat = { name: "safetensors", dtypes: FORMAT_NAMES, other: { name: ".npz", dtypes: NUMPY_CODES } };

/**
 * Writes tensors to a safetensors file: each by itself in row-major order, sorted by dtype and then by key, so that the same
 * tensors give the same bytes. Whoever reads the path meanwhile finds the old file or the new one whole.
 *
 * @throws DgsamError `ERR_ARGUMENT` for a tensor that is not dense, and for two that share memory, which the format cannot say;
 *   `ERR_DTYPE` for a dtype that the format lacks; `ERR_DEVICE` for the meta device; `ERR_DATA` when the file cannot be written
 */
export function writeSafetensors(path: string, dict: Readonly<StateDict>, options: WriteSafetensorsOptions = {}): void {
  checkOptions("writeSafetensors", options, ["metadata"]);
  const metadata = checkedMetadata(options.metadata);
  const tensors = tensorsOf("writeSafetensors", dict);
  for (const [key, tensor] of tensors) {
    if (key === "__metadata__") throw new DgsamError("ERR_ARGUMENT", "writeSafetensors: the key __metadata__ is the format's own; rename the tensor");
    checkStorable("writeSafetensors", key, tensor, SAFETENSORS);
  }
  const pair = overlappingPair(tensors);
  if (pair !== undefined) {
    const [one, other] = pair.map((key) => JSON.stringify(key)) as [string, string];
    throw new DgsamError("ERR_ARGUMENT", `writeSafetensors: ${one} and ${other} share memory, which safetensors cannot say; leave one out, or clone it to store it twice`);
  }
  const sorted = tensors.map(([key, tensor]) => ({ key, tensor, ...FORMAT_NAMES.get(tensor.dtype)!, bytes: Buffer.from(key) }));
  sorted.sort((a, b) => b.rank - a.rank || Buffer.compare(a.bytes, b.bytes));
  const header = headerOf(metadata, sorted);
  writeAtomically(path, (file) => {
    file.write(header);
    noGrad(() => {
      for (const { tensor } of sorted) for (const chunk of byteChunks(tensor)) file.write(chunk);
    });
  });
}

function headerOf(metadata: Readonly<Record<string, string>> | undefined, sorted: readonly { key: string; tensor: Tensor; format: string }[]): Buffer {
  // As text: an object would move keys that look like indices to the front.
  const fields = metadata === undefined ? [] : [`"__metadata__":${JSON.stringify(metadata)}`];
  let at = 0;
  for (const { key, tensor, format } of sorted) {
    const end = at + tensor.numel * elementBytes(tensor.dtype);
    fields.push(`${JSON.stringify(key)}:${JSON.stringify({ dtype: format, shape: tensor.shape, data_offsets: [at, end] })}`);
    at = end;
  }
  const text = Buffer.from(`{${fields.join(",")}}`);
  // The data begin at a multiple of 8 bytes.
  const header = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, " ");
  if (header.length - 8 > MAX_HEADER)
    throw new DgsamError("ERR_ARGUMENT", `writeSafetensors: names and metadata take ${header.length - 8} bytes, the format allows ${MAX_HEADER}`);
  header.writeBigUInt64LE(BigInt(header.length - 8));
  text.copy(header, 8);
  return header;
}

function checkedMetadata(metadata: unknown): Readonly<Record<string, string>> | undefined {
  if (metadata === undefined) return undefined;
  if (!isPlainObject(metadata) || !Object.values(metadata).every((each) => typeof each === "string"))
    throw argumentError("writeSafetensors: metadata", "an object of strings", metadata);
  const stray = Object.entries(metadata).find((each) => each.some((text) => /\p{Surrogate}/u.test(text as string)));
  if (stray !== undefined) throw new DgsamError("ERR_ARGUMENT", `writeSafetensors: metadata: ${JSON.stringify(stray[0])} has half a surrogate pair, which UTF-8 cannot say`);
  return metadata as Readonly<Record<string, string>>;
}
