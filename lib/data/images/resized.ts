/**
 * Decoded images of the size that is asked for: cut out and resized as Pillow's `crop` and `resize(size, BILINEAR)`, which torchvision's `Resize`
 * and `RandomResizedCrop` are on Pillow's images. The same bytes.
 */

import { checkInteger, optionsOf } from "../../checks.js";
import { fromBytes, ops, scope, type Tensor } from "../../tensor/index.js";
import { discard, inBackground } from "../../tensor/internal.js";
import { readHeader, withDecoded, type DecodedImage, type HeaderOptions, type ImageHeader } from "./decode.js";

/** A part of an image in pixels, from its upper left corner. */
export interface Crop {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface DecodeOptions extends HeaderOptions {
  /** Width and height of the result in pixels. Default: the image's own. */
  size?: number;
  width?: number;
  height?: number;
  /** Cuts this part out before it is resized. Default: all. */
  crop?: Crop;
}

const OPTIONS = ["orientation", "maxPixels", "path", "signal", "size", "width", "height", "crop"] as const;

/**
 * Decodes an image to RGB and resizes it, whatever its shape, to exactly the size that is asked for, by a bilinear filter that is as
 * wide as the pixels of the result (antialiased): Pillow's `resize(size, BILINEAR)`, bit for bit.
 *
 * @throws DgsamError `ERR_DATA`, with the path, for what is no image, is damaged or cut short, or claims more than `maxPixels`;
 *   `ERR_ARGUMENT`; `ERR_PLATFORM` where sharp does not load; the signal's reason
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<DecodedImage> {
  const { size, width = size, height = size, crop, ...reading } = optionsOf("decodeImage", options, OPTIONS);
  for (const [name, value] of Object.entries({ size, width, height })) if (value !== undefined) checkInteger(`decodeImage: ${name}`, value, 1, 65_535);
  reading.signal?.throwIfAborted();
  const found = await readHeader("decodeImage", bytes, reading);
  if (crop !== undefined) checkCrop(crop, found);
  const [toWidth, toHeight] = [width ?? crop?.width ?? found.width, height ?? crop?.height ?? found.height];
  if (crop === undefined && toWidth === found.width && toHeight === found.height) return await withDecoded(bytes, found, reading, async (image) => image);
  const planes = await decodePlanes(bytes, found, { ...reading, width: toWidth, height: toHeight, ...(crop === undefined ? {} : { crop }) });
  try {
    return { width: toWidth, height: toHeight, data: scope(() => ops.aten["permute.default"](planes, [1, 2, 0]).toBytes()) };
  } finally {
    planes.dispose();
  }
}

/**
 * The same, of an image whose header was read, as a tensor, [3, height, width] of uint8.
 * @throws as {@link decodeImage}
 */
export async function decodePlanes(
  bytes: Uint8Array, found: ImageHeader, { crop, width, height, ...reading }: HeaderOptions & { width: number; height: number; crop?: Crop },
): Promise<Tensor> {
  const box = crop === undefined ? [0, 0, found.height, found.width] : [crop.top, crop.left, crop.height, crop.width];
  return await withDecoded(bytes, found, reading, async (image) => {
    const pixels = pixelsOf(image);
    try {
      return await inBackground(ops.dgsam.resize_pixels, [pixels, box, height, width]);
    } finally {
      pixels.dispose();
    }
  });
}

/**
 * An image resized whole to squares of some sizes, decoded once: [3, size, size] of uint8 each.
 * @throws as {@link decodeImage}
 */
export async function decodeSquares(bytes: Uint8Array, found: ImageHeader, reading: HeaderOptions, sizes: readonly number[]): Promise<Tensor[]> {
  return await withDecoded(bytes, found, reading, async (image) => {
    const pixels = pixelsOf(image);
    const squares: Tensor[] = [];
    try {
      for (const size of sizes) squares.push(await inBackground(ops.dgsam.resize_pixels, [pixels, [0, 0, found.height, found.width], size, size]));
      return squares;
    } catch (cause) {
      for (const each of squares) each.dispose();
      throw cause;
    } finally {
      pixels.dispose();
    }
  });
}

/** A copy, [height, width, 3] of uint8; the image's own memory is given up. */
function pixelsOf({ width, height, data }: DecodedImage): Tensor {
  const pixels = fromBytes(data, { shape: [height, width, 3] });
  discard(data);
  return pixels;
}

function checkCrop({ left, top, width, height }: Crop, image: ImageHeader): void {
  checkInteger("decodeImage: crop.width", width, 1, image.width);
  checkInteger("decodeImage: crop.height", height, 1, image.height);
  checkInteger("decodeImage: crop.left", left, 0, image.width - width);
  checkInteger("decodeImage: crop.top", top, 0, image.height - height);
}
