/**
 * Boxes of different sizes cut out of the images of one batch, each resized to the same size.
 *
 * Bilinear with antialiasing, as torchvision's `resized_crop` with its defaults: every output row is a weighted sum of the box's rows, with a
 * triangle of weights about its place (LibTorch's `_upsample_bilinear2d_aa`), and so is every column. On the CPU our operator sums the few rows
 * and columns with a weight; on a GPU the weights are matrices and two batched products do it.
 */

import { checkInteger } from "../../../checks.js";
import { argumentError, DgsamError } from "../../../errors.js";
import { arange, ops, scope, tensor, toDevice, type Tensor } from "../../../tensor/index.js";
import { checkImages } from "./transform.js";

/** A part of an image, in pixels. */
export interface CropBox {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** Height and width in pixels. */
export type ImageSize = readonly [height: number, width: number];

export interface ResizedCropOptions {
  /** Which images to mirror left to right besides, one for each. Default none. */
  flips?: readonly boolean[];
  /** The dtype of the result; float32 made of uint8 images is from 0 to 1 and was not rounded. Default: that of the images. */
  dtype?: "uint8" | "float32";
}

/** Throws unless `size` is one side or two, of at least one pixel. */
export function checkSize(name: string, size: unknown): asserts size is number | ImageSize {
  if (typeof size === "number") return checkInteger(name, size, 1, MAXIMUM_SIDE);
  if (!Array.isArray(size) || size.length !== 2) throw argumentError(name, "a number of pixels or [height, width]", size);
  size.forEach((side, i) => checkInteger(`${name}[${i}]`, side, 1, MAXIMUM_SIDE));
}

/** The same for the functions that resize nothing in proportion. */
export function checkImageSize(name: string, size: unknown): asserts size is ImageSize {
  if (typeof size === "number") throw argumentError(name, "[height, width]", size);
  checkSize(name, size);
}

const MAXIMUM_SIDE = 65_535;

/**
 * Cuts a box out of each image and resizes it to `size`, bilinearly with antialiasing. What lies outside the box has no influence.
 * @param images [B, 3, H, W], uint8 or float32.
 * @param boxes one for each image, within it.
 * @param size the height and width of the result.
 * @returns [B, 3, height, width]; uint8 is rounded to nearest.
 * @throws ERR_ARGUMENT for a box that is not within the image, ERR_SHAPE for another number of boxes or flips than of images.
 */
export function resizedCrop(images: Tensor, boxes: readonly CropBox[], size: ImageSize, options: ResizedCropOptions = {}): Tensor {
  checkImages("resizedCrop", images);
  const [count, , height, width] = images.shape as [number, number, number, number];
  const { flips = new Array<boolean>(count).fill(false), dtype = images.dtype } = options;
  checkImageSize("resizedCrop: size", size);
  if (dtype !== "float32" && dtype !== images.dtype) throw argumentError("resizedCrop: dtype", `"float32" or the images' own, ${images.dtype}`, dtype);
  for (const [name, list] of [["boxes", boxes], ["flips", flips]] as const) {
    if (list.length !== count) throw new DgsamError("ERR_SHAPE", `resizedCrop: ${name}: expected ${count}, one for each image, got ${list.length}`);
  }
  boxes.forEach((box, i) => {
    checkInteger(`resizedCrop: boxes[${i}].height`, box.height, 1, height);
    checkInteger(`resizedCrop: boxes[${i}].width`, box.width, 1, width);
    checkInteger(`resizedCrop: boxes[${i}].top`, box.top, 0, height - box.height);
    checkInteger(`resizedCrop: boxes[${i}].left`, box.left, 0, width - box.width);
  });
  const scale = dtype !== images.dtype ? 1 / 255 : 1;
  return scope(() => {
    const resized = images.device === "cpu" ? cropOnCpu(images, boxes, flips, size, scale) : cropByMatrices(images, boxes, flips, size, scale);
    return dtype === "uint8" ? resized.round_().to("uint8") : resized;
  });
}

function cropOnCpu(images: Tensor, boxes: readonly CropBox[], flips: readonly boolean[], [height, width]: ImageSize, scale: number): Tensor {
  return ops.dgsam.resized_crop(images, cornersOf(boxes), flips.map(Number), height, width, scale);
}

/** Boxes as our operators take them. */
export function cornersOf(boxes: readonly CropBox[]): number[] {
  return boxes.flatMap((box) => [box.top, box.left, box.height, box.width]);
}

/** @internal The same on any device. */
export function cropByMatrices(images: Tensor, boxes: readonly CropBox[], flips: readonly boolean[], [height, width]: ImageSize, scale: number): Tensor {
  const [, , rows, columns] = images.shape as [number, number, number, number];
  const { device } = images;
  const vertical = triangles(boxes.map((box) => [box.top, box.height, false]), rows, height, device);
  const horizontal = triangles(boxes.map((box, i) => [box.left, box.width, flips[i]!]), columns, width, device);
  // Rows first, since that makes the smaller product in between; a batch dimension for the channels is broadcast.
  return vertical.mul_(scale).unsqueeze(1).matmul(images.to("float32")).matmul(horizontal.transpose(1, 2).unsqueeze(1));
}

/** Weights [B, outputs, inputs] of intervals (start, length, mirrored), each spread over all outputs. */
function triangles(intervals: readonly (readonly [number, number, boolean])[], inputs: number, outputs: number, device: string): Tensor {
  // On the host in float64, then as float32: [B, 1, 1] each.
  const each = (value: (interval: readonly [number, number, boolean]) => number) =>
    toDevice(tensor(Float32Array.from(intervals, value)).reshape(intervals.length, 1, 1), device);
  const scale = ([, length]: readonly [number, number, boolean]) => length / outputs;
  const places = arange(outputs, { device }).reshape(1, outputs, 1);
  const mirror = each(([, , mirrored]) => (mirrored ? 1 : 0));
  const from = places.add(mirror.mul(places.mul(-2).add_(outputs - 1)));
  const centres = from.add_(0.5).mul(each(scale)).add_(each(([start]) => start));
  const inputPlaces = arange(inputs, { device }).reshape(1, 1, inputs);
  const weights = inputPlaces.add(0.5).sub(centres).mul_(each((interval) => 1 / Math.max(scale(interval), 1))).abs_().neg_().add_(1).clamp_(0);
  const within = inputPlaces.ge(each(([start]) => start)).logicalAnd(inputPlaces.lt(each(([start, length]) => start + length)));
  weights.mul_(within);
  return weights.div_(weights.sum([2], true));
}
