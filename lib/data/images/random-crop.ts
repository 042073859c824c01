/** Random boxes for images of different sizes. Source: torchvision 0.28, `RandomResizedCrop.get_params`. */

import { type Generator, rand, scope } from "../../tensor/index.js";
import type { Crop } from "./decode.js";

const ATTEMPTS = 10;
const RATIO = [3 / 4, 4 / 3] as const;

/**
 * A box for each image: area and aspect ratio drawn anew until the box fits, at most ten times, then the largest box in the middle with a
 * ratio within bounds. 22 draws an image, whatever comes of them.
 *
 * @param sizes the height and width of each image
 * @param scale bounds of the box's area as a part of the image's
 */
export function drawCrops(sizes: readonly (readonly [height: number, width: number])[], generator: Generator, scale: readonly [number, number]): Crop[] {
  const draws = scope(() => rand([sizes.length, 2 * ATTEMPTS + 2], { generator }).toArray() as number[][]);
  return sizes.map((size, i) => cropOf(size, draws[i]!, scale));
}

function cropOf([rows, columns]: readonly [number, number], draws: readonly number[], scale: readonly [number, number]): Crop {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const area = rows * columns * between(scale, draws[2 * attempt]!);
    const aspect = Math.exp(between([Math.log(RATIO[0]), Math.log(RATIO[1])], draws[2 * attempt + 1]!));
    const [width, height] = [Math.round(Math.sqrt(area * aspect)), Math.round(Math.sqrt(area / aspect))];
    if (width < 1 || width > columns || height < 1 || height > rows) continue;
    const [ofTop, ofLeft] = draws.slice(-2) as [number, number];
    return { top: Math.floor(ofTop * (rows - height + 1)), left: Math.floor(ofLeft * (columns - width + 1)), height, width };
  }
  const aspect = columns / rows;
  const height = aspect < RATIO[0] ? Math.max(1, Math.round(columns / RATIO[0])) : rows;
  const width = aspect > RATIO[1] ? Math.max(1, Math.round(rows * RATIO[1])) : columns;
  return { top: Math.floor((rows - height) / 2), left: Math.floor((columns - width) / 2), height, width };
}

function between([low, high]: readonly [number, number], uniform: number): number {
  return low + (high - low) * uniform;
}
