/**
 * From the bytes of an image file to RGB pixels, by sharp (libvips) in libuv's threads, as PIL's `convert("RGB")` gives them:
 *
 * * Pixels of JPEG, PNG, WebP, TIFF and GIF (its first frame), of greyscale and palette images equal PIL's bit for bit. Alpha is dropped, not
 *   blended with a background; colour profiles are not applied; CMYK is (255 - C) (255 - K) / 255 and so on.
 * * 16 bits become 8 by dropping the lower 8. PIL does so for colours, but clips greyscale at 255, which leaves white images.
 * * Where a GIF's pixel is transparent, its colour is black; PIL gives whatever the palette has at that place.
 */

import { checkChoice, checkInteger } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { imageFormat, type ImageFormat } from "./image-format.js";
import { strayMarker } from "./jpeg-damage.js";
import { plainJpegHeader } from "./jpeg-header.js";
import { libvipsText } from "./libvips-text.js";
import { Slots } from "./slots.js";
import { COMPRESSION, PHOTOMETRIC, tiffTag } from "./tiff-tags.js";

/**
 * PIL's limit (`Image.MAX_IMAGE_PIXELS`, from which on it warns of decompression bombs): 256 MiB of RGB. Images of data sets have a
 * thousandth of that; a small file that claims more is damaged or hostile.
 */
export const MAX_PIXELS = 89_478_485;

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

/** RGB pixels. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  /** [height, width, 3]. */
  readonly data: Uint8Array;
}

/** What the header of an image says; the size is that after its orientation was applied, where it is to be. */
export interface ImageHeader {
  readonly format: ImageFormat;
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

// What is decoded at once: so many images, or million pixels, each 3 MB. All that a step or two need are to be on their way, since a native step
// lets none begin that was not handed to libuv before.
const decoders = new Slots(64);
const PIXELS_OF_SLOT = 1e6;

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
 * Reads the header alone. `name` is whose options they are.
 * @throws DgsamError `ERR_DATA` for what is no image, or claims more than `maxPixels`; `ERR_ARGUMENT`
 */
export async function readHeader(name: string, bytes: Uint8Array, options: HeaderOptions): Promise<ImageHeader> {
  const { orientation = "exif", maxPixels = MAX_PIXELS, path = "image" } = options;
  checkChoice(`${name}: orientation`, orientation, ["exif", "stored"]);
  checkInteger(`${name}: maxPixels`, maxPixels, 1);
  if (!(bytes instanceof Uint8Array)) throw argumentError(`${name}(bytes)`, "a Uint8Array", bytes);
  const format = imageFormat(bytes);
  if (format === undefined) {
    throw new DgsamError("ERR_DATA", `${path}: ${bytes.length === 0 ? "is empty" : "is no JPEG, PNG, WebP, TIFF or GIF"}`);
  }
  if (format === "tiff") refuseYcbcr(bytes, path);
  const plain = format === "jpeg" ? plainJpegHeader(bytes) : undefined;
  const found = plain === undefined || (plain.hasExif && orientation === "exif") ? await libvipsHeader(bytes, format, orientation, path)
    : { format, width: plain.width, height: plain.height, hasAlpha: false, isCmyk: false, isRgb: true, isTurned: false };
  // The limit is checked here, with the numbers in the message; libvips checks it by its own header, too, before it decodes.
  if (found.width * found.height > maxPixels) {
    throw new TooManyPixels("ERR_DATA", `${path}: claims ${found.width} x ${found.height} pixels, more than maxPixels, ${maxPixels}; it was not decoded`);
  }
  return found;
}

const [YCBCR, JPEG] = [6, 7] as const;

/** libvips takes the three channels for RGB, unless they are in JPEGs, which are converted where they are decoded. */
function refuseYcbcr(bytes: Uint8Array, path: string): void {
  if (tiffTag(bytes, PHOTOMETRIC) !== YCBCR || tiffTag(bytes, COMPRESSION) === JPEG) return;
  throw new DgsamError("ERR_DATA", `${path}: cannot be decoded: it is a TIFF of YCbCr without JPEG compression, whose colours libvips does not convert; store it as RGB`);
}

async function libvipsHeader(bytes: Uint8Array, format: ImageFormat, orientation: Orientation, path: string): Promise<ImageHeader> {
  const sharp = await loadSharp();
  const found = await decoding(path, format, () => sharp(bytes, { failOn: FAIL_ON, limitInputPixels: false }).metadata());
  const isTurned = orientation === "exif" && (found.orientation ?? 1) > 1;
  const { width, height } = orientation === "exif" ? found.autoOrient : found;
  return { format, width, height, hasAlpha: found.hasAlpha, isCmyk: found.space === "cmyk", isRgb: found.space === "srgb", isTurned };
}

/**
 * Decodes an image of this header whole and gives it to `use`, which holds up others until it is done.
 * @throws DgsamError `ERR_DATA`, with the path, for what is damaged or cut short; `ERR_PLATFORM` where sharp does not load; the signal's reason; what
 *   `use` throws
 */
export async function withDecoded<T>(bytes: Uint8Array, found: ImageHeader, options: HeaderOptions, use: (image: DecodedImage) => Promise<T>): Promise<T> {
  const { signal, path = "image" } = options;
  return await decoders.run(async () => {
    const image = await decode(bytes, found, options);
    signal?.throwIfAborted();
    if (image.width !== found.width || image.height !== found.height || image.data.length !== 3 * image.width * image.height) {
      throw new DgsamError("ERR_DATA", `${path}: cannot be decoded: its header says ${found.width} x ${found.height}, and ${image.width} x ${image.height} came out`);
    }
    return await use(image);
  }, signal, slotsOf(found));
}

function slotsOf({ width, height }: ImageHeader): number {
  return Math.ceil((width * height) / PIXELS_OF_SLOT);
}

/**
 * Decodes an image to its last line and drops the pixels.
 * @throws DgsamError as {@link withDecoded}; a {@link TooManyPixels} for what claims more than `maxPixels`
 */
export async function checkDecoding(bytes: Uint8Array, options: Pick<HeaderOptions, "maxPixels" | "path">): Promise<void> {
  // Turning an image takes all of it, and changes nothing of what can be decoded.
  const found = await readHeader("checkDecoding", bytes, { ...options, orientation: "stored" });
  await decoders.run(() => decode(bytes, found, options, found.width * found.height > WHOLE_PIXELS), undefined, slotsOf(found));
}

async function decode(
  bytes: Uint8Array, found: ImageHeader, { maxPixels = MAX_PIXELS, path = "image" }: HeaderOptions, inPassing = false,
): Promise<DecodedImage> {
  if (found.format === "jpeg") refuseStrayMarker(bytes, path);
  const sharp = await loadSharp();
  return await decoding(path, found.format, async () => {
    const opened = sharp(bytes, { failOn: FAIL_ON, ignoreIcc: true, autoOrient: found.isTurned, limitInputPixels: maxPixels });
    if (found.isCmyk) return rgbOfCmyk(await pixels(opened.pipelineColourspace("cmyk").toColourspace("cmyk")));
    const visible = found.hasAlpha ? opened.removeAlpha() : opened;
    // What needs no change is not asked for: libvips takes its time for that, too.
    const rgb = found.isRgb ? visible : visible.toColourspace("srgb");
    return await pixels(inPassing ? rgb.resize({ width: 8, height: 8, fit: "fill", kernel: "linear", fastShrinkOnLoad: false }) : rgb);
  });
}

async function pixels(image: import("sharp").Sharp): Promise<DecodedImage> {
  const { data, info: { width, height } } = await image.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
  return { width, height, data };
}

function refuseStrayMarker(bytes: Uint8Array, path: string): void {
  const stray = strayMarker(bytes);
  if (stray === undefined) return;
  const code = stray.code.toString(16).toUpperCase().padStart(2, "0");
  throw new DgsamError("ERR_DATA", `${path}: cannot be decoded: it is damaged at byte ${stray.at}, where a marker FF ${code} breaks off the pixels`);
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

async function decoding<T>(path: string, format: ImageFormat, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof DgsamError) throw cause;
    throw new DgsamError("ERR_DATA", `${path}: cannot be decoded: ${libvipsText(format, cause)}`, { cause });
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0]!;
}
