/** Images that are parts of files: whole ones, and ranges of bytes. */

import { realpathSync, statSync, type BigIntStats } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { DgsamError } from "../../errors.js";
import type { EncodedImage } from "./encoded-image.js";

const EXTENSION = /\.(jpe?g|png|webp|tiff?|gif)$/i;

/** Whether a file's name ends as those of the image formats that are read do. */
export function isImageName(name: string): boolean {
  return EXTENSION.test(name);
}

const SYSTEMS_OWN = /^(__MACOSX|thumbs\.db|desktop\.ini)$/i;

/** Whether a file or folder is hidden, or one that macOS or Windows puts beside others: nobody means those to be data. */
export function isHiddenName(name: string): boolean {
  return name.startsWith(".") || SYSTEMS_OWN.test(name);
}

/** `ERR_DATA`: "`path`: cannot be read: ..." */
export function unreadable(path: string, cause: unknown): DgsamError {
  if (cause instanceof DgsamError) return cause;
  return new DgsamError("ERR_DATA", `${path}: cannot be read: ${(cause as Error).message}`, { cause });
}

/** An image in a file of its own. */
export class FileImage implements EncodedImage {
  constructor(readonly path: string) {}

  // Asked for when an image is about to be decoded, and not before: looking at 600,000 files takes longer than listing them.
  get identity(): string {
    return fileIdentity(this.path);
  }

  async read(): Promise<Uint8Array> {
    try {
      return await readFile(this.path);
    } catch (cause) {
      throw unreadable(this.path, cause);
    }
  }
}

/** Real path, size and time of change. @throws DgsamError `ERR_DATA` when there is no such file */
function fileIdentity(path: string): string {
  try {
    const { size, mtimeNs } = statSync(path, { bigint: true });
    return `${realpathSync.native(path)}|${size}|${mtimeNs}`;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** A file that holds many images and is read by range, opened for each: a data set has no end at which it could be closed. */
export class ContainerFile {
  readonly #absolute: string;
  readonly #status: BigIntStats;

  /** @throws DgsamError `ERR_DATA` when there is no such regular file */
  constructor(readonly path: string) {
    this.#absolute = resolve(path);
    try {
      this.#status = statSync(this.#absolute, { bigint: true });
    } catch (cause) {
      throw unreadable(path, cause);
    }
    if (!this.#status.isFile()) throw new DgsamError("ERR_DATA", `${path}: cannot be read: it is no regular file`);
  }

  get size(): number {
    return Number(this.#status.size);
  }

  get identity(): string {
    return `${realpathSync.native(this.#absolute)}|${this.#status.size}|${this.#status.mtimeNs}`;
  }

  /** The bytes from `start` to before `end`. @throws DgsamError `ERR_DATA` when they are not there, or the file is another one now */
  async read(start: number, end: number): Promise<Buffer> {
    if (!(start >= 0 && end >= start && end <= this.size)) {
      throw new DgsamError("ERR_DATA", `${this.path}: truncated: bytes ${start} to ${end} were expected, but the file has ${this.size}`);
    }
    try {
      const file = await open(this.#absolute, "r");
      try {
        const { size, mtimeNs } = await file.stat({ bigint: true });
        if (size !== this.#status.size || mtimeNs !== this.#status.mtimeNs) {
          throw new DgsamError("ERR_DATA", `${this.path}: was changed since it was listed; open the data set again`);
        }
        // Not of the shared pool: whole pages are cut out of it and live long.
        const bytes = Buffer.allocUnsafeSlow(end - start);
        for (let done = 0; done < bytes.length;) {
          const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
          if (bytesRead === 0) throw new DgsamError("ERR_DATA", `${this.path}: was cut short while it was read`);
          done += bytesRead;
        }
        return bytes;
      } finally {
        await file.close();
      }
    } catch (cause) {
      throw unreadable(this.path, cause);
    }
  }
}
