/**
 * The header of safetensors files (https://github.com/huggingface/safetensors, "Format"): 8 bytes of length, little endian; so
 * many bytes of JSON that say of each tensor its dtype, shape and place; then the elements, little endian, row-major, without
 * holes and overlaps. JSON may end in spaces, and `__metadata__` holds strings only.
 */

import type { DType } from "../tensor/index.js";
import { countOf } from "./elements.js";
import { JsonFault, parseJson } from "./header-json.js";
import type { ByteSource } from "./input-file.js";
import { malformed, quoted } from "./malformed.js";

/** A dtype of the format. LibTorch lacks those of 4 and 6 bits. */
interface FormatDType {
  readonly bits: number;
  readonly dtype?: DType;
}

/** The format's dtypes, in its order: files hold the tensors of later ones first, so that all lie aligned. */
export const FORMAT_DTYPES: ReadonlyMap<string, FormatDType> = new Map<string, FormatDType>([
  ["BOOL", { bits: 8, dtype: "bool" }], ["F4", { bits: 4 }], ["F6_E2M3", { bits: 6 }], ["F6_E3M2", { bits: 6 }],
  ["U8", { bits: 8, dtype: "uint8" }], ["I8", { bits: 8, dtype: "int8" }],
  ["F8_E5M2", { bits: 8, dtype: "float8_e5m2" }], ["F8_E4M3", { bits: 8, dtype: "float8_e4m3fn" }], ["F8_E8M0", { bits: 8, dtype: "float8_e8m0fnu" }],
  ["F8_E4M3FNUZ", { bits: 8, dtype: "float8_e4m3fnuz" }], ["F8_E5M2FNUZ", { bits: 8, dtype: "float8_e5m2fnuz" }],
  ["I16", { bits: 16, dtype: "int16" }], ["U16", { bits: 16, dtype: "uint16" }],
  ["F16", { bits: 16, dtype: "float16" }], ["BF16", { bits: 16, dtype: "bfloat16" }],
  ["I32", { bits: 32, dtype: "int32" }], ["U32", { bits: 32, dtype: "uint32" }], ["F32", { bits: 32, dtype: "float32" }],
  ["C64", { bits: 64, dtype: "complex64" }], ["F64", { bits: 64, dtype: "float64" }],
  ["I64", { bits: 64, dtype: "int64" }], ["U64", { bits: 64, dtype: "uint64" }],
]);

/** A dtype's name in the format, and its place in the order of the bytes. */
export const FORMAT_NAMES: ReadonlyMap<DType, { format: string; rank: number }> = new Map(
  [...FORMAT_DTYPES].flatMap(([format, { dtype }], rank) => (dtype === undefined ? [] : [[dtype, { format, rank }] as const])),
);

/** The reference implementation's limit, in bytes. */
export const MAX_HEADER = 100_000_000;

/** Where a tensor lies in the file. */
export interface Placed {
  /** The format's name of the dtype, such as `"BF16"`. */
  format: string;
  /** LibTorch's dtype; undefined for the format's 4- and 6-bit floats. */
  dtype: DType | undefined;
  shape: number[];
  /** The bytes from the file's start: first, and behind the last. */
  start: number;
  end: number;
}

export interface Header {
  metadata: Record<string, string>;
  /** In the order of the bytes. */
  tensors: Map<string, Placed>;
}

/** @throws DgsamError `ERR_DATA` for what the format does not allow */
export function readHeader(path: string, file: ByteSource): Header {
  if (file.length < 8) throw malformed(path, `truncated: a safetensors file begins with 8 bytes of length, got ${file.length} bytes`);
  const size = Number(file.read(0, 8).readBigUInt64LE());
  if (size > MAX_HEADER) throw malformed(path, `its safetensors header claims ${size} bytes, the format allows ${MAX_HEADER}`);
  if (8 + size > file.length) throw malformed(path, `truncated: its safetensors header claims ${size} bytes, but only ${file.length - 8} bytes follow`);
  const text = headerText(path, file.read(8, size));
  const fields = parsed(path, text);
  const metadata = fields.get("__metadata__") ?? new Map();
  fields.delete("__metadata__");
  const dataStart = 8 + size;
  const tensors = Array.from(fields, ([name, entry]): [string, Placed] => [name, placed(path, quoted(name), entry, dataStart)]);
  tensors.sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  let at = dataStart;
  for (const [name, { start, end }] of tensors) {
    if (start !== at)
      throw malformed(path, `${quoted(name)}: its bytes begin at ${start - dataStart}, but ${at - dataStart} were taken before; the format allows no holes and no overlaps`);
    at = end;
  }
  if (at !== file.length) throw malformed(path, `its header places ${at - dataStart} bytes of tensors, but ${file.length - dataStart} bytes follow it`);
  return { metadata: checkedMetadata(path, metadata), tensors: new Map(tensors) };
}

function headerText(path: string, bytes: Buffer): string {
  if (bytes[0] !== 0x7b) throw malformed(path, "its safetensors header does not begin with {");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw malformed(path, "its safetensors header is no UTF-8", cause);
  }
}

function parsed(path: string, text: string): Map<string, unknown> {
  try {
    // An object, as it begins with {.
    return parseJson(text) as Map<string, unknown>;
  } catch (cause) {
    if (cause instanceof JsonFault) throw malformed(path, `its safetensors header ${cause.message}`, cause);
    throw cause;
  }
}

function checkedMetadata(path: string, metadata: unknown): Record<string, string> {
  if (!(metadata instanceof Map)) throw malformed(path, "its __metadata__ is no object");
  for (const [key, value] of metadata as Map<string, unknown>) if (typeof value !== "string") throw malformed(path, `its __metadata__ ${quoted(key)} is no string`);
  return Object.fromEntries(metadata as Map<string, string>);
}

function placed(path: string, name: string, entry: unknown, dataStart: number): Placed {
  if (!(entry instanceof Map)) throw malformed(path, `${name}: expected an object with dtype, shape and data_offsets`);
  const [format, shape, offsets] = ["dtype", "shape", "data_offsets"].map((field) => (entry as Map<string, unknown>).get(field));
  const known = typeof format === "string" ? FORMAT_DTYPES.get(format) : undefined;
  if (known === undefined) throw malformed(path, `${name}: the safetensors format has no dtype ${typeof format === "string" ? quoted(format) : "of that kind"}`);
  const count = countOf(path, name, shape);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every((each) => Number.isSafeInteger(each) && (each as number) >= 0))
    throw malformed(path, `${name}: its data_offsets are no two integers of at least 0`);
  const [begin, end] = offsets as [number, number];
  const due = (count * known.bits) / 8;
  if (end - begin !== due) {
    const sizes = (shape as number[]).join(", ");
    throw malformed(path, `${name}: its shape [${sizes}] of ${format as string} takes ${due} bytes, its data_offsets [${begin}, ${end}] say ${end - begin}`);
  }
  return { format: format as string, dtype: known.dtype, shape: shape as number[], start: dataStart + begin, end: dataStart + end };
}
