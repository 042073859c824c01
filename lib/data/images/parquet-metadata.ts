/**
 * The footer of a Parquet file: which columns it has and where they lie. Everything is compared with the size of the file, so that
 * what is read later is bounded by it. Source: parquet-format/src/main/thrift/parquet.thrift.
 */

import { DgsamError } from "../../errors.js";
import type { ContainerFile } from "./file-image.js";
import { ByteReader, readStruct, type ThriftStruct } from "./parquet-thrift.js";

export type PhysicalType = (typeof TYPES)[number];
export type Codec = (typeof CODECS)[number];

/** A column without children. */
export interface Leaf {
  /** Its name, behind those of the structs that it lies in. */
  readonly path: readonly string[];
  readonly type: PhysicalType;
  /** How many on its path are optional: the level of a value that is there. */
  readonly maxDefinition: number;
  /** Whether it lies in a list. */
  readonly repeated: boolean;
}

/** The pages of a column in a row group. */
export interface Chunk {
  readonly start: number;
  readonly end: number;
  readonly codec: Codec;
}

export interface RowGroup {
  readonly rows: number;
  /** In the order of the leaves. */
  readonly chunks: readonly Chunk[];
}

export interface ParquetMetadata {
  readonly leaves: readonly Leaf[];
  readonly groups: readonly RowGroup[];
  readonly keyValues: ReadonlyMap<string, string>;
}

const TYPES = ["BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"] as const;
const CODECS = ["UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"] as const;
const REPETITIONS = ["required", "optional", "repeated"] as const;
const MAGIC = "PAR1";

/** @throws DgsamError `ERR_DATA` when the footer is none, or contradicts itself or the size of the file */
export async function readMetadata(file: ContainerFile): Promise<ParquetMetadata> {
  try {
    if (file.size < 12) throw new Error(`it has ${file.size} bytes`);
    const end = await file.read(file.size - 8, file.size);
    if (end.toString("latin1", 4) !== MAGIC) throw new Error(`it does not end with ${MAGIC}`);
    const length = end.readUInt32LE();
    if (length > file.size - 12) throw new Error(`its metadata claims ${length} bytes of ${file.size}`);
    return metadataOf(readStruct(new ByteReader(await file.read(file.size - 8 - length, file.size - 8))), file.size);
  } catch (cause) {
    if (cause instanceof DgsamError) throw cause;
    throw new DgsamError("ERR_DATA", `${file.path}: is no sound Parquet file: ${(cause as Error).message}`, { cause });
  }
}

function metadataOf(footer: ThriftStruct, size: number): ParquetMetadata {
  const leaves = leavesOf(structs(footer, 2, "schema"));
  const groups = structs(footer, 4, "row groups").map((group, i) => groupOf(group, leaves, `row group ${i}`, size));
  // Each row has an image of at least one byte, and no two columns share their bytes.
  const rows = groups.reduce((sum, each) => sum + each.rows, 0);
  if (rows > size) throw new Error(`it claims ${rows} rows in ${size} bytes`);
  const bytes = groups.reduce((sum, { chunks }) => chunks.reduce((each, { start, end }) => each + end - start, sum), 0);
  if (bytes > size) throw new Error(`its columns claim ${bytes} bytes of ${size}`);
  const pairs = footer.has(5) ? structs(footer, 5, "metadata") : [];
  return { leaves, groups, keyValues: new Map(pairs.map((pair) => [text(pair, 1, "a key"), pair.has(2) ? text(pair, 2, "a value") : ""])) };
}

/** The schema is a tree, depth first: the children of an element follow it. */
function leavesOf(schema: readonly ThriftStruct[]): Leaf[] {
  const leaves: Leaf[] = [];
  const parents = [{ left: 1, path: [] as readonly string[], maxDefinition: 0, repeated: false }];
  for (const [i, element] of schema.entries()) {
    while (parents.at(-1)?.left === 0) parents.pop();
    const parent = parents.at(-1);
    if (parent === undefined || parents.length > 64) throw new Error(`element ${i} of its schema has no place in it`);
    parent.left--;
    const name = text(element, 4, "a column's name");
    const repetition = i === 0 ? "required" : oneOf(REPETITIONS, element.get(3), `the repetition of ${name}`);
    const node = {
      path: i === 0 ? [] : [...parent.path, name],
      maxDefinition: parent.maxDefinition + (repetition === "required" ? 0 : 1), repeated: parent.repeated || repetition === "repeated",
    };
    const children = element.has(5) ? integer(element, 5, `the children of ${name}`) : 0;
    if (i === 0 || children > 0) parents.push({ left: children, ...node });
    else leaves.push({ type: oneOf(TYPES, element.get(1), `the type of ${name}`), ...node });
  }
  if (parents.some(({ left }) => left > 0)) throw new Error("its schema lacks columns");
  return leaves;
}

function groupOf(group: ThriftStruct, leaves: readonly Leaf[], name: string, size: number): RowGroup {
  const columns = structs(group, 1, `columns of ${name}`);
  if (columns.length !== leaves.length) throw new Error(`${name} has ${columns.length} columns instead of ${leaves.length}`);
  const chunks = columns.map((column, i): Chunk => {
    const what = `column ${leaves[i]!.path.join(".")} of ${name}`;
    const meta = column.get(3);
    if (!(meta instanceof Map) || column.has(1)) throw new Error(`${what} is not in the file`);
    // Some writers say 0 for no dictionary.
    const start = (meta.has(11) ? integer(meta, 11, `the dictionary of ${what}`) : 0) || integer(meta, 9, `the start of ${what}`);
    const end = start + integer(meta, 7, `the size of ${what}`);
    if (end > size) throw new Error(`${what} reaches beyond the end of the file`);
    return { start, end, codec: oneOf(CODECS, meta.get(4), `the codec of ${what}`) };
  });
  return { rows: integer(group, 3, `the rows of ${name}`), chunks };
}

/** A field that is a whole number of at least 0. */
export function integer(struct: ThriftStruct, field: number, name: string): number {
  const value = struct.get(field);
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Error(`${name}: expected a number of at least 0, got ${String(value)}`);
  return value as number;
}

/** The name of an enumeration's value. */
export function oneOf<T extends string>(names: readonly T[], value: unknown, what: string): T {
  const name = typeof value === "number" ? names[value] : undefined;
  if (name === undefined) throw new Error(`${what} is ${String(value)}`);
  return name;
}

function structs(struct: ThriftStruct, field: number, name: string): readonly ThriftStruct[] {
  const list = struct.get(field);
  if (!Array.isArray(list) || !list.every((each) => each instanceof Map)) throw new Error(`it has no ${name}`);
  return list as readonly ThriftStruct[];
}

function text(struct: ThriftStruct, field: number, name: string): string {
  const bytes = struct.get(field);
  if (!(bytes instanceof Uint8Array)) throw new Error(`${name} is no text`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}
