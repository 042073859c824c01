/**
 * A file of decoded images of one size, mapped into memory: a place for every image of a domain, and for each a mark that says what lies
 * there (decoded-rows.ts).
 *
 * No process needs to know of others, and none waits. Two that write the same image write the same bytes, since decoding is a function of
 * the bytes, the size and the version of libvips; these are in the key or the mark. The file gets its place whole, by a link that
 * fails where another process was first.
 */

import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, ftruncateSync, futimesSync, linkSync, mkdirSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DgsamError } from "../../errors.js";
import { keep, ops, scope, type Tensor } from "../../tensor/index.js";
import { mapFile } from "../../tensor/internal.js";
import { DecodedRows, headerOf, layoutOf, openWithHeader, writeAll, type FileKey, type Layout, type Opened } from "./decoded-rows.js";

export interface DecodedFileOptions {
  path: string;
  key: FileKey;
  count: number;
  /** Width and height of each image. */
  size: number;
}

export class DecodedFile {
  readonly path: string;
  /** Whether this process may write to it. */
  readonly writable: boolean;
  /** Whether it was not there before. */
  readonly isNew: boolean;
  readonly rows: DecodedRows;
  readonly #mapped: Tensor;
  /** [count, 3, size, size], on the mapped bytes. */
  readonly images: Tensor;

  /**
   * Opens the file, or makes it where there is none, or something else.
   * @throws what the system says when the file can be neither opened nor made, or not be mapped
   */
  constructor({ path, key, count, size }: DecodedFileOptions) {
    this.path = path;
    const layout = layoutOf(count, 3 * size * size);
    const head = headerOf(key, layout);
    const found = openExisting(path, head, layout);
    const opened = found ?? make(path, head, layout);
    this.isNew = found === null;
    this.writable = opened.writable;
    try {
      // Shared where it can be: the system counts a private mapping as memory that might be written to, and refuses one that is larger
      // than the machine's. Nothing is written through it in either case.
      this.#mapped = keep(mapFile(path, layout.length, this.writable));
      this.#checkSame(opened.descriptor);
    } catch (cause) {
      closeSync(opened.descriptor);
      throw cause;
    }
    this.rows = new DecodedRows(opened.descriptor, layout);
    this.images = scope(() =>
      keep(ops.aten["view.default"](ops.aten["slice.Tensor"](this.#mapped, 0, layout.dataStart, layout.length), [count, 3, size, size])));
    this.#noteUse();
  }

  /** Throws unless the file has all its bytes. To be asked after they were read, too: somebody may cut it short meanwhile. */
  checkWhole(): void {
    if (fstatSync(this.rows.descriptor).size === this.rows.layout.length) return;
    throw this.wasCut();
  }

  wasCut(): DgsamError {
    return new DgsamError("ERR_DATA", `${this.path}: the cache of decoded images was cut short by somebody else; open the data set again`);
  }

  dispose(): void {
    this.images.dispose();
    this.#mapped.dispose();
    this.rows.close();
  }

  /** For those who remove what nobody uses any more. */
  #noteUse(): void {
    const now = new Date();
    try {
      futimesSync(this.rows.descriptor, now, now);
    } catch {
      // Another user's file: that one keeps it young.
    }
  }

  // Between opening and mapping, another may have been put in its place.
  #checkSame(descriptor: number): void {
    const [mine, there] = [fstatSync(descriptor), statSync(this.path, { throwIfNoEntry: false })];
    if (mine.ino === there?.ino && mine.dev === there.dev) return;
    this.#mapped.dispose();
    throw new DgsamError("ERR_DATA", `${this.path}: was replaced while it was opened`);
  }
}

function make(path: string, head: Buffer, layout: Layout): Opened {
  mkdirSync(dirname(path), { recursive: true });
  const making = `${path}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
  const descriptor = openSync(making, "wx+", 0o644);
  try {
    writeAll(descriptor, head, 0);
    // The system gives blocks where something is written, and not before.
    ftruncateSync(descriptor, layout.length);
    const opened = place(making, path, head, layout);
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

/** null when `making` got the place `path`, else what was there before: another process's of the same kind. */
function place(making: string, path: string, head: Buffer, layout: Layout): Opened | null {
  try {
    linkSync(making, path);
    return null;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") {
      const opened = openExisting(path, head, layout);
      if (opened !== null) return opened;
    }
  }
  // Something else lies there, cut short or of an older version; or the file system has no links.
  renameSync(making, path);
  return null;
}

/** null where there is no such file, or it is none of ours, or another's. */
function openExisting(path: string, head: Buffer, { length }: Layout): Opened | null {
  const opened = openWithHeader(path);
  if (opened === null) return null;
  if (opened.length === length && opened.head.equals(head)) return opened;
  closeSync(opened.descriptor);
  return null;
}
