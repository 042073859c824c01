/** A domain of images that are decoded when they are first needed. */

import { DgsamError } from "../../errors.js";
import { empty, ops, scope, tensor, toDevice, type Generator, type Tensor } from "../../tensor/index.js";
import { readWhole } from "../../tensor/internal.js";
import { dataWarning } from "../../warnings.js";
import { checkItem, checkList } from "../checks.js";
import type { Batch, BatchOptions, Domain, Item, LoadOptions } from "../dataset.js";
import { domainbedCropScale } from "./augment/domainbed.js";
import { drawCropBoxes } from "./augment/random-resized-crop.js";
import { readHeader, type ImageHeader } from "./decode.js";
import { DecodedStore } from "./decoded-store.js";
import type { EncodedImage, ImageRecord } from "./encoded-image.js";
import { FileImage } from "./file-image.js";
import { ImageInput, type Found } from "./image-input.js";
import type { ImageSettings } from "./image-options.js";
import { decodePlanes, decodeSquares, type Crop } from "./resized.js";
import { readers } from "./slots.js";

/** An image that cannot be used, and why. */
export interface SkippedImage {
  readonly domain: string;
  /** Its number in the domain. */
  readonly index: number;
  readonly path: string;
  readonly reason: string;
}

/** The bytes of an image. Sources know files only, so that data can be looked at without LibTorch. */
async function readEncoded(image: EncodedImage): Promise<Uint8Array> {
  return (image instanceof FileImage ? await readWhole(image.path) : null) ?? (await image.read());
}

/** Loops that prepare a domain: enough to keep libuv's threads at work. */
const WORKERS = 12;

/**
 * Images of one domain. They keep their numbers, and `length` and `labels` count them all, whether they can be decoded or not. With
 * `badImages: "skip"` a batch for training has for each bad one the next good one of its class (after the last comes the first; of any class
 * where none of its own is good), with that one's label, so it is full; a batch for evaluation leaves bad ones out, and may be empty.
 */
export class ImageDomain implements Domain {
  readonly name: string;
  readonly length: number;
  readonly labels: Int32Array;
  readonly #records: readonly ImageRecord[];
  readonly #settings: ImageSettings;
  /** Of images to evaluate, in the network's size; and of those that augmentation crops from, the same one where they have that size, too. */
  readonly #exact: DecodedStore;
  readonly #larger: DecodedStore;
  readonly #input: ImageInput;
  /** Reasons by number. */
  readonly #bad = new Map<number, string>();
  #disposed = false;

  /** @internal Use `imageDataset()`. */
  constructor(collection: string, name: string, records: readonly ImageRecord[], settings: ImageSettings, decoder: string) {
    this.name = name;
    this.length = records.length;
    this.labels = Int32Array.from(records, ({ label }) => label);
    this.#records = records;
    this.#settings = settings;
    this.#input = new ImageInput(name, settings);
    const images = records.map(({ image }) => image);
    const makeStore = (size: number): DecodedStore =>
      new DecodedStore({ images, size, folder: settings.cacheFolder, decoder: [decoder, settings.orientation], names: [collection, name] });
    this.#exact = makeStore(settings.imageSize);
    this.#larger = settings.cacheSize === settings.imageSize ? this.#exact : makeStore(settings.cacheSize);
  }

  /** The bad images that were met so far, by number; after `prepare()` all of them. */
  get skipped(): SkippedImage[] {
    return [...this.#bad].sort(([a], [b]) => a - b)
      .map(([index, reason]) => ({ domain: this.name, index, path: this.#records[index]!.image.path, reason }));
  }

  item(index: number): Item {
    checkItem(this, index);
    const { x, y } = this.batch([index]);
    return scope(() => {
      if (y.shape[0] === 0) throw new DgsamError("ERR_DATA", this.#bad.get(index)!);
      return { x: ops.aten["squeeze.dim"](x, 0) as Tensor<"float32">, y: Number(y.item()) };
    });
  }

  /**
   * A batch of images that are decoded already.
   * @throws DgsamError `ERR_STATE` when one is not: `await prepare()`, or use `load`; `ERR_DATA`; `ERR_ARGUMENT`
   */
  batch(indices: ArrayLike<number>, { generator }: BatchOptions = {}): Batch {
    const asked = this.#checked(indices);
    if (generator !== undefined && this.#settings.cropsOriginals) {
      throw new DgsamError("ERR_STATE", `domain ${JSON.stringify(this.name)}: protocol "domainbed" decodes the originals for every batch to train on, ` +
        "which takes waiting: use load(), or `for await` over a DomainLoader");
    }
    const store = generator === undefined ? this.#exact : this.#larger;
    const [chosen, missing] = this.#choose(asked, generator !== undefined, (index) => this.#isThere(index, store));
    if (missing.length > 0) {
      throw new DgsamError("ERR_STATE", `domain ${JSON.stringify(this.name)}: ${this.#records[missing[0]!]!.image.path} is not decoded yet; ` +
        "await dataset.prepare() first, or use load(), or `for await` over the loader");
    }
    this.#checkGood();
    return this.#assemble(store.find(chosen), chosen, generator);
  }

  async load(indices: ArrayLike<number>, { generator, signal }: LoadOptions = {}): Promise<Batch> {
    const asked = this.#checked(indices);
    signal?.throwIfAborted();
    if (generator !== undefined && this.#settings.cropsOriginals) return await this.#loadCropped(asked, generator, signal);
    const store = generator === undefined ? this.#exact : this.#larger;
    const decoded = new Map<number, Uint8Array>();
    const chosen = await this.#complete(asked, generator !== undefined, (index) => decoded.has(index) || this.#isThere(index, store), async (index) => {
      const bytes = await this.#decode(index, signal, [store], false);
      if (bytes !== null) decoded.set(index, bytes);
    }, signal);
    // Who waited for the last image may find the data set disposed.
    this.#checkUsable();
    this.#checkGood();
    return await this.#assembleAside(store.find(chosen, decoded), chosen, generator);
  }

  /** @internal Decodes all that is not in the cache. @param onImage is called after each image, with the number of them that are done */
  async prepare(onImage: (done: number) => void, signal?: AbortSignal): Promise<void> {
    this.#checkUsable();
    const stores = [...new Set([this.#exact, this.#larger])];
    let next = 0;
    let done = 0;
    // When one has failed, the others end with what they are at.
    let failed = false;
    const work = async (): Promise<void> => {
      while (next < this.length && !failed) {
        signal?.throwIfAborted();
        const index = next++;
        try {
          const lacking = stores.filter((store) => !this.#isThere(index, store));
          if (lacking.length > 0) await this.#decode(index, signal, lacking, true);
          // Looking at what is in the cache waits for nothing; timers and signals are to be heard all the same.
          else if (index % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
        } catch (cause) {
          failed = true;
          throw cause;
        }
        onImage(++done);
      }
    };
    const ends = await Promise.allSettled(Array.from({ length: WORKERS }, work));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    this.#checkUsable();
    for (const store of stores) store.settle();
    this.#checkGood();
  }

  /** @internal */
  dispose(): void {
    this.#disposed = true;
    this.#exact.dispose();
    this.#larger.dispose();
  }

  #checked(indices: ArrayLike<number>): number[] {
    this.#checkUsable();
    checkList(`domain ${JSON.stringify(this.name)}: indices`, indices);
    const numbers = Array.from(indices);
    for (const index of numbers) checkItem(this, index);
    return numbers;
  }

  #checkUsable(): void {
    if (this.#disposed) throw new DgsamError("ERR_DISPOSED", `domain ${JSON.stringify(this.name)}: its data set was disposed`);
  }

  /** Whether it is decoded, or known to be bad. */
  #isThere(index: number, store: DecodedStore): boolean {
    if (this.#bad.has(index)) return true;
    try {
      return store.has(index);
    } catch (cause) {
      this.#refuse(index, cause);
      return true;
    }
  }

  /** Its bytes for the last of the stores; null where they were kept, and for a bad image. */
  async #decode(index: number, signal: AbortSignal | undefined, stores: readonly DecodedStore[], inMemory: boolean): Promise<Uint8Array | null> {
    try {
      const { image } = this.#records[index]!;
      const { identity } = image;
      const bytes = await readers.run(() => readEncoded(image), signal);
      this.#checkUsable();
      let left: Uint8Array | null = null;
      const lacking: { store: DecodedStore; mark: ReturnType<DecodedStore["markOf"]> }[] = [];
      for (const store of stores) {
        const mark = store.markOf(identity, bytes);
        const recalled = store.recall(index, mark);
        if (recalled === undefined) lacking.push({ store, mark });
        else left = store.put(index, mark, recalled, inMemory) ?? null;
      }
      if (lacking.length === 0) return left;
      const reading = this.#reading(index, signal);
      const squares = await decodeSquares(bytes, await readHeader("imageDataset", bytes, reading), reading, lacking.map(({ store }) => store.size));
      try {
        this.#checkUsable();
        lacking.forEach(({ store, mark }, i) => (left = store.put(index, mark, squares[i]!, inMemory) ?? null));
        return left;
      } finally {
        for (const each of squares) each.dispose();
      }
    } catch (cause) {
      this.#refuse(index, cause);
      return null;
    }
  }

  #reading(index: number, signal: AbortSignal | undefined) {
    const { orientation, maxPixels } = this.#settings;
    return { orientation, maxPixels, path: this.#records[index]!.image.path, ...(signal === undefined ? {} : { signal }) };
  }

  /** Notes a bad image, or throws on, as the policy says. */
  #refuse(index: number, cause: unknown): void {
    if (!(cause instanceof DgsamError) || cause.code !== "ERR_DATA" || !this.#settings.skip) throw cause;
    if (this.#bad.size === 0) {
      dataWarning(`domain ${JSON.stringify(this.name)}: images that cannot be decoded are skipped, the first is ${cause.message}; \`skipped\` lists them`);
    }
    this.#bad.set(index, cause.message);
  }

  /** What to take for each asked image as far as is known, and those of them that are not there yet. */
  #choose(asked: readonly number[], training: boolean, isThere: (index: number) => boolean): [chosen: number[], missing: number[]] {
    const missing = new Set<number>();
    const chosen: number[] = [];
    for (const index of asked) {
      const taken = this.#taken(index, training, isThere);
      if (taken === null) continue;
      if (!taken.isThere) missing.add(taken.index);
      chosen.push(taken.index);
    }
    return [chosen, [...missing]];
  }

  /** The image itself, or for a bad one the next good one, as far as is known; null where it is left out. */
  #taken(asked: number, training: boolean, isThere: (index: number) => boolean): { index: number; isThere: boolean } | null {
    for (let index = asked; ; index = this.#nextGood(asked)) {
      // That one is bad may be found out by looking, which is done once: it reads a mark.
      const there = isThere(index);
      if (!there || !this.#bad.has(index)) return { index, isThere: there };
      if (!training) return null;
    }
  }

  /** The next image of the same class that is not known to be bad, else of any. */
  #nextGood(index: number): number {
    const { length, labels } = this;
    for (const sameClass of [true, false]) {
      for (let step = 1; step < length; step++) {
        const next = (index + step) % length;
        if (!this.#bad.has(next) && (!sameClass || labels[next] === labels[index])) return next;
      }
    }
    throw this.#nothingLeft();
  }

  #checkGood(): void {
    if (this.length > 0 && this.#bad.size === this.length) throw this.#nothingLeft();
  }

  #nothingLeft(): DgsamError {
    const { reason } = this.skipped[0]!;
    return new DgsamError("ERR_DATA", `domain ${JSON.stringify(this.name)}: none of its ${this.length} images can be decoded; the first: ${reason}`);
  }

  /** Has everything made that a batch needs: for an image that turns out to be bad another takes its place, which may be missing, too. */
  async #complete(
    asked: readonly number[], training: boolean, isThere: (index: number) => boolean, make: (index: number) => Promise<void>, signal: AbortSignal | undefined,
  ): Promise<number[]> {
    for (;;) {
      const [chosen, missing] = this.#choose(asked, training, isThere);
      if (missing.length === 0) return chosen;
      const ends = await Promise.allSettled(missing.map(make));
      signal?.throwIfAborted();
      for (const end of ends) if (end.status === "rejected") throw end.reason;
      this.#checkUsable();
    }
  }

  /** DomainBed's way to train: a box of each original, resized. An image that occurs twice in a batch gets two boxes. */
  async #loadCropped(asked: readonly number[], generator: Generator, signal: AbortSignal | undefined): Promise<Batch> {
    const { imageSize } = this.#settings;
    const opened = new Map<number, { bytes: Uint8Array; header: ImageHeader }>();
    const open = async (index: number): Promise<void> => {
      try {
        const bytes = await readers.run(() => readEncoded(this.#records[index]!.image), signal);
        opened.set(index, { bytes, header: await readHeader("imageDataset", bytes, this.#reading(index, signal)) });
      } catch (cause) {
        this.#refuse(index, cause);
      }
    };
    const crop = async (index: number, box: Crop): Promise<Tensor | null> => {
      try {
        const { bytes, header } = opened.get(index)!;
        return await decodePlanes(bytes, header, { ...this.#reading(index, signal), crop: box, width: imageSize, height: imageSize });
      } catch (cause) {
        this.#refuse(index, cause);
        return null;
      }
    };
    const before = generator.getState();
    try {
      for (;;) {
        const chosen = await this.#complete(asked, true, (index) => opened.has(index) || this.#bad.has(index), open, signal);
        // The same boxes for those that stay, when others turn out to be damaged behind their headers.
        generator.setState(before);
        const sizes = chosen.map((index) => { const { height, width } = opened.get(index)!.header; return [height, width] as const; });
        const boxes = drawCropBoxes(sizes, generator, { scale: domainbedCropScale });
        const ends = await Promise.allSettled(chosen.map((index, i) => crop(index, boxes[i]!)));
        const made = ends.flatMap((end) => (end.status === "fulfilled" && end.value !== null ? [end.value] : []));
        let images;
        try {
          signal?.throwIfAborted();
          for (const end of ends) if (end.status === "rejected") throw end.reason;
          if (made.length < chosen.length) continue;
          this.#checkUsable();
          images = made.length === 0 ? empty([0, 3, imageSize, imageSize], { dtype: "uint8" }) : ops.aten["stack.default"](made);
        } finally {
          for (const each of made) each.dispose();
        }
        return await this.#assembleAside({ images, places: chosen.map((_, i) => i), isOwn: true }, chosen, generator);
      }
    } finally {
      before.dispose();
    }
  }

  #assemble(source: Found, chosen: readonly number[], generator: Generator | undefined): Batch {
    const x = this.#input.make(source, generator);
    return this.#labelled(x, chosen);
  }

  /** The same, beside this thread where that goes. */
  async #assembleAside(source: Found, chosen: readonly number[], generator: Generator | undefined): Promise<Batch> {
    if (!this.#input.goesAside(generator)) return this.#assemble(source, chosen, generator);
    const x = await this.#input.makeAside(source, generator);
    return this.#labelled(x, chosen);
  }

  /** Frees the images where there are no labels for them any more. */
  #labelled(x: Tensor<"float32">, chosen: readonly number[]): Batch {
    try {
      this.#checkUsable();
      for (const store of [this.#exact, this.#larger]) store.checkWhole();
      return { x, y: this.#labelsOf(chosen) };
    } catch (cause) {
      x.dispose();
      throw cause;
    }
  }

  #labelsOf(chosen: readonly number[]): Tensor<"int64"> {
    return scope(() => {
      const labels = tensor(BigInt64Array.from(chosen, (index) => BigInt(this.labels[index]!)), { shape: [chosen.length] });
      return toDevice(labels, this.#settings.device) as Tensor<"int64">;
    });
  }
}
