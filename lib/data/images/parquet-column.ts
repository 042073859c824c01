/**
 * One column of a Parquet file, read page by page. A page holds about a megabyte of images and a row group up to a hundred times as much:
 * reading images in random order, as training does, through whole row groups costs 10 to 100 times the time and memory. Few files have an
 * index of their pages; but page headers lie before their pages and tell sizes, so the places of pages are found by reading the headers alone.
 */

import { DgsamError } from "../../errors.js";
import type { ContainerFile } from "./file-image.js";
import type { CompressionLibrary } from "./parquet-codecs.js";
import type { Chunk, ParquetMetadata, Leaf } from "./parquet-metadata.js";
import { type PageHeader, type PageValue, readDictionary, readPage, readPageHeader, usesDictionary } from "./parquet-page.js";
import { ByteReader } from "./parquet-thrift.js";

/** Of a page in the file. */
interface Place {
  readonly header: PageHeader;
  readonly start: number;
  /** Where the bytes behind the header begin. */
  readonly body: number;
}

interface Page extends Place {
  /** Of the file. */
  readonly firstRow: number;
  /** The page of values that this one's are numbers in. */
  readonly dictionary?: Place;
  readonly chunk: Chunk;
}

// Page headers are some 30 bytes, and with the smallest and largest value of a page, which some writers add, some thousands.
const HEADER_BYTES = 1 << 13;
const MAX_HEADER_BYTES = 1 << 24;
// Labels are far smaller than their images, but a hostile file could have pages that become 30,000 times as much.
const LABEL_ROOM = 1 << 26;
// Enough for the pages that some workers read through at the same time.
const CACHE_BYTES = 64 << 20;

export class ParquetColumn {
  readonly #library: CompressionLibrary;
  readonly #file: ContainerFile;
  readonly #metadata: ParquetMetadata;
  readonly #index: number;
  readonly #leaf: Leaf;
  /** The first row of each row group, and the number of rows. */
  readonly #groupStarts: readonly number[];
  readonly #groups = new Map<number, Promise<readonly Page[]>>();
  /** Decoded pages, the one used last at the end. */
  readonly #decoded = new Map<Page, Promise<readonly (Uint8Array | null)[]>>();
  #decodedBytes = 0;

  /** @param index of the column among the leaves of the schema */
  constructor(library: CompressionLibrary, file: ContainerFile, metadata: ParquetMetadata, index: number) {
    this.#library = library;
    this.#file = file;
    this.#metadata = metadata;
    this.#index = index;
    this.#leaf = metadata.leaves[index]!;
    const starts = [0];
    for (const { rows } of metadata.groups) starts.push(starts.at(-1)! + rows);
    this.#groupStarts = starts;
  }

  /** A copy of the value in a row of a column of bytes, null where there is none. @throws DgsamError `ERR_DATA` */
  async read(row: number): Promise<Uint8Array | null> {
    const group = lastNotAbove(this.#groupStarts, row);
    let located = this.#groups.get(group);
    if (located === undefined) {
      this.#groups.set(group, (located = this.#locate(group)));
      located.catch(() => this.#groups.delete(group));
    }
    const pages = await located;
    const page = pages[lastNotAbove(pages.map(({ firstRow }) => firstRow), row)];
    if (page === undefined || row >= page.firstRow + page.header.count) throw this.#malformed(`its pages have no row ${row}`);
    const value = (await this.#page(page))[row - page.firstRow]!;
    // A view would keep the whole page in memory.
    return value === null ? null : Uint8Array.prototype.slice.call(value);
  }

  /** All values in order, each row group read as a whole; bytes are text. @throws DgsamError `ERR_DATA` */
  async readAll(): Promise<(string | number | bigint | null)[]> {
    const values: (string | number | bigint | null)[] = [];
    let claimed = 0;
    for (const [group, { chunks }] of this.#metadata.groups.entries()) {
      const { start, end } = chunks[this.#index]!;
      const bytes = await this.#file.read(start, end);
      let dictionary: { readonly place: Place; readonly values: readonly (string | number | bigint)[] } | undefined;
      const pages = await this.#locate(group, { bytes, start });
      const dictionaries = new Set(pages.flatMap((page) => page.dictionary ?? []));
      claimed = [...pages, ...dictionaries].reduce((sum, { header }) => sum + header.uncompressed, claimed);
      if (claimed > LABEL_ROOM + 4 * this.#file.size) throw this.#malformed(`the column ${this.#leaf.path.join(".")} claims ${claimed} bytes of a file of ${this.#file.size}`);
      for (const page of pages) {
        try {
          const bodyOf = ({ header, body }: Place): Uint8Array => bytes.subarray(body - start, body - start + header.size);
          if (page.dictionary !== undefined && page.dictionary !== dictionary?.place) {
            const found = readDictionary(page.dictionary.header, bodyOf(page.dictionary), this.#leaf, page.chunk.codec, this.#library);
            dictionary = { place: page.dictionary, values: found.map(textOrNumber) };
          }
          const found = readPage(page.header, bodyOf(page), this.#leaf, page.chunk.codec, this.#library, dictionary?.values, textOrNumber);
          for (const value of found) values.push(value);
        } catch (cause) {
          throw this.#undecodable(page, cause);
        }
      }
    }
    return values;
  }

  async #page(page: Page): Promise<readonly (Uint8Array | null)[]> {
    const cached = this.#decoded.get(page);
    const decoding = cached ?? this.#decode(page);
    if (cached === undefined) this.#decodedBytes += page.header.uncompressed;
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
    if (this.#decoded.delete(page)) this.#decodedBytes -= page.header.uncompressed;
  }

  async #decode(page: Page): Promise<readonly (Uint8Array | null)[]> {
    const read = ({ header, body }: Place): Promise<Uint8Array> => this.#file.read(body, body + header.size);
    const { header, dictionary, chunk: { codec } } = page;
    const [values, bytes] = await Promise.all([dictionary === undefined ? undefined : read(dictionary), read(page)]);
    try {
      const numbered = dictionary === undefined ? undefined : readDictionary(dictionary.header, values!, this.#leaf, codec, this.#library);
      return readPage(header, bytes, this.#leaf, codec, this.#library, numbered, (value) => value) as (Uint8Array | null)[];
    } catch (cause) {
      throw this.#undecodable(page, cause);
    }
  }

  /** Where the data pages of a row group's column are; `memory` has the column's bytes, if they were read. */
  async #locate(group: number, memory?: { bytes: Uint8Array; start: number }): Promise<readonly Page[]> {
    const { chunks, rows } = this.#metadata.groups[group]!;
    const chunk = chunks[this.#index]!;
    const pages: Page[] = [];
    let dictionary: Place | undefined;
    let found = 0;
    for (let at = chunk.start; at < chunk.end && found < rows;) {
      const place = memory === undefined ? await this.#place(at, chunk.end) : this.#placeIn(memory, at, chunk.end);
      const { header, body } = place;
      if (header.kind === "dictionary") dictionary = place;
      else if (header.kind !== "index") {
        if (header.count > rows - found) throw this.#malformed(`the page at byte ${at} claims ${header.count} rows of the ${rows - found} that are left`);
        const uses = dictionary !== undefined && usesDictionary(header);
        // A page of no rows is not worth decompressing.
        if (header.count > 0) pages.push({ ...place, firstRow: this.#groupStarts[group]! + found, chunk, ...(uses ? { dictionary: dictionary! } : {}) });
        found += header.count;
      }
      at = body + header.size;
    }
    if (found !== rows) throw this.#malformed(`the pages of row group ${group} have ${found} rows instead of ${rows}`);
    return pages;
  }

  async #place(at: number, end: number): Promise<Place> {
    for (let room = HEADER_BYTES; ; room *= 8) {
      const bytes = await this.#file.read(at, Math.min(at + room, end));
      try {
        return this.#placeIn({ bytes, start: at }, at, end);
      } catch (error) {
        if (at + room >= end || room >= MAX_HEADER_BYTES) throw error;
      }
    }
  }

  #placeIn({ bytes, start }: { bytes: Uint8Array; start: number }, at: number, end: number): Place {
    const reader = new ByteReader(bytes, at - start);
    let header: PageHeader;
    try {
      header = readPageHeader(reader);
    } catch (cause) {
      throw this.#malformed(`there is no page header at byte ${at}: ${(cause as Error).message}`, cause);
    }
    const body = start + reader.at;
    if (body + header.size > end) throw this.#malformed(`the page at byte ${at} reaches beyond its column`);
    return { header, start: at, body };
  }

  #undecodable({ start }: Place, cause: unknown): DgsamError {
    return this.#malformed(`the page at byte ${start} cannot be decoded: ${(cause as Error).message}`, cause);
  }

  #malformed(problem: string, cause?: unknown): DgsamError {
    return new DgsamError("ERR_DATA", `${this.#file.path}: ${problem}`, cause === undefined ? {} : { cause });
  }
}

function textOrNumber(value: PageValue): string | number | bigint {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.length).toString("utf8") : value;
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
