/** How images become input of a network: the options, checked, with their defaults. */

import { resolve } from "node:path";
import { checkBoolean, checkChoice, checkInteger, checkString, optionsOf } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import type { Generator, Tensor } from "../../tensor/index.js";
import { domainbedAugmentation } from "./augment/index.js";
import { MAX_PIXELS, type Orientation } from "./decode.js";
import { defaultCacheFolder } from "./decoded-store.js";
import { checkDevice } from "./device.js";

/** uint8 images [B, 3, H, W] to float32 ones in [0, 1], all chance out of the generator. What it makes on the way is freed. */
export type Augment = (images: Tensor, generator: Generator) => Tensor;

export interface ImageOptions {
  /** Width and height that a network gets, in pixels. Default 224. */
  imageSize?: number;
  /** Width and height of the images that augmentation crops from; those to evaluate then have a cache of their own. Default: `imageSize`. */
  cacheSize?: number;
  /** Where decoded images are kept. Default `$XDG_CACHE_HOME/dgsam/images`, else `~/.cache/dgsam/images`. */
  cacheFolder?: string;
  /** false keeps no files: `prepare()` then keeps images in memory, and without it they are decoded each time. Default true. */
  cache?: boolean;
  /** Images that claim more pixels are bad ones. Default 89,478,485, as PIL. */
  maxPixels?: number;
  /**
   * "throw" (default) ends with an `ERR_DATA` that names the image. "skip" leaves it out: for training the next good image of its class
   * takes its place, evaluation leaves it out of the count. `skipped` lists these, and the first of a domain is warned of.
   */
  badImages?: "throw" | "skip";
  /**
   * "cached" (default): everything is made from the images in the cache. "domainbed": training decodes the originals each time and
   * crops from them before it resizes, as DomainBed does; evaluation resizes the whole image to the image size.
   */
  protocol?: "cached" | "domainbed";
  /** "exif" (default) turns images as the camera noted; "stored", the default of protocol "domainbed", does not, as PIL. */
  orientation?: Orientation;
  /** By channel on the scale from 0 to 1, or false for none. Default ImageNet's: mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225). */
  normalize?: { readonly mean: readonly number[]; readonly std: readonly number[] } | false;
  /** Where batches are made. Default "cpu". */
  device?: string;
  /** How batches lie in memory: "contiguous" (default) or "channels_last". */
  memoryFormat?: "contiguous" | "channels_last";
  /**
   * What training does to images before they are normalised: true (default) is DomainBed's augmentation, false none. With protocol
   * "domainbed" images come cropped already.
   */
  augment?: boolean | Augment | { apply: Augment };
}

export interface ImageSettings {
  readonly imageSize: number;
  readonly cacheSize: number;
  /** null for none. */
  readonly cacheFolder: string | null;
  readonly maxPixels: number;
  readonly skip: boolean;
  readonly cropsOriginals: boolean;
  readonly orientation: Orientation;
  readonly normalize: { readonly mean: readonly number[]; readonly std: readonly number[] } | null;
  readonly device: string;
  readonly channelsLast: boolean;
  readonly augment: Augment | undefined;
  /** Whether that is the default, DomainBed's. */
  readonly augmentsAsDomainbed: boolean;
}

const OPTIONS = [
  "imageSize", "cacheSize", "cacheFolder", "cache", "maxPixels", "badImages", "protocol", "orientation", "normalize", "device", "memoryFormat", "augment",
] as const satisfies (keyof ImageOptions)[];

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/**
 * @param name what was called
 * @param own the options that it takes beside these
 * @throws DgsamError `ERR_ARGUMENT`; `ERR_DEVICE` for a device that cannot be used
 */
export function imageSettings(name: string, options: ImageOptions, own: readonly string[] = []): ImageSettings {
  const {
    imageSize = 224, cacheFolder, cache = true, maxPixels = MAX_PIXELS, badImages = "throw", protocol = "cached", normalize = IMAGENET, device = "cpu",
    memoryFormat = "contiguous", augment = true, cacheSize, orientation = protocol === "domainbed" ? "stored" : "exif",
  } = optionsOf(name, options, [...own, ...OPTIONS]);
  checkInteger(`${name}: imageSize`, imageSize, 1, 65_535);
  if (cacheSize !== undefined) checkInteger(`${name}: cacheSize`, cacheSize, 1, 65_535);
  checkInteger(`${name}: maxPixels`, maxPixels, 1);
  checkBoolean(`${name}: cache`, cache);
  if (cacheFolder !== undefined) checkString(`${name}: cacheFolder`, cacheFolder);
  if (cacheFolder === "") throw argumentError(`${name}: cacheFolder`, "the path of a folder, \".\" for this one", cacheFolder);
  checkString(`${name}: device`, device);
  checkChoice(`${name}: badImages`, badImages, ["throw", "skip"]);
  checkChoice(`${name}: protocol`, protocol, ["cached", "domainbed"]);
  checkChoice(`${name}: orientation`, orientation, ["exif", "stored"]);
  checkChoice(`${name}: memoryFormat`, memoryFormat, ["contiguous", "channels_last"]);
  if (normalize !== false) checkNormalize(name, normalize);
  const cropsOriginals = protocol === "domainbed";
  if (cropsOriginals && cacheSize !== undefined && cacheSize !== imageSize) {
    throw new DgsamError("ERR_ARGUMENT", `${name}: cacheSize: protocol "domainbed" crops from the originals, and evaluates images of imageSize; leave it out`);
  }
  checkDevice(name, device);
  return {
    imageSize, cacheSize: cacheSize ?? imageSize, maxPixels, cropsOriginals, orientation, device,
    cacheFolder: cache ? folderOf(name, cacheFolder) : null,
    skip: badImages === "skip", normalize: normalize === false ? null : normalize, channelsLast: memoryFormat === "channels_last",
    augment: augmentOf(name, augment, imageSize, cropsOriginals), augmentsAsDomainbed: augment === true,
  };
}

function folderOf(name: string, given: string | undefined): string {
  if (given !== undefined) return resolve(given);
  try {
    return defaultCacheFolder();
  } catch (cause) {
    throw new DgsamError("ERR_ARGUMENT", `${name}: cacheFolder: name one, or pass cache: false; HOME is not set, and this user has no home folder`, { cause });
  }
}

function augmentOf(name: string, augment: unknown, imageSize: number, isCropped: boolean): Augment | undefined {
  if (augment === false) return undefined;
  if (augment === true) return domainbedAugmentation({ imageSize, crop: !isCropped }).apply;
  if (typeof augment === "function") return augment as Augment;
  const transform = Object(augment) as { apply?: unknown };
  if (typeof transform.apply === "function") return (images, generator) => (transform as { apply: Augment }).apply(images, generator);
  throw argumentError(`${name}: augment`, "a boolean, a function (images, generator), or a transform with apply(images, generator)", augment);
}

function checkNormalize(name: string, value: unknown): void {
  const { mean, std } = Object(value) as { mean?: unknown; std?: unknown };
  const isTriple = (list: unknown, least: number): boolean =>
    Array.isArray(list) && list.length === 3 && list.every((each) => Number.isFinite(each) && (least === -Infinity || each > least));
  if (!isTriple(mean, -Infinity) || !isTriple(std, 0)) {
    throw argumentError(`${name}: normalize`, "false, or { mean, std } of three numbers each, those of std above 0", value);
  }
}
