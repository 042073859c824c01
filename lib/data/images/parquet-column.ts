/**
 * One column of bytes in a Parquet file, read page by page. A page holds about a megabyte of images and a row group up to a hundred times
 * as much: reading images in random order, as training does, through whole row groups costs 10 to 100 times the time and memory.
 * hyparquet reads whole column chunks unless the file has an index of its pages, which few have; but page headers lie before their
 * pages and tell sizes, so the places of pages are found by reading the headers alone. hyparquet is then given one page as a file.
 */

import type { ColumnChunk, Compressors, FileMetaData, SchemaElement } from "hyparquet";
import type { DataReader } from "hyparquet/src/types.js";
import { DgsamError } from "../../errors.js";
import type { ContainerFile } from "./file-image.js";

/** The parts of hyparquet that are used here, loaded when a Parquet file is opened. */
export interface ParquetLibrary {
  readonly parquetReadObjects: typeof import("hyparquet").parquetReadObjects;
  readonly parquetMetadataAsync: typeof import("hyparquet").parquetMetadataAsync;
  readonly deserializeTCompactProtocol: (reader: DataReader) => Record<string, unknown>;
  readonly compressors: Compressors;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

interface Page extends Range {
  /** Of the file. */
  readonly firstRow: number;
  readonly rows: number;
  /** When decompressed. */
  readonly bytes: number;
  /** The page of values that this one's are numbers in. */
  readonly dictionary?: Range;
  readonly chunk: ColumnChunk;
}

const PAGE_TYPES = { data: 0, dictionary: 2, dataV2: 3 } as const;
const PLAIN_DICTIONARY = 2;
const RLE_DICTIONARY = 8;

// Page headers are some 30 bytes, and with the smallest and largest value of a page, which some writers add, some thousands.
const HEADER_BYTES = 1 << 13;
const MAX_HEADER_BYTES = 1 << 24;
// What a page may claim to be when decompressed. Writers make pages of 1 MB, or of one value.
const MAX_PAGE_BYTES = 1 << 30;
// Enough for the pages that some workers read through at the same time.
const CACHE_BYTES = 64 << 20;

export class ParquetColumn {
  readonly #library: ParquetLibrary;
  readonly #file: ContainerFile;
  readonly #metadata: FileMetaData;
  readonly #index: number;
  /** The first row of each row group, and the number of rows. */
  readonly #groupStarts: readonly number[];
  readonly #groups = new Map<number, Promise<readonly Page[]>>();
  /** Decoded pages, the one used last at the end. */
  readonly #decoded = new Map<Page, Promise<readonly (Uint8Array | null)[]>>();
  #decodedBytes = 0;

  /** @param index of the column among the leaves of the schema */
  constructor(library: ParquetLibrary, file: ContainerFile, metadata: FileMetaData, index: number) {
    this.#library = library;
    this.#file = file;
    this.#metadata = metadata;
    this.#index = index;
    const starts = [0];
    for (const { num_rows } of metadata.row_groups) starts.push(starts.at(-1)! + Number(num_rows));
    this.#groupStarts = starts;
  }

  /** A copy of the value in a row, null where there is none. @throws DgsamError `ERR_DATA` */
  async read(row: number): Promise<Uint8Array | null> {
    const group = lastNotAbove(this.#groupStarts, row);
    let located = this.#groups.get(group);
    if (located === undefined) {
      this.#groups.set(group, (located = this.#locate(group)));
      located.catch(() => this.#groups.delete(group));
    }
    const pages = await located;
    const page = pages[lastNotAbove(pages.map(({ firstRow }) => firstRow), row)];
    if (page === undefined || row >= page.firstRow + page.rows) throw this.#malformed(`its pages have no row ${row}`);
    const values = await this.#page(page);
    const value = values[row - page.firstRow];
    if (value === undefined) throw this.#malformed(`the page of row ${row} has ${values.length} rows instead of ${page.rows}`);
    // A view would keep the whole page in memory.
    return value === null ? null : Uint8Array.prototype.slice.call(value);
  }

  /** All values, bytes as text. One page after the other: what hyparquet does at the same time would fail unheard. @throws DgsamError `ERR_DATA` */
  async readAll(): Promise<unknown[]> {
    const values: unknown[] = [];
    for (let group = 0; group < this.#metadata.row_groups.length; group++) {
      for (const page of await this.#locate(group)) {
        const found = await this.#values(page, true);
        if (found.length !== page.rows) throw this.#malformed(`the page at byte ${page.start} has ${found.length} rows instead of ${page.rows}`);
        for (const value of found) values.push(value);
      }
    }
    return values;
  }

  async #page(page: Page): Promise<readonly (Uint8Array | null)[]> {
    const cached = this.#decoded.get(page);
    const decoding = cached ?? this.#decode(page);
    if (cached === undefined) this.#decodedBytes += page.bytes;
    else this.#decoded.delete(page);
    this.#decoded.set(page, decoding);
    for (const oldest of this.#decoded.keys()) {
      if (this.#decodedBytes <= CACHE_BYTES || oldest === page) break;
      this.#drop(oldest);
    }
    try {
      return await decoding;
    } catch (error) {
      // What was missing for a moment, a file handle say, may be there the next time.
      this.#drop(page);
      throw error;
    }
  }

  #drop(page: Page): void {
    if (this.#decoded.delete(page)) this.#decodedBytes -= page.bytes;
  }

  async #decode(page: Page): Promise<readonly (Uint8Array | null)[]> {
    return (await this.#values(page, false)).map((value) => {
      if (value !== null && !(value instanceof Uint8Array)) throw this.#malformed(`the page at byte ${page.start} holds values that are no bytes`);
      return value;
    });
  }

  /** @param utf8 whether bytes are text */
  async #values({ start, end, rows, dictionary, chunk }: Page, utf8: boolean): Promise<readonly unknown[]> {
    const [values, page] = await Promise.all([dictionary === undefined ? Buffer.alloc(0) : this.#file.read(dictionary.start, dictionary.end), this.#file.read(start, end)]);
    // A file as the reader wants it begins with four bytes of its name.
    const bytes = new Uint8Array(4 + values.length + page.length);
    bytes.set(values, 4);
    bytes.set(page, 4 + values.length);
    const meta = chunk.meta_data!;
    const { offset_index_offset: _, offset_index_length: __, column_index_offset: ___, column_index_length: ____, ...plain } = chunk;
    const { dictionary_page_offset: _____, ...rest } = meta;
    const only: ColumnChunk = {
      ...plain,
      meta_data: {
        ...rest, num_values: BigInt(rows), total_compressed_size: BigInt(bytes.length - 4), data_page_offset: BigInt(4 + values.length),
        ...(dictionary === undefined ? {} : { dictionary_page_offset: 4n }),
      },
    };
    const schema = pathOnly(this.#metadata.schema, meta.path_in_schema);
    try {
      const found = await this.#library.parquetReadObjects({
        file: { byteLength: bytes.length, slice: (from, to) => bytes.buffer.slice(from, to) },
        metadata: { ...this.#metadata, schema, num_rows: BigInt(rows), row_groups: [{ columns: [only], num_rows: BigInt(rows), total_byte_size: BigInt(bytes.length) }] },
        columns: [meta.path_in_schema[0]!], compressors: this.#library.compressors, utf8,
      });
      return found.map((object) => meta.path_in_schema.reduce<unknown>((each, name) => (each as Record<string, unknown> | null | undefined)?.[name], object) ?? null);
    } catch (cause) {
      throw this.#malformed(`the page at byte ${start} cannot be decoded: ${(cause as Error).message}`, cause);
    }
  }

  /** Where the data pages of a row group's column are. */
  async #locate(group: number): Promise<readonly Page[]> {
    const { columns, num_rows } = this.#metadata.row_groups[group]!;
    const chunk = columns[this.#index];
    const meta = chunk?.meta_data;
    if (chunk === undefined || meta === undefined) throw this.#malformed(`row group ${group} lacks the column`);
    const start = Number(meta.dictionary_page_offset ?? 0n) || Number(meta.data_page_offset);
    const end = start + Number(meta.total_compressed_size);
    const first = this.#groupStarts[group]!;
    const pages: Page[] = [];
    let dictionary: Range | undefined;
    let rows = 0;
    for (let at = start; at < end && rows < Number(num_rows);) {
      const { type, encoding, count, uncompressed, next } = await this.#header(at, end);
      if (type === PAGE_TYPES.dictionary) dictionary = { start: at, end: next };
      else if (type === PAGE_TYPES.data || type === PAGE_TYPES.dataV2) {
        const uses = dictionary !== undefined && (encoding === PLAIN_DICTIONARY || encoding === RLE_DICTIONARY);
        pages.push({ start: at, end: next, firstRow: first + rows, rows: count, bytes: uncompressed, chunk, ...(uses ? { dictionary: dictionary! } : {}) });
        rows += count;
      }
      at = next;
    }
    if (rows !== Number(num_rows)) throw this.#malformed(`the pages of row group ${group} have ${rows} rows instead of ${num_rows}`);
    return pages;
  }

  async #header(at: number, end: number): Promise<{ type: number; encoding: number; count: number; uncompressed: number; next: number }> {
    const { header, size } = await this.#parseHeader(at, Math.min(end, this.#file.size));
    const field = (object: unknown, number: number): number => Number((object as Record<string, unknown> | undefined)?.[`field_${number}`] ?? 0);
    const [type, uncompressed, compressed] = [field(header, 1), field(header, 2), field(header, 3)];
    const [encoding, count] = type === PAGE_TYPES.dataV2 ? [field(header["field_8"], 4), field(header["field_8"], 3)] : [field(header["field_5"], 2), field(header["field_5"], 1)];
    const next = at + size + compressed;
    // hyparquet 1.33 reads a page of version 2 without them for ever.
    if (type === PAGE_TYPES.dataV2 && !hasLevels(header["field_8"], compressed)) throw this.#malformed(`the page at byte ${at} does not tell the sizes of its levels`);
    if (!(compressed >= 0 && next <= end)) throw this.#malformed(`the page at byte ${at} reaches beyond its column`);
    if (!(uncompressed >= 0 && uncompressed <= MAX_PAGE_BYTES && count >= 0)) throw this.#malformed(`the page at byte ${at} claims ${uncompressed} bytes and ${count} values`);
    return { type, encoding, count, uncompressed, next };
  }

  async #parseHeader(at: number, end: number): Promise<{ header: Record<string, unknown>; size: number }> {
    for (let room = HEADER_BYTES; ; room *= 8) {
      const bytes = await this.#file.read(at, Math.min(at + room, end));
      const reader: DataReader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
      try {
        return { header: this.#library.deserializeTCompactProtocol(reader), size: reader.offset };
      } catch (cause) {
        if (at + room >= end || room >= MAX_HEADER_BYTES) throw this.#malformed(`there is no page header at byte ${at}`, cause);
      }
    }
  }

  #malformed(problem: string, cause?: unknown): DgsamError {
    if (cause instanceof DgsamError) return cause;
    return new DgsamError("ERR_DATA", `${this.#file.path}: ${problem}`, cause === undefined ? {} : { cause });
  }
}

/** Whether the header of a page of version 2 has the sizes of its levels, both required, and room for them. */
function hasLevels(header: unknown, bytes: number): boolean {
  const { field_5: definition, field_6: repetition } = Object(header) as Record<string, unknown>;
  const isSize = (size: unknown): size is number => Number.isInteger(size) && (size as number) >= 0;
  return isSize(definition) && isSize(repetition) && definition + repetition <= bytes;
}

/** The index of the last of ascending numbers that is not above `value`. */
function lastNotAbove(ascending: readonly number[], value: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The elements of a schema that lead to one leaf. */
function pathOnly(schema: readonly SchemaElement[], names: readonly string[]): SchemaElement[] {
  const found: SchemaElement[] = [{ ...schema[0]!, num_children: 1 }];
  let [at, depth] = [1, 0];
  // Depth first: the children of an element follow it.
  const skip = (from: number): number => {
    let next = from + 1;
    for (let child = 0; child < (schema[from]?.num_children ?? 0); child++) next = skip(next);
    return next;
  };
  while (depth < names.length && at < schema.length) {
    const element = schema[at]!;
    if (element.name !== names[depth]) at = skip(at);
    else {
      found.push(element.num_children ? { ...element, num_children: 1 } : element);
      at++;
      depth++;
    }
  }
  return found;
}
