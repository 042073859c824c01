/**
 * Files that are read by range: what a header claims is compared with the file's size before anything is allocated for it.
 */

import { closeSync, fstatSync, openSync, readSync, statSync, type Stats } from "node:fs";
import { resolve } from "node:path";
import { checkString } from "../checks.js";
import { DgsamError } from "../errors.js";
import { empty, fromBytes, ops, type Tensor } from "../tensor/index.js";
import { mapFile } from "../tensor/internal.js";
import { malformed } from "./malformed.js";

/** Bytes that can be read by range: a file, a part of it, or what was decompressed. */
export interface ByteSource {
  /** How many bytes there are. */
  readonly length: number;
  /**
   * Exactly `length` bytes, in the memory of `into` where that is given.
   *
   * @throws DgsamError `ERR_DATA` when there are fewer
   */
  read(offset: number, length: number, into?: Buffer): Buffer;
}

// Large enough that a call costs little beside its copy, small enough to stay in the processor's cache.
const CHUNK = 1 << 18;

// Kept, because new memory costs as much as reading into it: the system hands it out page by page.
const scratch = Buffer.allocUnsafeSlow(1 << 20);

export class InputFile implements ByteSource {
  readonly path: string;
  readonly length: number;
  // The working folder may change before the file is mapped.
  readonly #absolute: string;
  readonly #descriptor: number;
  readonly #status: Stats;

  /** @throws DgsamError `ERR_DATA` when it cannot be opened or is no regular file; `ERR_ARGUMENT` */
  constructor(path: string) {
    checkString("path", path);
    this.path = path;
    this.#absolute = resolve(path);
    try {
      // Before it is opened: opening a named pipe would wait for somebody to write.
      if (!statSync(path).isFile()) throw malformed(path, "cannot be read: it is no regular file");
      this.#descriptor = openSync(path, "r");
    } catch (cause) {
      throw cause instanceof DgsamError ? cause : malformed(path, `cannot be read: ${(cause as Error).message}`, cause);
    }
    this.#status = fstatSync(this.#descriptor);
    this.length = this.#status.size;
  }

  read(offset: number, length: number, into?: Buffer): Buffer {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.length))
      throw malformed(this.path, `truncated: ${length} bytes were expected from byte ${offset} on, but the file has ${this.length} bytes`);
    try {
      const bytes = into?.subarray(0, length) ?? Buffer.allocUnsafe(length);
      for (let done = 0; done < length; ) {
        const count = readSync(this.#descriptor, bytes, done, length - done, offset + done);
        if (count === 0) throw malformed(this.path, "was cut short by somebody else while it was read");
        done += count;
      }
      return bytes;
    } catch (cause) {
      throw cause instanceof DgsamError ? cause : malformed(this.path, `cannot be read: ${(cause as Error).message}`, cause);
    }
  }

  /**
   * All bytes as a uint8 tensor mapped into memory: read when they are used, written to only in memory.
   *
   * @throws DgsamError `ERR_DATA` when the path names another file than the one that was opened, or it has changed
   */
  map(): Tensor {
    this.checkUnchanged();
    return mapFile(this.#absolute, this.length, false);
  }

  /** Throws `ERR_DATA` unless the file is as it was when it was opened: pages of a mapping that the file lost read as zeros. */
  checkUnchanged(): void {
    const { dev, ino, size, mtimeMs } = this.#status;
    let now: Stats;
    try {
      now = statSync(this.#absolute);
    } catch (cause) {
      throw malformed(this.path, `is gone since it was opened: ${(cause as Error).message}`, cause);
    }
    if (now.dev !== dev || now.ino !== ino || now.size !== size || now.mtimeMs !== mtimeMs)
      throw malformed(this.path, "was changed since it was opened; open it again, and replace files by renaming, not by writing into them");
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Opens the file for `use` and closes it. */
export function withInputFile<R>(path: string, use: (file: InputFile) => R): R {
  const file = new InputFile(path);
  try {
    return use(file);
  } finally {
    file.close();
  }
}

/** A part of another source. */
export class Part implements ByteSource {
  constructor(readonly path: string, readonly source: ByteSource, readonly offset: number, readonly length: number) {}

  read(offset: number, length: number, into?: Buffer): Buffer {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.length))
      throw malformed(this.path, `truncated: ${length} bytes were expected from byte ${offset} of a part that has ${this.length}`);
    return this.source.read(this.offset + offset, length, into);
  }
}

/** Bytes in memory. */
export class Bytes implements ByteSource {
  constructor(readonly path: string, readonly bytes: Buffer) {}

  get length(): number {
    return this.bytes.length;
  }

  read(offset: number, length: number): Buffer {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.length))
      throw malformed(this.path, `truncated: ${length} bytes were expected from byte ${offset} of ${this.length}`);
    return this.bytes.subarray(offset, offset + length);
  }
}

/** The bytes from `offset` on in pieces, each valid until the next one. */
export function* chunksOf(source: ByteSource, offset: number, length: number): Generator<Buffer> {
  const into = Buffer.allocUnsafe(Math.min(CHUNK, length));
  for (let done = 0; done < length; done += CHUNK) yield source.read(offset + done, Math.min(CHUNK, length - done), into);
}

/**
 * The bytes from `offset` on as a uint8 tensor of its own memory. The caller opens the scope.
 *
 * @param look is given all bytes in pieces, such as a checksum needs them
 */
export function tensorOf(source: ByteSource, offset: number, length: number, look?: (chunk: Buffer) => void): Tensor {
  // Before memory is taken for what is not there.
  if (offset + length > source.length) source.read(offset, length);
  if (length <= scratch.length) {
    const bytes = source.read(offset, length, scratch);
    look?.(bytes);
    return fromBytes(bytes);
  }
  const whole = empty([length], { dtype: "uint8" });
  let at = 0;
  for (const chunk of chunksOf(source, offset, length)) {
    look?.(chunk);
    const [target, bytes] = [ops.aten["slice.Tensor"](whole, 0, at, at + chunk.length), fromBytes(chunk)];
    ops.aten["copy_.default"](target, bytes);
    target.dispose();
    bytes.dispose();
    at += chunk.length;
  }
  return whole;
}
