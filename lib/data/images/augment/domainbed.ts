/** DomainBed's augmentation. Source: domainbed/datasets.py, `augment_transform`. */

import { checkBoolean, checkInteger, withDefaults } from "../../../checks.js";
import type { Generator, Tensor } from "../../../tensor/index.js";
import { asLists, GREY, jitter, JITTER_DRAWS, jitterRanges, type JitterStep, jitterSteps } from "./color-jitter.js";
import { cornersOf, type CropBox, type ImageSize, resizedCrop } from "./crop.js";
import { drawCropBoxes } from "./random-resized-crop.js";
import { draw, makeTransform, type Range, type Transform } from "./transform.js";

export interface DomainbedAugmentationOptions {
  /** Side of the result in pixels. Default 224. */
  imageSize?: number;
  /** false for images that were cropped from their originals already: they are resized whole. Default true. */
  crop?: boolean;
}

/** Bounds of the area that DomainBed's random crop keeps. */
export const domainbedCropScale: Range = [0.7, 1];

const RANGES = jitterRanges("domainbedAugmentation", { brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.3 });
const FLIP_PROBABILITY = 0.5;
const GREY_PROBABILITY = 0.1;

/**
 * DomainBed's training augmentation without its normalisation: random resized crop with scale (0.7, 1), horizontal flip 0.5, colour jitter
 * (0.3, 0.3, 0.3, 0.3), random grayscale 0.1.
 *
 * The result is float32 from 0 to 1, of uint8 images too: DomainBed rounds to uint8 after each step, since its images are Pillow's; here nothing is
 * rounded in between. On the CPU two operators do it all.
 */
export function domainbedAugmentation(options: DomainbedAugmentationOptions = {}): Transform {
  const { imageSize, crop } = withDefaults("domainbedAugmentation", options, { imageSize: 224, crop: true });
  checkBoolean("domainbedAugmentation: crop", crop);
  checkInteger("domainbedAugmentation: imageSize", imageSize, 1);
  const size: ImageSize = [imageSize, imageSize];
  return makeTransform("domainbedAugmentation", (images, generator) => {
    const [count, , height, width] = images.shape as [number, number, number, number];
    const { boxes, flips, steps } = drawChanges(count, [height, width], crop, generator);
    return jitter(resizedCrop(images, boxes, size, { flips, dtype: "float32" }), steps);
  });
}

interface Changes {
  readonly boxes: readonly CropBox[];
  readonly flips: readonly boolean[];
  readonly steps: readonly (readonly JitterStep[])[];
}

/** What happens to each of `count` images of one size. */
function drawChanges(count: number, [height, width]: ImageSize, crop: boolean, generator: Generator): Changes {
  const sizes = new Array<ImageSize>(count).fill([height, width]);
  const boxes = crop ? drawCropBoxes(sizes, generator, { scale: domainbedCropScale }) : sizes.map(() => ({ top: 0, left: 0, height, width }));
  const draws = draw(generator, count, 2 + JITTER_DRAWS);
  return {
    boxes,
    flips: draws.map(([uniform]) => uniform! < FLIP_PROBABILITY),
    steps: draws.map(([, ofGrey, ...others]) => {
      const steps = jitterSteps(RANGES, others);
      return ofGrey! < GREY_PROBABILITY ? [...steps, { kind: GREY, factor: 0 }] : steps;
    }),
  };
}

/**
 * The arguments of `dgsam::training_images` that do to the images at `places` of `images`, on the CPU, what the augmentation and the normalisation do
 * after it, with the same draws: one pass over each image instead of four over the batch, and the same bits.
 */
export function trainingImagesArguments(
  images: Tensor, places: readonly number[], { imageSize, crop, mean, std }: { imageSize: number; crop: boolean; mean: readonly number[]; std: readonly number[] },
  generator: Generator,
): [Tensor, number[], number[], number[], number, number, number[], number[], number[], number[]] {
  const [, , height, width] = images.shape as [number, number, number, number];
  const { boxes, flips, steps } = drawChanges(places.length, [height, width], crop, generator);
  const { kinds, factors } = asLists(steps);
  return [images, [...places], cornersOf(boxes), flips.map(Number), imageSize, imageSize, kinds, factors, [...mean], [...std]];
}
