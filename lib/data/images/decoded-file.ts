/**
 * A file of decoded images of one size, mapped into memory: a place for every image of a domain, and for each a mark that says what lies
 * there.
 *
 *     0      what the file is: MAGIC, the key of its domain, the number of images, the bytes of one
 *     4096   a mark per image: CRC-32 of its bytes (0 before anything was written), and the first 12 bytes of the SHA-256 of its identity
 *     data   the images, [3, size, size] each, from the next multiple of 4096 on
 *
 * A mark is written after its bytes, and bytes are believed when they have the mark's checksum: a writer that was killed, a power failure
 * that kept the mark and lost the bytes, two writers at the same place, and a damaged disk all look like an image that was never
 * written. So no process needs to know of others, and none waits. Two that write the same image write the same bytes, since decoding
 * is a function of the bytes, the size and the version of libvips; these are in the key or the mark.
 *
 * The file gets its place whole, by a link that fails where another process was first.
 */

import { createHash, randomBytes } from "node:crypto";
import { closeSync, constants, fstatSync, ftruncateSync, linkSync, mkdirSync, openSync, readSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { DgsamError } from "../../errors.js";
import { keep, ops, scope, type Tensor } from "../../tensor/index.js";

const MAGIC = "dgsam images 1\n";
const HEADER_BYTES = 64;
const PAGE = 4096;
const MARK_BYTES = 16;

export interface DecodedFileOptions {
  path: string;
  /** Tells what the images were decoded from and how, 32 bytes. */
  key: Buffer;
  count: number;
  /** Width and height of each image. */
  size: number;
}

/** The mark of what an identity stands for, without the checksum. */
export function identityMark(identity: string): Buffer {
  return createHash("sha256").update(identity).digest().subarray(0, MARK_BYTES - 4);
}

/** Closes the files of data sets that nobody disposed of; a process may have some thousand open. */
const forgotten = new FinalizationRegistry<number>((descriptor) => closeSync(descriptor));

export class DecodedFile {
  readonly path: string;
  /** Whether this process may write to it. */
  readonly writable: boolean;
  readonly #descriptor: number;
  readonly #itemBytes: number;
  readonly #dataStart: number;
  readonly #length: number;
  readonly #mapped: Tensor;
  /** [count, 3, size, size], on the mapped bytes. */
  readonly images: Tensor;

  /**
   * Opens the file, or makes it where there is none, or something else.
   * @throws what the system says when the file can be neither opened nor made, or not be mapped
   */
  constructor(options: DecodedFileOptions) {
    const { path, count, size } = options;
    this.path = path;
    this.#itemBytes = 3 * size * size;
    this.#dataStart = Math.ceil((PAGE + count * MARK_BYTES) / PAGE) * PAGE;
    this.#length = this.#dataStart + count * this.#itemBytes;
    const head = headerOf(options, this.#itemBytes);
    const opened = openExisting(path, head, this.#length) ?? this.#make(head);
    [this.#descriptor, this.writable] = [opened.descriptor, opened.writable];
    try {
      // Shared where it can be: the system counts a private mapping as memory that might be written to, and refuses one that is larger
      // than the machine's. Nothing is written through it in either case.
      this.#mapped = keep(ops.aten["from_file.default"](path, this.writable, this.#length, { dtype: "uint8" }));
      this.#checkSame();
    } catch (cause) {
      closeSync(this.#descriptor);
      throw cause;
    }
    this.images = scope(() =>
      keep(ops.aten["view.default"](ops.aten["slice.Tensor"](this.#mapped, 0, this.#dataStart, this.#length), [count, 3, size, size])));
    forgotten.register(this, this.#descriptor, this);
  }

  /** Whether the image of this mark lies whole at `index`. Reads and checks all its bytes. */
  holds(index: number, mark: Buffer): boolean {
    const found = Buffer.alloc(MARK_BYTES);
    if (readSync(this.#descriptor, found, 0, MARK_BYTES, PAGE + index * MARK_BYTES) !== MARK_BYTES) return false;
    if (!found.subarray(4).equals(mark)) return false;
    const bytes = this.read(index);
    return bytes !== undefined && checksum(bytes) === found.readUInt32LE(0);
  }

  /** The bytes at `index`, undefined where the file ends before them. */
  read(index: number): Uint8Array | undefined {
    const bytes = Buffer.allocUnsafe(this.#itemBytes);
    const start = this.#dataStart + index * this.#itemBytes;
    for (let done = 0; done < bytes.length;) {
      const count = readSync(this.#descriptor, bytes, done, bytes.length - done, start + done);
      if (count === 0) return undefined;
      done += count;
    }
    return bytes;
  }

  /** @throws what the system says: that the disk is full, say. Then nothing was marked. */
  write(index: number, mark: Buffer, bytes: Uint8Array): void {
    writeAll(this.#descriptor, bytes, this.#dataStart + index * this.#itemBytes);
    const whole = Buffer.alloc(MARK_BYTES);
    whole.writeUInt32LE(checksum(bytes), 0);
    mark.copy(whole, 4);
    writeAll(this.#descriptor, whole, PAGE + index * MARK_BYTES);
  }

  /** Throws unless the file has all its bytes: reading a page of the mapping that it lost ends the process. */
  checkWhole(): void {
    if (fstatSync(this.#descriptor).size === this.#length) return;
    throw new DgsamError("ERR_DATA", `${this.path}: the cache of decoded images was cut short by somebody else; open the data set again`);
  }

  dispose(): void {
    forgotten.unregister(this);
    this.images.dispose();
    this.#mapped.dispose();
    closeSync(this.#descriptor);
  }

  #make(head: Buffer): Opened {
    mkdirSync(dirname(this.path), { recursive: true });
    const making = `${this.path}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
    const descriptor = openSync(making, "wx+", 0o644);
    try {
      writeAll(descriptor, head, 0);
      // The system gives blocks where something is written, and not before.
      ftruncateSync(descriptor, this.#length);
      const opened = place(making, this.path, head, this.#length);
      if (opened === null) return { descriptor, writable: true };
      closeSync(descriptor);
      return opened;
    } catch (cause) {
      closeSync(descriptor);
      throw cause;
    } finally {
      rmSync(making, { force: true });
    }
  }

  // Between opening and mapping, another may have been put in its place.
  #checkSame(): void {
    const [mine, there] = [fstatSync(this.#descriptor), statSync(this.path)];
    if (mine.ino === there.ino && mine.dev === there.dev) return;
    this.#mapped.dispose();
    throw new DgsamError("ERR_DATA", `${this.path}: was replaced while it was opened`);
  }
}

interface Opened {
  readonly descriptor: number;
  readonly writable: boolean;
}

/** null when `making` got the place `path`, else what was there before: another process's of the same kind. */
function place(making: string, path: string, head: Buffer, length: number): Opened | null {
  try {
    linkSync(making, path);
    return null;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") {
      const opened = openExisting(path, head, length);
      if (opened !== null) return opened;
    }
  }
  // Something else lies there, cut short or of an older version; or the file system has no links.
  renameSync(making, path);
  return null;
}

/** null where there is no such file, or it is none of ours, or another's. */
function openExisting(path: string, head: Buffer, length: number): Opened | null {
  const opened = tryOpen(path);
  if (opened === null) return null;
  const found = Buffer.alloc(HEADER_BYTES);
  const status = fstatSync(opened.descriptor);
  if (status.isFile() && status.size === length && readSync(opened.descriptor, found, 0, HEADER_BYTES, 0) === HEADER_BYTES && found.equals(head)) return opened;
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

function headerOf({ key, count }: DecodedFileOptions, itemBytes: number): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head.write(MAGIC, 0, "latin1");
  key.copy(head, 16, 0, 32);
  head.writeUIntLE(count, 48, 6);
  head.writeUIntLE(itemBytes, 54, 6);
  return head;
}

/** Never 0, which is what a place holds before anything was written. */
function checksum(bytes: Uint8Array): number {
  return crc32(bytes) || 1;
}

function writeAll(descriptor: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done, bytes.length - done, position + done);
}
