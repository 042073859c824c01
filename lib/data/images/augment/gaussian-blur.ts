/** Source: torchvision 0.28, `GaussianBlur`, `gaussian_blur_image`. */

import { checkNumber, withDefaults } from "../../../checks.js";
import { argumentError, DgsamError } from "../../../errors.js";
import { ops, scope, tensor, toDevice, type Tensor } from "../../../tensor/index.js";
import { between, checkImages, checkRange, draw, makeTransform, type PerImage, perImage, type Range, type Transform } from "./transform.js";

export interface GaussianBlurOptions {
  /** Side of the kernel in pixels, or [width, height] of it: odd numbers. Torchvision, too, names the width first. */
  kernelSize: number | readonly [width: number, height: number];
  /** Standard deviation in pixels, or bounds between which each image's is drawn uniformly; above 0. Default [0.1, 2]. */
  sigma?: number | Range;
}

type KernelSize = readonly [width: number, height: number];

function checkKernelSize(name: string, kernelSize: unknown): KernelSize {
  const sides: unknown = typeof kernelSize === "number" ? [kernelSize, kernelSize] : kernelSize;
  const isSide = (side: unknown) => Number.isSafeInteger(side) && (side as number) > 0 && (side as number) % 2 === 1;
  if (!Array.isArray(sides) || sides.length !== 2 || !sides.every(isSide)) throw argumentError(name, "an odd number of pixels or two of them", kernelSize);
  return sides as unknown as KernelSize;
}

/** exp(-t^2 / (2 sigma^2)) over its sum, t the distance from the middle in pixels. */
function gaussian(size: number, sigma: number): number[] {
  const values = Array.from({ length: size }, (_, i) => Math.exp(-((i - (size - 1) / 2) ** 2) / (2 * sigma ** 2)));
  const sum = values.reduce((total, value) => total + value, 0);
  return values.map((value) => value / sum);
}

/**
 * Blurs with a Gaussian kernel over images that are reflected at their edges.
 * @param images [B, 3, H, W], uint8 (rounded to nearest) or float32, larger than half the kernel.
 * @param kernelSize odd, in pixels; [width, height] for two.
 * @param sigma above 0, in pixels, for all images or one for each.
 */
export function gaussianBlurImages(images: Tensor, kernelSize: number | KernelSize, sigma: PerImage): Tensor {
  const name = "gaussianBlurImages";
  checkImages(name, images);
  const [kernelWidth, kernelHeight] = checkKernelSize(`${name}: kernelSize`, kernelSize);
  const [count, , height, width] = images.shape as [number, number, number, number];
  const sigmas = perImage(`${name}: sigma`, sigma, count, 0);
  const badSigma = [...sigmas, ...(typeof sigma === "number" ? [sigma] : [])].find((value) => value <= 0);
  if (badSigma !== undefined) throw argumentError(`${name}: sigma`, "a number above 0", badSigma);
  const halves = [kernelWidth >> 1, kernelHeight >> 1] as const;
  if (halves[0] >= width || halves[1] >= height) {
    throw new DgsamError("ERR_SHAPE", `${name}: a kernel of [${kernelHeight}, ${kernelWidth}] needs images of at least [${halves[1] + 1}, ${halves[0] + 1}] pixels to ` +
      `reflect, got [${height}, ${width}]`);
  }
  if (count === 0) return images.clone();
  return scope(() => {
    // The images side by side as channels of one, each channel with its kernel; one direction after the other.
    const kernel = (size: number, shape: readonly number[]) =>
      toDevice(tensor(Float32Array.from(sigmas.flatMap((each) => [0, 1, 2].flatMap(() => gaussian(size, each))))).reshape([3 * count, 1, ...shape]), images.device);
    const planes = images.to("float32").reshape(1, 3 * count, height, width);
    const padded = ops.aten.reflection_pad2d(planes, [halves[0], halves[0], halves[1], halves[1]]);
    const along = (x: Tensor, weight: Tensor) => ops.aten["conv2d.default"](x, weight, null, [1, 1], [0, 0], [1, 1], 3 * count);
    const blurred = along(along(padded, kernel(kernelWidth, [1, kernelWidth])), kernel(kernelHeight, [kernelHeight, 1])).reshape(images.shape);
    return images.dtype === "uint8" ? blurred.round_().to("uint8") : blurred;
  });
}

/** Blurs each image with a Gaussian kernel of its own random width. One draw an image. */
export function gaussianBlur(options: GaussianBlurOptions): Transform {
  const { kernelSize, sigma } = withDefaults<{ kernelSize: number | KernelSize | undefined; sigma: number | Range }>(
    "gaussianBlur", options, { kernelSize: undefined, sigma: [0.1, 2] });
  const size = checkKernelSize("gaussianBlur: kernelSize", kernelSize);
  if (typeof sigma === "number") checkNumber("gaussianBlur: sigma", sigma, 0, Infinity, false);
  else checkRange("gaussianBlur: sigma", sigma, 0);
  const range: Range = typeof sigma === "number" ? [sigma, sigma] : sigma;
  if (range[0] <= 0) throw argumentError("gaussianBlur: sigma", "numbers above 0", range[0]);
  return makeTransform("gaussianBlur", (images, generator) =>
    gaussianBlurImages(images, size, draw(generator, images.shape[0]!, 1).map(([uniform]) => between(range, uniform!))));
}
