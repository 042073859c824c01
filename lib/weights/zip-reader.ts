/**
 * Zip archives by range (PKWARE's APPNOTE): the central directory says what there is, an entry's bytes are read when they are
 * asked for and are never written to disk. Stored and deflated entries, zip64, checksums; what lies before the first entry,
 * several disks and encryption are refused.
 */

import { crc32, inflateRawSync } from "node:zlib";
import { checkInteger, withDefaults } from "../checks.js";
import type { Tensor } from "../tensor/index.js";
import { Bytes, chunksOf, Part, tensorOf, type ByteSource } from "./input-file.js";
import { malformed, quoted } from "./malformed.js";

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const END_64_LOCATOR = 0x07064b50;

const LOCAL_SIZE = 30;
const CENTRAL_SIZE = 46;
const END_SIZE = 22;
const END_64_SIZE = 56;
const LOCATOR_SIZE = 20;

const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 1;
const ZIP64_EXTRA = 1;

// Deflate makes at most 1,032 bytes of one.
const MAX_RATIO = 1032;

export interface ArchiveOptions {
  /** How many bytes the compressed entries of an archive may hold together, since a small file can claim very many. Default 2^30. */
  maxInflatedBytes?: number;
}

/** Opens an archive under the options of a public function of this name. @throws DgsamError as {@link ZipReader}; `ERR_ARGUMENT` */
export function openArchive(name: string, path: string, file: ByteSource, options: ArchiveOptions): ZipReader {
  const { maxInflatedBytes } = withDefaults<Required<ArchiveOptions>>(name, options, { maxInflatedBytes: 2 ** 30 });
  checkInteger(`${name}: maxInflatedBytes`, maxInflatedBytes, 0);
  return new ZipReader(path, file, maxInflatedBytes);
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
  /** Where its local header begins. */
  readonly start: number;
}

export class ZipReader {
  readonly path: string;
  readonly #file: ByteSource;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #limit: number;
  #inflated = 0;

  /**
   * @param limit how many bytes deflated entries may hold together
   * @throws DgsamError `ERR_DATA` when it is no archive or its directory is not sound
   */
  constructor(path: string, file: ByteSource, limit: number) {
    this.path = path;
    this.#file = file;
    this.#limit = limit;
    this.#entries = readDirectory(path, file);
  }

  /** The names of the entries, folders among them, in the order of the directory. */
  names(): string[] {
    return [...this.#entries.keys()];
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** An entry's bytes, their checksum compared. @throws DgsamError `ERR_DATA` */
  open(name: string): ByteSource {
    const { source, crc } = this.#locate(name);
    let found = 0;
    for (const chunk of chunksOf(source, 0, source.length)) found = crc32(chunk, found);
    this.#compare(name, found, crc);
    return source;
  }

  /** An entry of so many bytes as a uint8 tensor, its checksum compared on the way. @throws DgsamError `ERR_DATA` */
  tensor(name: string, length: number): Tensor {
    const { source, crc } = this.#locate(name);
    if (source.length !== length) throw malformed(this.path, `${quoted(name)}: it should have ${length} bytes, but has ${source.length}`);
    let found = 0;
    const tensor = tensorOf(source, 0, length, (chunk) => (found = crc32(chunk, found)));
    this.#compare(name, found, crc);
    return tensor;
  }

  #compare(name: string, found: number, expected: number): void {
    if (found !== expected) throw malformed(this.path, `${quoted(name)}: its checksum does not agree; the file is damaged`);
  }

  #locate(name: string): { source: ByteSource; crc: number } {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw malformed(this.path, `the archive has no entry ${quoted(name)}`);
    const header = this.#file.read(entry.start, LOCAL_SIZE);
    if (header.readUInt32LE(0) !== LOCAL_HEADER) throw malformed(this.path, `${quoted(name)}: there is no entry where the archive's directory says`);
    const start = entry.start + LOCAL_SIZE + header.readUInt16LE(26) + header.readUInt16LE(28);
    const raw = new Part(this.path, this.#file, start, entry.compressed);
    return { source: entry.method === STORED ? raw : new Bytes(this.path, this.#inflate(entry, raw)), crc: entry.crc };
  }

  #inflate(entry: Entry, raw: ByteSource): Buffer {
    const { name, size, compressed } = entry;
    if (size > compressed * MAX_RATIO) throw malformed(this.path, `${quoted(name)}: ${compressed} deflated bytes cannot hold the ${size} that it claims`);
    this.#inflated += size;
    if (this.#inflated > this.#limit)
      throw malformed(this.path, `its deflated entries hold ${this.#inflated} bytes or more, over the limit of ${this.#limit}; ` +
        "if the file is to be trusted, raise maxInflatedBytes");
    if (size === 0) return Buffer.alloc(0);
    let bytes: Buffer;
    try {
      bytes = inflateRawSync(raw.read(0, compressed), { maxOutputLength: size });
    } catch (cause) {
      throw malformed(this.path, `${quoted(name)}: cannot be decompressed: ${(cause as Error).message}`, cause);
    }
    if (bytes.length !== size) throw malformed(this.path, `${quoted(name)}: it holds ${bytes.length} bytes, the archive's directory says ${size}`);
    return bytes;
  }
}

/** Whether the source begins as an archive does, or is the end of one that holds nothing. */
export function isZip(file: ByteSource): boolean {
  const magic = file.length < 4 ? 0 : file.read(0, 4).readUInt32LE();
  return magic === LOCAL_HEADER || magic === END;
}

function readDirectory(path: string, file: ByteSource): Map<string, Entry> {
  const { count, size, start } = findDirectory(path, file);
  if (start + size > file.length) throw malformed(path, `its zip directory of ${size} bytes at byte ${start} lies outside the file`);
  // Before anything is allocated for them.
  if (count > size / CENTRAL_SIZE) throw malformed(path, `its zip directory of ${size} bytes claims ${count} entries`);
  const directory = file.read(start, size);
  const entries = new Map<string, Entry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL_SIZE > size || directory.readUInt32LE(at) !== CENTRAL_HEADER) throw malformed(path, `its zip directory breaks off before entry ${i + 1} of ${count}`);
    const next = at + CENTRAL_SIZE + directory.readUInt16LE(at + 28) + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
    if (next > size) throw malformed(path, `its zip directory breaks off in entry ${i + 1} of ${count}`);
    const entry = readEntry(path, directory.subarray(at, next));
    if (entries.has(entry.name)) throw malformed(path, `the archive has two entries ${quoted(entry.name)}`);
    entries.set(entry.name, entry);
    at = next;
  }
  if (at !== size) throw malformed(path, `its zip directory has ${size - at} bytes after its ${count} entries`);
  checkApart(path, [...entries.values()], start);
  return entries;
}

function findDirectory(path: string, file: ByteSource): { count: number; size: number; start: number } {
  if (file.length < END_SIZE) throw malformed(path, `no zip archive: it has ${file.length} bytes`);
  const tailStart = Math.max(0, file.length - END_SIZE - 0xffff);
  const tail = file.read(tailStart, file.length - tailStart);
  let at = tail.length - END_SIZE;
  while (at >= 0 && !(tail.readUInt32LE(at) === END && at + END_SIZE + tail.readUInt16LE(at + 20) === tail.length)) at--;
  if (at < 0) throw malformed(path, "no zip archive, or one cut short: its end has no directory");
  const [disk, directoryDisk, here, count] = [4, 6, 8, 10].map((field) => tail.readUInt16LE(at + field)) as [number, number, number, number];
  const [size, start] = [tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)];
  const end = tailStart + at;
  if (end >= LOCATOR_SIZE) {
    const locator = file.read(end - LOCATOR_SIZE, LOCATOR_SIZE);
    if (locator.readUInt32LE(0) === END_64_LOCATOR) return findDirectory64(path, file, locator, end - LOCATOR_SIZE);
  }
  if (disk !== 0 || directoryDisk !== 0 || here !== count) throw malformed(path, "a zip archive of several disks cannot be read");
  if (start + size !== end) throw malformed(path, "its zip directory does not end where the archive's end says");
  return { count, size, start };
}

function findDirectory64(path: string, file: ByteSource, locator: Buffer, locatorStart: number): { count: number; size: number; start: number } {
  const place = Number(locator.readBigUInt64LE(8));
  if (place + END_64_SIZE > locatorStart) throw malformed(path, "its zip64 directory's end lies outside the file");
  const end = file.read(place, END_64_SIZE);
  if (end.readUInt32LE(0) !== END_64) throw malformed(path, "its zip64 directory has no end where the archive says");
  if (end.readUInt32LE(16) !== 0 || end.readUInt32LE(20) !== 0) throw malformed(path, "a zip archive of several disks cannot be read");
  const [count, size, start] = [32, 40, 48].map((field) => Number(end.readBigUInt64LE(field))) as [number, number, number];
  if (start + size !== place) throw malformed(path, "its zip64 directory does not end where the archive's end says");
  return { count, size, start };
}

function readEntry(path: string, record: Buffer): Entry {
  const [flags, method] = [record.readUInt16LE(8), record.readUInt16LE(10)];
  const nameEnd = CENTRAL_SIZE + record.readUInt16LE(28);
  // Names that are no UTF-8 are in some code page: their ASCII part is all we look for.
  const name = record.toString("utf8", CENTRAL_SIZE, nameEnd);
  const fields = { compressed: record.readUInt32LE(20), size: record.readUInt32LE(24), start: record.readUInt32LE(42) };
  readExtra64(path, name, record.subarray(nameEnd, nameEnd + record.readUInt16LE(30)), fields);
  if ((flags & ENCRYPTED) !== 0) throw malformed(path, `${quoted(name)}: it is encrypted`);
  if (method !== STORED && method !== DEFLATED) throw malformed(path, `${quoted(name)}: compression method ${method} is neither stored (0) nor deflated (8)`);
  if (method === STORED && fields.compressed !== fields.size) throw malformed(path, `${quoted(name)}: stored bytes, but two sizes: ${fields.compressed} and ${fields.size}`);
  return { name, method, crc: record.readUInt32LE(16), ...fields };
}

/** Replaces the fields that do not fit 32 bits by those of the zip64 extra, which has them in this order. */
function readExtra64(path: string, name: string, extra: Buffer, fields: { size: number; compressed: number; start: number }): void {
  const large = (["size", "compressed", "start"] as const).filter((field) => fields[field] === 0xffffffff);
  if (large.length === 0) return;
  for (let at = 0; at + 4 <= extra.length; ) {
    const [kind, size] = [extra.readUInt16LE(at), extra.readUInt16LE(at + 2)];
    if (kind === ZIP64_EXTRA && size >= 8 * large.length && at + 4 + size <= extra.length) {
      large.forEach((field, i) => (fields[field] = Number(extra.readBigUInt64LE(at + 4 + 8 * i))));
      return;
    }
    at += 4 + size;
  }
  throw malformed(path, `${quoted(name)}: it needs zip64 sizes, and has none`);
}

/** Entries that overlap make a small file stand for an endless one. */
function checkApart(path: string, entries: readonly Entry[], directory: number): void {
  const sorted = [...entries].sort((a, b) => a.start - b.start);
  for (const [i, { name, start, compressed }] of sorted.entries()) {
    const end = start + LOCAL_SIZE + Buffer.byteLength(name) + compressed;
    if (end > (sorted[i + 1]?.start ?? directory)) throw malformed(path, `${quoted(name)}: its bytes run into the next entry's`);
  }
}
