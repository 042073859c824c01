/** From a collection of encoded images to a data set of domains that a network can be trained on. */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { isPlainObject, optionsOf } from "../../checks.js";
import { argumentError } from "../../errors.js";
import type { DomainDataset } from "../dataset.js";
import type { ImageCollection } from "./encoded-image.js";
import { ImageDomain, type SkippedImage } from "./image-domain.js";
import { imageSettings, type ImageOptions, type ImageSettings } from "./image-options.js";

/** How far `prepare()` is. */
export interface PrepareProgress {
  /** The domain that is prepared. */
  readonly domain: string;
  /** Images of all domains together that are decoded, or found in the cache, or skipped. */
  readonly done: number;
  readonly total: number;
}

export interface PrepareOptions {
  signal?: AbortSignal;
  /** Called after every image. */
  onProgress?: (progress: PrepareProgress) => void;
}

/** A data set of images. Its tensors are float32 [B, 3, imageSize, imageSize], normalised. */
export interface ImageDataset extends DomainDataset {
  readonly domains: readonly ImageDomain[];
  /** The bad images that were met so far; after `prepare()` all of them. */
  readonly skipped: readonly SkippedImage[];
  /**
   * Decodes all images that are not in the cache, domain by domain; `batch` then works for every item. Killed and called again it goes on
   * where it was.
   * @throws DgsamError `ERR_DATA` for a bad image, unless these are skipped, and for a domain that has none else; the signal's reason
   */
  prepare(options?: PrepareOptions): Promise<void>;
  /** Closes the cache's files and frees what is kept in memory. Batches that were made stay. */
  dispose(): void;
  [Symbol.dispose](): void;
}

/**
 * Makes a data set of a collection. Nothing is read yet: images are decoded by `prepare()`, or when a batch first needs them.
 * @throws DgsamError `ERR_ARGUMENT`; `ERR_DEVICE` for a device that cannot be used
 */
export function imageDataset(collection: ImageCollection, options: ImageOptions = {}): ImageDataset {
  checkCollection(collection);
  return datasetWith(collection, imageSettings("imageDataset", options));
}

/** The same with options that were checked. */
export function datasetWith(collection: ImageCollection, settings: ImageSettings): ImageDataset {
  const decoder = decoderVersion();
  const domains = collection.domains.map(({ name, records }) => new ImageDomain(collection.name, name, records, settings, decoder));
  const total = domains.reduce((sum, { length }) => sum + length, 0);
  return {
    name: collection.name,
    classes: [...collection.classes],
    inputShape: [3, settings.imageSize, settings.imageSize],
    domains,
    get skipped() {
      return domains.flatMap((domain) => domain.skipped);
    },
    async prepare(given) {
      const { signal, onProgress } = optionsOf<PrepareOptions>("prepare", given, ["signal", "onProgress"]);
      let before = 0;
      for (const domain of domains) {
        await domain.prepare((done) => onProgress?.({ domain: domain.name, done: before + done, total }), signal);
        before += domain.length;
      }
    },
    dispose() {
      for (const domain of domains) domain.dispose();
    },
    [Symbol.dispose]() {
      this.dispose();
    },
  };
}

function checkCollection(value: unknown): void {
  const { name, classes, domains } = Object(value) as Record<string, unknown>;
  const isDomain = (each: unknown): boolean => isPlainObject(each) && typeof each["name"] === "string" && Array.isArray(each["records"]);
  if (typeof name === "string" && Array.isArray(classes) && Array.isArray(domains) && domains.every(isDomain)) return;
  throw argumentError("imageDataset(collection)", "an ImageCollection, with name, classes and domains of records", value);
}

/**
 * Whose pixels are in the cache: another version may round differently, and sharp resized, too, before Pillow's rule did. Found without loading sharp, which a full
 * cache does not need.
 */
function decoderVersion(): string {
  const main = createRequire(import.meta.url).resolve("sharp");
  const { version } = JSON.parse(readFileSync(join(dirname(main), "..", "package.json"), "utf8")) as { version: string };
  return `sharp ${version}, resized as Pillow`;
}
