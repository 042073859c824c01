/**
 * How a file of decoded images of one size is laid out, and how its images are read and written through a descriptor:
 *
 *     0      what the file is: MAGIC, the key of its images, their number, the bytes of one
 *     4096   a mark per image: CRC-32 of its bytes and of the rest of the mark (0 before anything was written), the first 12 bytes of the SHA-256
 *            of its identity, and the first 16 of that of what it was decoded from
 *     data   the images, [3, size, size] each, from the next multiple of 4096 on
 *
 * A mark is written after its bytes, and bytes are believed when they have the mark's checksum: a writer that was killed, a power failure
 * that kept the mark and lost the bytes, two writers at the same place, and a damaged disk all look like an image that was never written.
 */

import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";

const KIND = "dgsam images ";
const MAGIC = `${KIND}2\n`;
export const HEADER_BYTES = 64;
const PAGE = 4096;
const MARK_BYTES = 32;
const IDENTITY_BYTES = 12;
const CONTENT_BYTES = 16;

/** Tells files apart, 16 bytes each. */
export interface FileKey {
  /** What decides about the pixels, and the names of data set and domain: files that agree in it hold images of one domain as it was at different times. */
  readonly family: Buffer;
  /** The list of the images, in order. */
  readonly list: Buffer;
}

/** What an image was decoded from. */
export interface ImageMark {
  /** Of its identity: known without reading it. */
  readonly identity: Buffer;
  /** Of its encoded bytes: the same wherever they lie, whatever they are called. */
  readonly content: Buffer;
}

export interface Layout {
  readonly count: number;
  readonly itemBytes: number;
  readonly dataStart: number;
  readonly length: number;
}

export function layoutOf(count: number, itemBytes: number): Layout {
  const dataStart = Math.ceil((PAGE + count * MARK_BYTES) / PAGE) * PAGE;
  return { count, itemBytes, dataStart, length: dataStart + count * itemBytes };
}

export function headerOf({ family, list }: FileKey, { count, itemBytes }: Layout): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head.write(MAGIC, 0, "latin1");
  family.copy(head, 16, 0, 16);
  list.copy(head, 32, 0, 16);
  head.writeUIntLE(count, 48, 6);
  head.writeUIntLE(itemBytes, 54, 6);
  return head;
}

/** The layout of a file that begins so, if it is one of this family whose images have so many bytes. */
export function layoutOfHeader(head: Buffer, family: Buffer, itemBytes: number): Layout | undefined {
  const layout = layoutOf(head.readUIntLE(48, 6), itemBytes);
  return headerOf({ family, list: head.subarray(32, 48) }, layout).equals(head) ? layout : undefined;
}

/** Whether a file that begins so is one of ours, of whatever version. */
export function isHeader(head: Buffer): boolean {
  return head.toString("latin1", 0, KIND.length) === KIND;
}

export function identityMark(identity: string): Buffer {
  return createHash("sha256").update(identity).digest().subarray(0, IDENTITY_BYTES);
}

export function contentMark(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest().subarray(0, CONTENT_BYTES);
}

/** Closes the files of data sets that nobody disposed of; a process may have some thousand open. */
const forgotten = new FinalizationRegistry<number>((descriptor) => closeSync(descriptor));

/** The marks and images of one open file, which is closed with it. */
export class DecodedRows {
  constructor(readonly descriptor: number, readonly layout: Layout) {
    forgotten.register(this, descriptor, this);
  }

  /** All marks that were written, as they are now. */
  *marks(): Generator<[index: number, mark: ImageMark]> {
    const { count } = this.layout;
    const found = readAt(this.descriptor, PAGE, count * MARK_BYTES);
    for (let index = 0; found !== undefined && index < count; index++) {
      const mark = found.subarray(index * MARK_BYTES, (index + 1) * MARK_BYTES);
      if (mark.readUInt32LE(0) !== 0) yield [index, split(mark)];
    }
  }

  /**
   * The image at `index` if it lies there whole and is the one that is asked for, with its mark: reads and checks all its bytes.
   * @throws what the system says
   */
  find(index: number, asked: Partial<ImageMark>): { mark: ImageMark; bytes: Uint8Array } | undefined {
    const found = readAt(this.descriptor, PAGE + index * MARK_BYTES, MARK_BYTES);
    if (found === undefined) return undefined;
    const mark = split(found);
    if (asked.identity?.equals(mark.identity) === false || asked.content?.equals(mark.content) === false) return undefined;
    const bytes = this.read(index);
    return bytes !== undefined && checksum(bytes, found) === found.readUInt32LE(0) ? { mark, bytes } : undefined;
  }

  /** The bytes at `index`, in a buffer of their own, undefined where the file ends before them. */
  read(index: number): Uint8Array | undefined {
    const { dataStart, itemBytes } = this.layout;
    return readAt(this.descriptor, dataStart + index * itemBytes, itemBytes, Buffer.allocUnsafeSlow(itemBytes));
  }

  /** @throws what the system says: that the disk is full, say. Then nothing was marked. */
  write(index: number, { identity, content }: ImageMark, bytes: Uint8Array): void {
    writeAll(this.descriptor, bytes, this.layout.dataStart + index * this.layout.itemBytes);
    const mark = Buffer.concat([Buffer.alloc(MARK_BYTES - IDENTITY_BYTES - CONTENT_BYTES), identity, content]);
    mark.writeUInt32LE(checksum(bytes, mark), 0);
    writeAll(this.descriptor, mark, PAGE + index * MARK_BYTES);
  }

  close(): void {
    forgotten.unregister(this);
    closeSync(this.descriptor);
  }
}

export interface Opened {
  readonly descriptor: number;
  readonly writable: boolean;
}

/**
 * Opens a regular file and reads its header, null where there is none.
 * @throws what the system says, but for missing permission to write
 */
export function openWithHeader(path: string): (Opened & { readonly head: Buffer; readonly length: number }) | null {
  const opened = tryOpen(path);
  if (opened === null) return null;
  const status = fstatSync(opened.descriptor);
  const head = status.isFile() ? readAt(opened.descriptor, 0, HEADER_BYTES) : undefined;
  if (head !== undefined) return { ...opened, head, length: status.size };
  closeSync(opened.descriptor);
  return null;
}

function tryOpen(path: string): Opened | null {
  // Opening a named pipe would wait for somebody to write.
  const flags = constants.O_NONBLOCK;
  try {
    return { descriptor: openSync(path, constants.O_RDWR | flags), writable: true };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EISDIR") return null;
    if (code !== "EACCES" && code !== "EROFS" && code !== "EPERM") throw cause;
    return { descriptor: openSync(path, constants.O_RDONLY | flags), writable: false };
  }
}

function split(mark: Buffer): ImageMark {
  const content = MARK_BYTES - CONTENT_BYTES;
  return { identity: mark.subarray(content - IDENTITY_BYTES, content), content: mark.subarray(content) };
}

/** Never 0, which is what a place holds before anything was written. */
function checksum(bytes: Uint8Array, mark: Buffer): number {
  return crc32(mark.subarray(4), crc32(bytes)) || 1;
}

/** undefined where the file ends before. */
function readAt(descriptor: number, position: number, length: number, bytes = Buffer.allocUnsafe(length)): Buffer | undefined {
  for (let done = 0; done < length;) {
    const count = readSync(descriptor, bytes, done, length - done, position + done);
    if (count === 0) return undefined;
    done += count;
  }
  return bytes;
}

export function writeAll(descriptor: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done, bytes.length - done, position + done);
}
