/**
 * The header of safetensors files (https://github.com/huggingface/safetensors, "Format"): 8 bytes of length, little endian; so
 * many bytes of JSON that say of each tensor its dtype, shape and place; then the elements, little endian, row-major, without
 * holes and overlaps. JSON may end in spaces, and `__metadata__` holds strings only.
 */

import type { DType } from "../tensor/index.js";
import { countOf } from "./elements.js";
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
  const { __metadata__: metadata = {}, ...entries } = fields;
  const dataStart = 8 + size;
  const tensors = Object.entries(entries).map(([name, entry]): [string, Placed] => [name, placed(path, quoted(name), entry, dataStart)]);
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

function parsed(path: string, text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed(path, `its safetensors header is no JSON: ${(cause as Error).message.slice(0, 200)}`, cause);
  }
  const twice = repeatedKey(text);
  if (twice !== undefined) throw malformed(path, `its safetensors header has the key ${quoted(twice)} twice`);
  return value as Record<string, unknown>;
}

/** The first key that an object of this valid JSON has twice: JSON.parse takes the last one in silence. */
function repeatedKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  let text = { start: 0, end: 0 };
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === "{") open.push(new Set());
    else if (character === "}") open.pop();
    else if (character === '"') {
      text = { start: at, end: endOfText(json, at) };
      at = text.end - 1;
    } else if (character === ":") {
      const keys = open.at(-1)!;
      const key = JSON.parse(json.slice(text.start, text.end)) as string;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

/** Behind the text that begins here. A regular expression would fail at texts of many megabytes. */
function endOfText(json: string, start: number): number {
  let at = start + 1;
  while (json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
  return at + 1;
}

function checkedMetadata(path: string, metadata: unknown): Record<string, string> {
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata)) throw malformed(path, "its __metadata__ is no object");
  for (const [key, value] of Object.entries(metadata)) if (typeof value !== "string") throw malformed(path, `its __metadata__ ${quoted(key)} is no string`);
  return metadata as Record<string, string>;
}

function placed(path: string, name: string, entry: unknown, dataStart: number): Placed {
  if (typeof entry !== "object" || entry === null) throw malformed(path, `${name}: expected an object with dtype, shape and data_offsets`);
  const { dtype: format, shape, data_offsets: offsets } = entry as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
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
