/** Source: torchvision 0.28, `RandomResizedCrop`. */

import { checkInteger, withDefaults } from "../../../checks.js";
import { argumentError } from "../../../errors.js";
import { Generator } from "../../../tensor/index.js";
import { type CropBox, type ImageSize, resizedCrop } from "./crop.js";
import { sizeOf, square } from "./resize.js";
import { between, checkRange, draw, makeTransform, type Range, roundHalfToEven, type Transform } from "./transform.js";

export interface CropBoxOptions {
  /** Bounds of the box's area as a part of the image's, drawn uniformly. Default [0.08, 1]. */
  scale?: Range;
  /** Bounds of width over height, whose logarithm is drawn uniformly. Default [3/4, 4/3]. */
  ratio?: Range;
}

export interface RandomResizedCropOptions extends CropBoxOptions {
  /** Pixels of the result: a number for a square, or [height, width]. */
  size: number | ImageSize;
}

const DEFAULTS = { scale: [0.08, 1] as Range, ratio: [3 / 4, 4 / 3] as Range };
const ATTEMPTS = 10;

/** Throws unless the options are ranges above 0. */
export function checkBoxOptions(name: string, { scale, ratio }: Required<CropBoxOptions>): void {
  for (const [option, range] of [["scale", scale], ["ratio", ratio]] as const) {
    checkRange(`${name}: ${option}`, range, 0);
    if (range[0] <= 0 || range[1] === Infinity) throw argumentError(`${name}: ${option}`, "two finite numbers above 0", range[0] <= 0 ? range[0] : range[1]);
  }
}

/**
 * Draws a box for each image as `RandomResizedCrop` does: area and aspect ratio anew until the box fits, at most ten times, then the largest
 * box in the middle with a ratio within bounds.
 *
 * For images that are cut before they make a batch, as those of different sizes are. 22 draws an image, whatever comes of them.
 *
 * @param sizes the height and width of each image.
 */
export function drawCropBoxes(sizes: readonly ImageSize[], generator: Generator, options: CropBoxOptions = {}): CropBox[] {
  const { scale, ratio } = withDefaults("drawCropBoxes", options, DEFAULTS);
  checkBoxOptions("drawCropBoxes", { scale, ratio });
  if (!(generator instanceof Generator)) throw argumentError("drawCropBoxes: generator", "a Generator", generator);
  sizes.forEach((size, i) => size.forEach((side, j) => checkInteger(`drawCropBoxes: sizes[${i}][${j}]`, side, 1)));
  const draws = draw(generator, sizes.length, 2 * ATTEMPTS + 2);
  return sizes.map((size, i) => boxOf(size, draws[i]!, scale, ratio));
}

function boxOf([rows, columns]: ImageSize, draws: readonly number[], scale: Range, ratio: Range): CropBox {
  const logRatio: Range = [Math.log(ratio[0]), Math.log(ratio[1])];
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = rows * columns * between(scale, draws[2 * attempt]!);
    const aspect = Math.exp(between(logRatio, draws[2 * attempt + 1]!));
    const width = roundHalfToEven(Math.sqrt(area * aspect));
    const height = roundHalfToEven(Math.sqrt(area / aspect));
    if (width < 1 || width > columns || height < 1 || height > rows) continue;
    const [ofTop, ofLeft] = draws.slice(-2) as [number, number];
    return { top: Math.floor(ofTop * (rows - height + 1)), left: Math.floor(ofLeft * (columns - width + 1)), height, width };
  }
  const aspect = columns / rows;
  // Long thin images have no row or column to lose.
  const height = aspect < ratio[0] ? Math.max(1, roundHalfToEven(columns / ratio[0])) : rows;
  const width = aspect > ratio[1] ? Math.max(1, roundHalfToEven(rows * ratio[1])) : columns;
  return { top: Math.floor((rows - height) / 2), left: Math.floor((columns - width) / 2), height, width };
}

/**
 * Cuts a random box out of each image and resizes it to `size`, bilinearly with antialiasing; see {@link drawCropBoxes} and {@link resizedCrop}.
 * @throws ERR_ARGUMENT for a size that is no number of pixels, and for a scale or ratio that is no range above 0.
 */
export function randomResizedCrop(options: RandomResizedCropOptions): Transform {
  const { size: given, scale, ratio } = withDefaults<Required<CropBoxOptions> & { size: number | ImageSize | undefined }>(
    "randomResizedCrop", options, { ...DEFAULTS, size: undefined });
  const size = square(sizeOf("randomResizedCrop", { size: given! }));
  checkBoxOptions("randomResizedCrop", { scale, ratio });
  return makeTransform("randomResizedCrop", (images, generator) => {
    const [count, , height, width] = images.shape as [number, number, number, number];
    const boxes = drawCropBoxes(new Array<ImageSize>(count).fill([height, width]), generator, { scale, ratio });
    return resizedCrop(images, boxes, size);
  });
}
