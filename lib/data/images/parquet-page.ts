/**
 * Pages of a Parquet column: their headers and values. Pages may be of either version, their values plain, numbers in a dictionary or
 * differences. Every count and length is compared with the bytes that are there before anything is made of it: a page costs time and
 * memory of the order of its size and its rows, whatever it claims. Source: parquet-format, README.md and Encodings.md.
 */

import { decompress, type CompressionLibrary } from "./parquet-codecs.js";
import { byteArrays, deltaByteArrays, deltas, plainNumbers, runs } from "./parquet-encodings.js";
import { integer, oneOf, type Codec, type Leaf } from "./parquet-metadata.js";
import { ByteReader, readStruct, type ThriftStruct } from "./parquet-thrift.js";

export type PageValue = Uint8Array | number | bigint;

export interface PageHeader {
  readonly kind: "data" | "dictionary" | "dataV2" | "index";
  /** Bytes of the page behind its header, and when decompressed. */
  readonly size: number;
  readonly uncompressed: number;
  /** Values, nulls too: as many as rows, since none are in lists. */
  readonly count: number;
  readonly encoding: Encoding;
  /** Of version 2: bytes of the levels, which stand in front and are not compressed. */
  readonly levels: { readonly repetition: number; readonly definition: number };
  readonly compressed: boolean;
}

type Encoding = (typeof ENCODINGS)[number];

const KINDS = ["data", "index", "dictionary", "dataV2"] as const;
const ENCODINGS = [
  "PLAIN", "GROUP_VAR_INT", "PLAIN_DICTIONARY", "RLE", "BIT_PACKED", "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "RLE_DICTIONARY",
  "BYTE_STREAM_SPLIT",
] as const;
const DICTIONARIES: readonly Encoding[] = ["PLAIN_DICTIONARY", "RLE_DICTIONARY"];

/** Reads a header, and leaves the reader behind it. @throws Error when there is none */
export function readPageHeader(reader: ByteReader): PageHeader {
  const header = readStruct(reader);
  const kind = oneOf(KINDS, header.get(1), "its kind");
  const common = { kind, size: integer(header, 3, "its size"), uncompressed: integer(header, 2, "its size when decompressed"), levels: { repetition: 0, definition: 0 }, compressed: true };
  if (kind === "index") return { ...common, count: 0, encoding: "PLAIN" };
  const own = header.get({ data: 5, dictionary: 7, dataV2: 8 }[kind]);
  if (!(own instanceof Map)) throw new Error("it does not say what it holds");
  const fields = own as ThriftStruct;
  const count = integer(fields, 1, "its number of values");
  const encoding = oneOf(ENCODINGS, fields.get(kind === "dataV2" ? 4 : 2), "its encoding");
  if (kind !== "dataV2") return { ...common, count, encoding };
  const levels = { definition: integer(fields, 5, "the bytes of its levels"), repetition: integer(fields, 6, "the bytes of its levels") };
  if (levels.definition + levels.repetition > Math.min(common.size, common.uncompressed)) throw new Error("its levels are larger than the page");
  return { ...common, count, encoding, levels, compressed: fields.get(7) !== false };
}

export function usesDictionary({ encoding }: PageHeader): boolean {
  return DICTIONARIES.includes(encoding);
}

/** The values that the column's pages have numbers of. @param page the bytes behind the header */
export function readDictionary(header: PageHeader, page: Uint8Array, leaf: Leaf, codec: Codec, library: CompressionLibrary): readonly PageValue[] {
  return plain(decompress(codec, page, header.uncompressed, library), leaf, header.count);
}

/** The values of a data page, null where there is none. @param page the bytes behind the header */
export function readPage<T>(
  header: PageHeader, page: Uint8Array, leaf: Leaf, codec: Codec, library: CompressionLibrary, dictionary: readonly T[] | undefined, convert: (value: PageValue) => T,
): (T | null)[] {
  const { levels, values } = split(header, page, leaf, codec, library);
  const present = levels === undefined ? header.count : levels.reduce((sum, level) => sum + (level === leaf.maxDefinition ? 1 : 0), 0);
  const found = usesDictionary(header) ? fromDictionary(values, present, dictionary) : plainOrDeltas(header.encoding, values, leaf, present).map(convert);
  if (levels === undefined || present === header.count) return found;
  let next = 0;
  return Array.from(levels, (level) => (level === leaf.maxDefinition ? found[next++]! : null));
}

/** The levels of definition, where values can be missing, and the bytes of the values. */
function split(header: PageHeader, page: Uint8Array, { maxDefinition }: Leaf, codec: Codec, library: CompressionLibrary): { levels?: Uint32Array; values: Uint8Array } {
  const width = 32 - Math.clz32(maxDefinition);
  if (header.kind === "data") {
    const reader = new ByteReader(decompress(codec, page, header.uncompressed, library));
    const levels = maxDefinition === 0 ? undefined : runs(reader.take(reader.uint32()), width, header.count);
    return { ...(levels === undefined ? {} : { levels }), values: reader.take(reader.left) };
  }
  const { repetition, definition } = header.levels;
  const levels = maxDefinition === 0 ? undefined : runs(page.subarray(repetition, repetition + definition), width, header.count);
  const packed = page.subarray(repetition + definition);
  const values = decompress(header.compressed ? codec : "UNCOMPRESSED", packed, header.uncompressed - repetition - definition, library);
  return { ...(levels === undefined ? {} : { levels }), values };
}

function fromDictionary<T>(bytes: Uint8Array, count: number, dictionary: readonly T[] | undefined): T[] {
  if (dictionary === undefined) throw new Error("its dictionary is missing");
  if (count === 0) return [];
  const reader = new ByteReader(bytes);
  const width = reader.byte();
  return Array.from(runs(reader.take(reader.left), width, count), (index) => {
    const value = dictionary[index];
    if (value === undefined) throw new Error(`it has number ${index} of a dictionary of ${dictionary.length}`);
    return value;
  });
}

function plainOrDeltas(encoding: Encoding, bytes: Uint8Array, leaf: Leaf, count: number): PageValue[] {
  if (encoding === "PLAIN") return plain(bytes, leaf, count);
  const reader = new ByteReader(bytes);
  if (encoding === "DELTA_BINARY_PACKED" && leaf.type === "INT64") return deltas(reader, count, 64);
  if (encoding === "DELTA_BINARY_PACKED" && leaf.type === "INT32") return deltas(reader, count, 32);
  if (encoding === "DELTA_LENGTH_BYTE_ARRAY" && leaf.type === "BYTE_ARRAY") return deltas(reader, count, 32).map((length) => reader.take(Number(length)));
  if (encoding === "DELTA_BYTE_ARRAY" && leaf.type === "BYTE_ARRAY") return deltaByteArrays(reader, count);
  throw new Error(`its encoding ${encoding} is not supported for ${leaf.type}; write the column plain or with a dictionary`);
}

function plain(bytes: Uint8Array, { type }: Leaf, count: number): PageValue[] {
  const reader = new ByteReader(bytes);
  return type === "BYTE_ARRAY" ? byteArrays(reader, count) : plainNumbers(reader, type, count);
}
