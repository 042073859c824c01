/** In what size images are best kept that augmentation is to crop from, where the originals are not decoded for every batch. */

import { DgsamError } from "../../errors.js";
import { domainbedCropScale } from "./augment/domainbed.js";
import { readHeader, type HeaderOptions, type ImageHeader } from "./decode.js";
import type { EncodedImage, ImageCollection } from "./encoded-image.js";
import { readers } from "./slots.js";

// So large that the smallest box that augmentation cuts out still has as many pixels as the network takes: enlarged, it would have less detail
// than the images that are evaluated.
const LEAST = 1 / Math.sqrt(domainbedCropScale[0]);
/** Resized twice, crops have seven eighths of the detail then; more costs disk and brings little. */
const USUAL = 2;
/** Of originals that are kept as they are: larger ones make cropping slow. */
const MOST = 3;
/** Of all images together, so that they stay in the memory of most machines. `LEAST` may come to more. */
const MOST_BYTES = 2 ** 32;
/** What sizes that follow from the number of images are multiples of: with every image that is added another size would be another cache. */
const GRID = 32;
/** Images of a domain whose headers are looked at. */
const SAMPLES = 16;

/**
 * The `cacheSize` for crops of `imageSize`: that of the originals where all that are looked at (16 of a domain) are squares of one size, at most
 * three times `imageSize`, so that they are resized once as with protocol "domainbed"; else twice `imageSize`. Less, but not below 1.2 times, where all images would take more
 * than 4 GiB.
 *
 * @throws DgsamError `ERR_ARGUMENT`; the signal's reason
 */
export async function cropCacheSize({ domains }: ImageCollection, imageSize: number, reading: Pick<HeaderOptions, "orientation" | "maxPixels" | "signal">): Promise<number> {
  const images = domains.reduce((sum, { records }) => sum + records.length, 0);
  const most = Math.max(LEAST * imageSize, GRID * Math.floor(Math.sqrt(MOST_BYTES / (3 * images)) / GRID));
  const headers = await Promise.all(domains.flatMap(({ records }) => spread(records).map(({ image }) => headerOf(image, reading))));
  const sizes = new Set(headers.flatMap((header) => (header === null ? [] : [header.width, header.height])));
  const [side] = sizes;
  if (sizes.size === 1 && side! <= Math.min(most, MOST * imageSize)) return side!;
  return Math.ceil(Math.min(most, USUAL * imageSize));
}

/** Some of a list, evenly. */
function spread<T>(list: readonly T[]): T[] {
  const count = Math.min(SAMPLES, list.length);
  return Array.from({ length: count }, (_, i) => list[Math.floor((i * list.length) / count)]!);
}

/** null for a bad image, which is for others to tell of. */
async function headerOf(image: EncodedImage, reading: HeaderOptions): Promise<ImageHeader | null> {
  try {
    const bytes = await readers.run(() => image.read(), reading.signal);
    return await readHeader("cropCacheSize", bytes, { ...reading, path: image.path });
  } catch (cause) {
    if (cause instanceof DgsamError && cause.code === "ERR_DATA") return null;
    throw cause;
  }
}
