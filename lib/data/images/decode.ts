/**
 * From the bytes of an image file to RGB pixels, by sharp (libvips) in libuv's threads, as PIL's `convert("RGB")` and torchvision's
 * `Resize` on PIL images give them:
 *
 * * Pixels of JPEG, PNG, WebP, TIFF and GIF (its first frame), of greyscale and palette images equal PIL's bit for bit. Alpha is dropped, not
 *   blended with a background; colour profiles are not applied; CMYK is (255 - C) (255 - K) / 255 and so on.
 * * 16 bits become 8 by dropping the lower 8. PIL does so for colours, but clips greyscale at 255, which leaves white images.
 * * Where a GIF's pixel is transparent, its colour is black; PIL gives whatever the palette has at that place.
 */

import { checkChoice, checkInteger, optionsOf } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { imageFormat } from "./image-format.js";
import { Slots } from "./slots.js";

/**
 * PIL's limit (`Image.MAX_IMAGE_PIXELS`, from which on it warns of decompression bombs): 256 MiB of RGB. Images of data sets have a
 * thousandth of that; a small file that claims more is damaged or hostile.
 */
export const MAX_PIXELS = 89_478_485;

/** A part of an image in pixels, from its upper left corner. */
export interface Crop {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Whether the orientation that a camera noted in EXIF is applied, or pixels stay as they are stored: PIL and so DomainBed do the latter. */
export type Orientation = "exif" | "stored";

export interface HeaderOptions {
  /** Default "exif". */
  orientation?: Orientation;
  /** Images whose header claims more pixels are refused before any is decoded. Default 89,478,485, as PIL. */
  maxPixels?: number;
  /** What messages call the image. Default "image". */
  path?: string;
  signal?: AbortSignal;
}

export interface DecodeOptions extends HeaderOptions {
  /** Width and height of the result in pixels. Default: the image's own. */
  size?: number;
  width?: number;
  height?: number;
  /** Cuts this part out before it is resized. Default: all. */
  crop?: Crop;
}

/** RGB pixels. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  /** [height, width, 3]. */
  readonly data: Uint8Array;
}

/** What the header of an image says; the size is that after its orientation was applied, where it is to be. */
export interface ImageHeader {
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly hasAlpha: boolean;
  readonly isCmyk: boolean;
  /** Whether its pixels are 8-bit RGB as they are stored. */
  readonly isRgb: boolean;
  /** Whether its orientation is to be applied and turns or mirrors it. */
  readonly isTurned: boolean;
}

/** An image that claims more pixels than it may. */
export class TooManyPixels extends DgsamError {}

const HEADER_OPTIONS = ["orientation", "maxPixels", "path", "signal"] as const;
const OPTIONS = [...HEADER_OPTIONS, "size", "width", "height", "crop"] as const;

// Twice libuv's default number of threads: while one image's pixels are copied the next is decoded.
const decoders = new Slots(8);

// Warnings of libjpeg (stray bytes, mostly) are no errors: PIL takes such files, and data sets have them. "truncated" would take a TIFF of JPEG
// strips whose tail is missing, and decode other pixels.
const FAIL_ON = "error";
// What is checked as a whole is faster by half; what is checked in passing takes no memory to speak of.
const WHOLE_PIXELS = 1 << 22;

type Sharp = typeof import("sharp").default;
let loading: Promise<Sharp> | undefined;

/** When the first image comes: programs without images need no libvips. */
function loadSharp(): Promise<Sharp> {
  loading ??= import("sharp").then(({ default: sharp }) => {
    // Images are decoded beside each other, each by one thread: the cores are LibTorch's too. No image is decoded twice soon, so
    // libvips need not remember operations and files.
    sharp.concurrency(1);
    sharp.cache(false);
    return sharp;
  }, (cause: unknown) => {
    loading = undefined;
    throw new DgsamError("ERR_PLATFORM", `images cannot be decoded, sharp does not load: ${firstLine(cause)}; npm install sharp`, { cause });
  });
  return loading;
}

/**
 * Reads the header alone.
 * @throws DgsamError `ERR_DATA` for what is no image, or claims more than `maxPixels`; `ERR_ARGUMENT`
 */
export async function readImageHeader(bytes: Uint8Array, options: HeaderOptions = {}): Promise<ImageHeader> {
  return await header("readImageHeader", bytes, optionsOf("readImageHeader", options, HEADER_OPTIONS));
}

async function header(name: string, bytes: Uint8Array, options: HeaderOptions): Promise<ImageHeader> {
  const { orientation = "exif", maxPixels = MAX_PIXELS, path = "image" } = options;
  checkChoice(`${name}: orientation`, orientation, ["exif", "stored"]);
  checkInteger(`${name}: maxPixels`, maxPixels, 1);
  if (!(bytes instanceof Uint8Array)) throw argumentError(`${name}(bytes)`, "a Uint8Array", bytes);
  const format = imageFormat(bytes);
  if (format === undefined) {
    throw new DgsamError("ERR_DATA", `${path}: ${bytes.length === 0 ? "is empty" : "is no JPEG, PNG, WebP, TIFF or GIF"}`);
  }
  const sharp = await loadSharp();
  // The limit is checked here, with the numbers in the message.
  const found = await decoding(path, () => sharp(bytes, { failOn: FAIL_ON, limitInputPixels: false }).metadata());
  if (found.width * found.height > maxPixels) {
    throw new TooManyPixels("ERR_DATA", `${path}: claims ${found.width} x ${found.height} pixels, more than maxPixels, ${maxPixels}; it was not decoded`);
  }
  const { width, height } = orientation === "exif" ? found.autoOrient : found;
  return {
    format, width, height, hasAlpha: found.hasAlpha, isCmyk: found.space === "cmyk", isRgb: found.space === "srgb",
    isTurned: orientation === "exif" && (found.orientation ?? 1) > 1,
  };
}

/**
 * Decodes an image to RGB and resizes it, whatever its shape, to exactly the size that is asked for, by a bilinear filter that is as
 * wide as the pixels of the result (antialiased), as PIL's `resize(size, BILINEAR)`. The resamplers round differently, and libvips
 * first averages whole blocks where it shrinks more than twofold: for photographs the mean absolute difference to PIL is
 * below 0.5 of 255 when shrinking up to threefold, below 2 beyond. Nothing differs where nothing is resized.
 *
 * @throws DgsamError `ERR_DATA`, with the path, for what is no image, is damaged or cut short, or claims more than `maxPixels`;
 *   `ERR_ARGUMENT`; `ERR_PLATFORM` where sharp does not load; the signal's reason
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<DecodedImage> {
  const { size, width = size, height = size, crop, ...reading } = optionsOf("decodeImage", options, OPTIONS);
  for (const [name, value] of Object.entries({ size, width, height })) if (value !== undefined) checkInteger(`decodeImage: ${name}`, value, 1, 65_535);
  return await decoders.run(async () => {
    const found = await header("decodeImage", bytes, reading);
    if (crop !== undefined) checkCrop(crop, found);
    return await decode(bytes, found, { width, height, crop }, reading);
  }, reading.signal);
}

/**
 * Decodes an image to its last line and drops the pixels.
 * @throws DgsamError as {@link decodeImage}; a {@link TooManyPixels} for what claims more than `maxPixels`
 */
export async function checkDecoding(bytes: Uint8Array, options: Pick<HeaderOptions, "maxPixels" | "path">): Promise<void> {
  await decoders.run(async () => {
    // Turning an image takes all of it, and changes nothing of what can be decoded.
    const found = await header("checkDecoding", bytes, { ...options, orientation: "stored" });
    const side = found.width * found.height > WHOLE_PIXELS ? 8 : undefined;
    await decode(bytes, found, { width: side, height: side, crop: undefined }, options);
  }, undefined);
}

function checkCrop({ left, top, width, height }: Crop, image: ImageHeader): void {
  checkInteger("decodeImage: crop.width", width, 1, image.width);
  checkInteger("decodeImage: crop.height", height, 1, image.height);
  checkInteger("decodeImage: crop.left", left, 0, image.width - width);
  checkInteger("decodeImage: crop.top", top, 0, image.height - height);
}

interface Shaping {
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly crop: Crop | undefined;
}

async function decode(bytes: Uint8Array, found: ImageHeader, shaping: Shaping, { maxPixels = MAX_PIXELS, path = "image" }: HeaderOptions): Promise<DecodedImage> {
  const sharp = await loadSharp();
  return await decoding(path, async () => {
    const opened = sharp(bytes, { failOn: FAIL_ON, ignoreIcc: true, autoOrient: found.isTurned, limitInputPixels: maxPixels });
    // Of a part libvips would read no row below it, and an image that is cut short would be a bad one or not as the box falls.
    if (!found.hasAlpha && !found.isCmyk && shaping.crop === undefined) return await pixels(shaped(toRgb(opened, found), found, shaping));
    // And it resizes colours weighted by alpha, and CMYK as four inks; PIL turns both into RGB first.
    const whole = found.isCmyk
      ? rgbOfCmyk(await pixels(opened.pipelineColourspace("cmyk").toColourspace("cmyk")))
      : await pixels(toRgb(found.hasAlpha ? opened.removeAlpha() : opened, found));
    const raw = { width: whole.width, height: whole.height, channels: 3 as const };
    return await pixels(shaped(sharp(whole.data, { raw, limitInputPixels: maxPixels }), found, shaping));
  });
}

/** What needs no change is not asked for: libvips takes its time for that, too. */
function toRgb(image: import("sharp").Sharp, { isRgb }: ImageHeader): import("sharp").Sharp {
  return isRgb ? image : image.toColourspace("srgb");
}

function shaped(image: import("sharp").Sharp, found: ImageHeader, { width, height, crop }: Shaping): import("sharp").Sharp {
  const part = crop === undefined ? image : image.extract({ ...crop });
  const [ownWidth, ownHeight] = [crop?.width ?? found.width, crop?.height ?? found.height];
  const [toWidth, toHeight] = [width ?? ownWidth, height ?? ownHeight];
  if (toWidth === ownWidth && toHeight === ownHeight) return part;
  return part.resize({ width: toWidth, height: toHeight, fit: "fill", kernel: "linear", fastShrinkOnLoad: false });
}

async function pixels(image: import("sharp").Sharp): Promise<DecodedImage> {
  const { data, info: { width, height } } = await image.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
  return { width, height, data };
}

/** PIL's rule, with its rounded division by 255. */
function rgbOfCmyk({ width, height, data }: DecodedImage): DecodedImage {
  const rgb = new Uint8Array(3 * width * height);
  for (let at = 0, ink = 0; at < rgb.length; at += 3, ink += 4) {
    const light = 255 - data[ink + 3]!;
    for (let c = 0; c < 3; c++) {
      const product = data[ink + c]! * light + 128;
      rgb[at + c] = light - (((product >> 8) + product) >> 8);
    }
  }
  return { width, height, data: rgb };
}

async function decoding<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof DgsamError) throw cause;
    throw new DgsamError("ERR_DATA", `${path}: cannot be decoded: ${reasonOf(cause)}`, { cause });
  }
}

/** libvips keeps its messages in one place for all threads: when several images fail at once, one gets them all and the others get none. */
function reasonOf(cause: unknown): string {
  const reason = firstLine(cause).trim();
  return reason === "" || reason === "Unknown error" ? "the file is damaged or cut short, or of a kind that libvips does not read" : reason;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0]!;
}
