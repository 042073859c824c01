/**
 * A minimal writer of Parquet files for tests, from the format's description: all columns optional as pyarrow writes them, several row groups and pages,
 * plain or dictionary-encoded, uncompressed or in three codecs (snappy and zstd without any actual compression).
 */
import { gzipSync } from "node:zlib";

export interface ParquetRow {
  image: Uint8Array | null;
  label: number | string | null;
  domain: number | string | null;
  split?: string;
}

export interface ParquetWriterOptions {
  rowsInGroup?: number;
  rowsInPage?: number;
  codec?: keyof typeof CODECS;
  dictionary?: boolean;
  /** Pages of version 2, whose levels stand outside of what is compressed. */
  version2?: boolean;
  /** The image column is bytes, not a struct of bytes and path. */
  flat?: boolean;
  metadata?: Readonly<Record<string, string>>;
  names?: { image?: string; label?: string; domain?: string };
}

export const CODECS = { none: 0, snappy: 1, gzip: 2, zstd: 6 } as const;

const INT64 = 2;
const BYTE_ARRAY = 6;
const [BOOL_TRUE, I32, I64, BINARY, LIST, STRUCT] = [1, 5, 6, 8, 9, 12];

type Field = readonly [id: number, type: number, value: unknown];
const i32 = (id: number, value: number): Field => [id, I32!, value];
const i64 = (id: number, value: number): Field => [id, I64!, value];
const text = (id: number, value: string): Field => [id, BINARY!, value];
const struct = (id: number, value: readonly Field[]): Field => [id, STRUCT!, value];
const list = (id: number, type: number, values: readonly unknown[]): Field => [id, LIST!, { type, values }];

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}

function thriftValue(type: number, value: unknown): Buffer {
  if (type === I32 || type === I64) return varint((value as number) * 2);
  if (type === BINARY) return Buffer.concat([varint(Buffer.byteLength(value as string)), Buffer.from(value as string)]);
  if (type === STRUCT) return thrift(value as readonly Field[]);
  const { type: inner, values } = value as { type: number; values: readonly unknown[] };
  const head = values.length < 15 ? Buffer.from([(values.length << 4) | inner]) : Buffer.concat([Buffer.from([0xf0 | inner]), varint(values.length)]);
  return Buffer.concat([head, ...values.map((each) => thriftValue(inner, each))]);
}

/** A struct in the compact protocol. */
function thrift(fields: readonly Field[]): Buffer {
  let last = 0;
  const parts = fields.map(([id, type, value]) => {
    const head = Buffer.from([((id - last) << 4) | type]);
    last = id;
    return type === BOOL_TRUE ? head : Buffer.concat([head, thriftValue(type, value)]);
  });
  return Buffer.concat([...parts, Buffer.from([0])]);
}

function compress(codec: keyof typeof CODECS, bytes: Buffer): Buffer {
  if (codec === "none") return bytes;
  if (codec === "gzip") return gzipSync(bytes);
  const size = Buffer.alloc(4);
  if (codec === "snappy") {
    if (bytes.length === 0) return Buffer.from([0]);
    size.writeUInt32LE(bytes.length - 1);
    return Buffer.concat([varint(bytes.length), Buffer.from([63 << 2]), size, bytes]);
  }
  size.writeUInt32LE(bytes.length);
  const blocks: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += 1 << 16) {
    const block = bytes.subarray(at, at + (1 << 16));
    const head = Buffer.alloc(3);
    head.writeUIntLE((block.length << 3) | (at + (1 << 16) >= bytes.length ? 1 : 0), 0, 3);
    blocks.push(head, block);
  }
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0]), size, ...blocks]);
}

/** Numbers in runs, each of its length and its value in one byte. */
function runs(values: readonly number[]): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < values.length;) {
    let end = at;
    while (end < values.length && values[end] === values[at]) end++;
    parts.push(varint((end - at) * 2), Buffer.from([values[at]!]));
    at = end;
  }
  return Buffer.concat(parts);
}

function plain(value: Uint8Array | string | number): Buffer {
  const size = Buffer.alloc(typeof value === "number" ? 8 : 4);
  if (typeof value === "number") {
    size.writeBigInt64LE(BigInt(value));
    return size;
  }
  const bytes = Buffer.from(value as string);
  size.writeUInt32LE(bytes.length);
  return Buffer.concat([size, bytes]);
}

interface Leaf {
  readonly path: readonly string[];
  readonly type: number;
  readonly values: readonly (Uint8Array | string | number | null)[];
}

const keyOf = (value: Uint8Array | string | number): string => (value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : String(value));

/** The pages of one column in one row group, and what the footer says of them. */
function column({ path, type, values }: Leaf, offset: number, { codec = "none", dictionary = false, rowsInPage = Infinity, version2 = false }: ParquetWriterOptions) {
  const parts: Buffer[] = [];
  const keys = new Map<string, number>();
  const add = (pageType: number, body: Buffer, specific: Field, levels: Buffer = Buffer.alloc(0)): void => {
    const packed = Buffer.concat([levels, compress(codec, body)]);
    parts.push(thrift([i32(1, pageType), i32(2, levels.length + body.length), i32(3, packed.length), specific]), packed);
  };
  const present = values.filter((each) => each !== null);
  if (dictionary) {
    const entries = [...new Map(present.map((each) => [keyOf(each), each])).values()];
    for (const each of entries) keys.set(keyOf(each), keys.size);
    add(2, Buffer.concat(entries.map(plain)), struct(7, [i32(1, entries.length), i32(2, 0)]));
  }
  const dictionaryBytes = parts.reduce((sum, each) => sum + each.length, 0);
  for (let at = 0; at < values.length; at += rowsInPage) {
    const page = values.slice(at, at + rowsInPage);
    const known = page.filter((each) => each !== null);
    const levels = runs(page.map((each) => (each === null ? 0 : path.length)));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(levels.length);
    const data = dictionary ? Buffer.concat([Buffer.from([8]), runs(known.map((each) => keys.get(keyOf(each))!))]) : Buffer.concat(known.map(plain));
    const encoding = dictionary ? 8 : 0;
    if (version2) add(3, data, struct(8, [i32(1, page.length), i32(2, page.length - known.length), i32(3, page.length), i32(4, encoding), i32(5, levels.length), i32(6, 0)]), levels);
    else add(0, Buffer.concat([length, levels, data]), struct(5, [i32(1, page.length), i32(2, encoding), i32(3, 3), i32(4, 3)]));
  }
  const bytes = Buffer.concat(parts);
  const meta = [
    i32(1, type), list(2, I32!, [0, 3, 8]), list(3, BINARY!, path), i32(4, CODECS[codec]), i64(5, values.length), i64(6, bytes.length), i64(7, bytes.length),
    i64(9, offset + dictionaryBytes), ...(dictionary ? [i64(11, offset)] : []),
  ];
  return { bytes, chunk: [i64(2, offset), struct(3, meta)] };
}

export function parquet(rows: readonly ParquetRow[], options: ParquetWriterOptions = {}): Buffer {
  const { rowsInGroup = rows.length, flat = false, metadata = {}, names = {} } = options;
  const { image = "image", label = "label", domain = "domain" } = names;
  const parts: Buffer[] = [Buffer.from("PAR1")];
  let offset = 4;
  const leaves = (group: readonly ParquetRow[]): Leaf[] => {
    const typed = (name: string, values: (string | number | null)[]): Leaf => ({ path: [name], type: values.some((each) => typeof each === "number") ? INT64 : BYTE_ARRAY, values });
    return [
      { path: flat ? [image] : [image, "bytes"], type: BYTE_ARRAY, values: group.map((row) => row.image) },
      ...(flat ? [] : [{ path: [image, "path"], type: BYTE_ARRAY, values: group.map((_, i) => `${i}.jpg`) }]),
      typed(label, group.map((row) => row.label)), typed(domain, group.map((row) => row.domain)),
      ...(rows.some(({ split }) => split !== undefined) ? [typed("split", group.map((row) => row.split ?? null))] : []),
    ];
  };
  const groups: (readonly Field[])[] = [];
  for (let at = 0; at < rows.length; at += rowsInGroup) {
    const group = rows.slice(at, at + rowsInGroup);
    const chunks = leaves(group).map((leaf) => {
      const { bytes, chunk } = column(leaf, offset, options);
      parts.push(bytes);
      offset += bytes.length;
      return chunk;
    });
    groups.push([list(1, STRUCT!, chunks), i64(2, offset), i64(3, group.length)]);
  }
  const element = (name: string, ...fields: Field[]): Field[] => [...fields.filter(([id]) => id < 4), text(4, name), ...fields.filter(([id]) => id > 4)];
  const isText = (name: string): Field[] => (name === "bytes" || name === image ? [] : [i32(6, 0)]);
  const schema = leaves(rows).flatMap(({ path, type }): Field[][] => {
    const leaf = element(path.at(-1)!, i32(1, type), i32(3, 1), ...(type === BYTE_ARRAY ? isText(path.at(-1)!) : []));
    return path.length === 1 ? [leaf] : path[1] === "bytes" ? [element(path[0]!, i32(3, 1), i32(5, 2)), leaf] : [leaf];
  });
  const top = new Set(leaves(rows).map(({ path }) => path[0])).size;
  const footer = thrift([
    i32(1, 1), list(2, STRUCT!, [element("schema", i32(5, top)), ...schema]), i64(3, rows.length), list(4, STRUCT!, groups),
    list(5, STRUCT!, Object.entries(metadata).map(([key, value]) => [text(1, key), text(2, value)])),
  ]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(footer.length);
  return Buffer.concat([...parts, footer, size, Buffer.from("PAR1")]);
}
