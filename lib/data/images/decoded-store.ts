/** The decoded images of one domain: in a file of the cache, and in memory where there is none. */

import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { fromBytes, type Tensor } from "../../tensor/index.js";
import { copyInto, discard } from "../../tensor/internal.js";
import { dataWarning } from "../../warnings.js";
import { DecodedFile } from "./decoded-file.js";
import { contentMark, identityMark, type FileKey, type ImageMark } from "./decoded-rows.js";
import { EarlierFiles, fileName, removeUnused } from "./earlier-files.js";
import type { EncodedImage } from "./encoded-image.js";

export interface DecodedStoreOptions {
  images: readonly EncodedImage[];
  /** Width and height of the decoded images. */
  size: number;
  /** Where the cache's files lie; null for none. */
  folder: string | null;
  /** What else decides about the pixels: the versions of the decoder, its settings. */
  decoder: readonly string[];
  /** The names of data set and domain: two domains of the same images have files of their own. */
  names: readonly string[];
}

/** `$XDG_CACHE_HOME/dgsam/images`, else `~/.cache/dgsam/images`. */
export function defaultCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const base = env["XDG_CACHE_HOME"] ?? "";
  // The XDG specification: a relative path is to be ignored.
  return join(isAbsolute(base) ? base : join(env["HOME"] || homedir(), ".cache"), "dgsam", "images");
}

/** Folders that a warning was given for. */
const warned = new Set<string>();

export class DecodedStore {
  readonly #options: DecodedStoreOptions;
  readonly #itemBytes: number;
  /** undefined before it is needed, null when there is none. */
  #file: DecodedFile | null | undefined;
  /** Opened when the file lacks something. */
  #earlier: EarlierFiles | undefined;
  #canWrite = true;
  /** The images of the file that this process has looked at. */
  readonly #checked = new Set<number>();
  readonly #memory = new Map<number, Uint8Array>();
  /** What goes to the file, image by image: the garbage collector runs for every few dozen that have memory of their own. */
  #scratch: Uint8Array | undefined;
  #disposed = false;

  constructor(options: DecodedStoreOptions) {
    this.#options = options;
    this.#itemBytes = 3 * options.size * options.size;
    if (options.folder === null) this.#file = null;
  }

  /** Width and height of its images. */
  get size(): number {
    return this.#options.size;
  }

  /**
   * Whether the image lies here, as it is now: looked up in its source once. What an earlier file of the domain has is copied.
   * @throws DgsamError `ERR_DATA` when the source has lost the image
   */
  has(index: number): boolean {
    if (this.#checked.has(index) || this.#memory.has(index)) return true;
    const file = this.#open();
    if (file === null) return false;
    const identity = identityMark(this.#options.images[index]!.identity);
    const own = file.rows.find(index, { identity });
    if (own !== undefined) {
      discard(own.bytes);
      this.#checked.add(index);
      return true;
    }
    const earlier = this.#openEarlier(file).find({ identity });
    if (earlier === undefined) return false;
    const isWritten = this.#write(index, earlier.mark, earlier.bytes);
    discard(earlier.bytes);
    return isWritten;
  }

  /**
   * @param identity of its bytes, as it was before they were read
   * @param encoded those bytes
   * @returns what `recall` and `put` know an image by; undefined where there is no file to keep it in
   */
  markOf(identity: string, encoded: Uint8Array): ImageMark | undefined {
    return this.#open() === null ? undefined : { identity: identityMark(identity), content: contentMark(encoded) };
  }

  /** An image that was decoded from the same bytes when they had another name or time of change, [3, size, size]. */
  recall(index: number, mark: ImageMark | undefined): Uint8Array | undefined {
    const file = this.#open();
    if (file === null || mark === undefined) return undefined;
    const { content } = mark;
    return (file.rows.find(index, { content }) ?? this.#openEarlier(file).find({ content }))?.bytes;
  }

  /**
   * Keeps an image, uint8 [3, size, size]: in the file if that goes, else in memory if asked to.
   * @returns its bytes where it was not kept
   */
  put(index: number, mark: ImageMark | undefined, planes: Tensor | Uint8Array, inMemory: boolean): Uint8Array | undefined {
    if (mark !== undefined && this.#write(index, mark, planes)) return undefined;
    const bytes = planes instanceof Uint8Array ? planes : planes.toBytes();
    if (!inMemory) return bytes;
    this.#memory.set(index, bytes);
    return undefined;
  }

  /** When all images were looked at: removes earlier files that have nothing more than the newest one. */
  settle(): void {
    if (this.#earlier === undefined) return;
    this.#earlier.removeSuperseded();
    this.#earlier.close();
    this.#earlier = undefined;
  }

  /**
   * Images, uint8 [N, 3, size, size], and where among them those of `indices` lie. All must lie here or in `others`.
   * @returns `images` is the file's where `isOwn` is false, and else the caller's to dispose of
   * @throws DgsamError `ERR_DATA` when somebody has cut the file short
   */
  find(indices: readonly number[], others?: ReadonlyMap<number, Uint8Array>): { images: Tensor; places: readonly number[]; isOwn: boolean } {
    const file = this.#open();
    this.checkWhole();
    if (file !== null && indices.every((index) => this.#checked.has(index))) return { images: file.images, places: indices, isOwn: false };
    const bytes = new Uint8Array(indices.length * this.#itemBytes);
    indices.forEach((index, i) => {
      const found = others?.get(index) ?? this.#memory.get(index) ?? file!.rows.read(index);
      if (found === undefined) throw file!.wasCut();
      bytes.set(found, i * this.#itemBytes);
    });
    const { size } = this.#options;
    return { images: fromBytes(bytes, { shape: [indices.length, 3, size, size] }), places: indices.map((_, i) => i), isOwn: true };
  }

  /** To be asked when batches were made of what `find` gave. @throws DgsamError `ERR_DATA` when somebody has cut the file short */
  checkWhole(): void {
    this.#file?.checkWhole();
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#earlier?.close();
    this.#file?.dispose();
    this.#earlier = undefined;
    this.#file = null;
    this.#checked.clear();
    this.#memory.clear();
  }

  #open(): DecodedFile | null {
    if (this.#file !== undefined) return this.#file;
    const { images, size, folder } = this.#options;
    const key = this.#key();
    const path = join(folder!, fileName(key));
    try {
      this.#file = new DecodedFile({ path, key, count: images.length, size });
    } catch (cause) {
      this.#file = null;
      this.#warn(`cannot be used: ${(cause as Error).message}`);
    }
    if (this.#file?.writable === false) this.#warn("may be read, not written to");
    if (this.#file?.isNew === true) removeUnused(path);
    return this.#file;
  }

  #openEarlier(file: DecodedFile): EarlierFiles {
    return (this.#earlier ??= new EarlierFiles(file, this.#key()));
  }

  #key(): FileKey {
    const { images, size, decoder, names } = this.#options;
    const list = createHash("sha256");
    for (const { path } of images) list.update(`\0${resolve(path)}`);
    const family = createHash("sha256").update(JSON.stringify([size, ...decoder, ...names]));
    return { family: family.digest().subarray(0, 16), list: list.digest().subarray(0, 16) };
  }

  /** false where that does not go. */
  #write(index: number, mark: ImageMark, planes: Tensor | Uint8Array): boolean {
    const file = this.#open();
    if (file === null || !file.writable || !this.#canWrite) return false;
    try {
      file.rows.write(index, mark, planes instanceof Uint8Array ? planes : this.#copied(planes));
      this.#checked.add(index);
      return true;
    } catch (cause) {
      this.#canWrite = false;
      this.#warn(`cannot be written to: ${(cause as Error).message}`);
      return false;
    }
  }

  #copied(planes: Tensor): Uint8Array {
    copyInto(planes, (this.#scratch ??= new Uint8Array(this.#itemBytes)));
    return this.#scratch;
  }

  #warn(problem: string): void {
    const folder = this.#options.folder!;
    if (warned.has(folder)) return;
    warned.add(folder);
    dataWarning(`the cache of decoded images in ${folder} ${problem}; images that it lacks are decoded each time, or kept in memory by prepare(). ` +
      "Name a folder with room that you may write to: another cache by the environment variable XDG_CACHE_HOME, or in a program the folder itself by the option cacheFolder");
  }
}
