/** What all augmentations have in common: batches of images in, batches of images out, chance from one generator. */

import { argumentError, DgsamError } from "../../../errors.js";
import { checkNumber } from "../../../checks.js";
import { Generator, rand, scope, tensor, toDevice, Tensor } from "../../../tensor/index.js";

/** A step of augmentation, or of preparation, over a whole batch. */
export interface Transform {
  /**
   * @param x [B, 3, H, W] on any device, not changed: uint8 from 0 to 255 or float32 from 0 to 1.
   * @param generator where chance comes from, and all of it: on the CPU, also for images on a GPU. Draws are made for each image by itself.
   * @returns a new tensor on the same device.
   * @throws DgsamError `ERR_ARGUMENT`, `ERR_SHAPE`, `ERR_DTYPE` for anything else than images; the text names the transform.
   */
  apply(x: Tensor, generator: Generator): Tensor;
}

/** One number for all images of a batch, or one for each. */
export type PerImage = number | readonly number[];

/** Throws unless `images` is [B, 3, H, W] of uint8 or float32 with at least one pixel. An empty batch is one. */
export function checkImages(name: string, images: unknown): asserts images is Tensor {
  if (!(images instanceof Tensor)) throw argumentError(`${name}: images`, "a Tensor of images, [B, 3, H, W]", images);
  const { shape, dtype } = images;
  if (shape.length !== 4 || shape[1] !== 3) {
    throw new DgsamError("ERR_SHAPE", `${name}: expected RGB images of shape [B, 3, H, W], got [${shape.join(", ")}]` +
      (shape.length === 3 ? "; x.unsqueeze(0) makes a batch of one image" : shape[3] === 3 ? "; x.permute(0, 3, 1, 2) brings the channels to the front" : ""));
  }
  if (shape[2] === 0 || shape[3] === 0) throw new DgsamError("ERR_SHAPE", `${name}: expected images of at least one pixel, got shape [${shape.join(", ")}]`);
  if (dtype !== "uint8" && dtype !== "float32") {
    throw new DgsamError("ERR_DTYPE", `${name}: expected uint8 images (0 to 255) or float32 ones (0 to 1), got ${dtype}`);
  }
}

/** A transform of a checked batch; what `body` makes on the way is freed. */
export function makeTransform(name: string, body: (images: Tensor, generator: Generator) => Tensor): Transform {
  return {
    apply(x, generator) {
      checkImages(name, x);
      if (!(generator instanceof Generator)) throw argumentError(`${name}: generator`, "a Generator", generator);
      return scope(() => body(x, generator));
    },
  };
}

/** `perImage` uniform draws in [0, 1) for each of `count` images, an image's draws behind one another. */
export function draw(generator: Generator, count: number, perImage: number): number[][] {
  return scope(() => rand([count, perImage], { generator }).toArray() as number[][]);
}

/** A uniform draw in [0, 1) as one between two bounds. */
export function between([low, high]: Range, uniform: number): number {
  return low + (high - low) * uniform;
}

/** From the first to the second number. */
export type Range = readonly [low: number, high: number];

/** Throws unless `range` is two numbers in order, from `low` to `high`. */
export function checkRange(name: string, range: unknown, low: number, high = Infinity): asserts range is Range {
  if (!Array.isArray(range) || range.length !== 2) throw argumentError(name, "two numbers [low, high]", range);
  range.forEach((bound, i) => checkNumber(`${name}[${i}]`, bound, low, high, high !== Infinity));
  if (range[0] > range[1]) throw new DgsamError("ERR_ARGUMENT", `${name}: expected [low, high] with low at most high, got [${range.join(", ")}]`);
}

/** The value of each image; throws unless there is one for each, from `low` to `high`. */
export function perImage(name: string, values: PerImage, count: number, low: number, high = Infinity): number[] {
  const all: readonly unknown[] = Array.isArray(values) ? values : new Array<unknown>(count).fill(values);
  if (typeof values !== "number" && !Array.isArray(values)) throw argumentError(name, "a number or an array of one for each image", values);
  if (all.length !== count) throw new DgsamError("ERR_SHAPE", `${name}: expected a number, or ${count} of them, one for each image, got ${all.length}`);
  // Also a single number of an empty batch.
  if (typeof values === "number") checkNumber(name, values, low, high, high !== Infinity);
  else all.forEach((value, i) => checkNumber(`${name}[${i}]`, value, low, high, high !== Infinity));
  return all as number[];
}

/** One float32 number an image, to compute with: [B, 1, 1, 1] beside the images. */
export function column(values: readonly number[], images: Tensor): Tensor {
  return toDevice(tensor(Float32Array.from(values)).reshape(values.length, 1, 1, 1), images.device);
}

/** Positions as an index tensor beside the images. */
export function indices(positions: readonly number[], images: Tensor): Tensor {
  return toDevice(tensor(BigInt64Array.from(positions, BigInt)), images.device);
}

/** The largest value of images of this dtype. */
export function boundOf(images: Tensor): number {
  return images.dtype === "uint8" ? 255 : 1;
}

/** Runs `change` over the images at `positions` and leaves the others as they are. */
export function changeSome(images: Tensor, positions: readonly number[], change: (images: Tensor) => Tensor): Tensor {
  return positions.length === images.shape[0] ? change(images) : changeOwn(images.clone(), positions, change);
}

/** The same for images that may be overwritten: returns those, or new ones in their place. */
export function changeOwn(images: Tensor, positions: readonly number[], change: (images: Tensor) => Tensor): Tensor {
  if (positions.length === 0) return images;
  return scope(() => {
    if (positions.length === images.shape[0]) return change(images);
    const index = indices(positions, images);
    return images.indexCopy_(0, index, change(images.indexSelect(0, index)));
  });
}

/** The positions of those that hold. */
export function positionsOf<T>(values: readonly T[], holds: (value: T) => boolean): number[] {
  return values.flatMap((value, i) => (holds(value) ? [i] : []));
}

/** Rounds halves to even, as Python's `round()`. */
export function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
