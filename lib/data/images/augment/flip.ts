/** Mirroring. Source: torchvision 0.28, `horizontal_flip_image`, `RandomHorizontalFlip`. */

import { checkNumber, withDefaults } from "../../../checks.js";
import type { Tensor } from "../../../tensor/index.js";
import { changeSome, checkImages, draw, makeTransform, positionsOf, type Transform } from "./transform.js";

/** Mirrors all images left to right. */
export function horizontalFlip(images: Tensor): Tensor {
  checkImages("horizontalFlip", images);
  return images.flip(3);
}

export interface RandomHorizontalFlipOptions {
  /** The probability for an image to be mirrored. Default 0.5. */
  p?: number;
}

/** Mirrors each image left to right with probability `p`. One draw an image. */
export function randomHorizontalFlip(options: RandomHorizontalFlipOptions = {}): Transform {
  const { p } = withDefaults("randomHorizontalFlip", options, { p: 0.5 });
  checkNumber("randomHorizontalFlip: p", p, 0, 1);
  return makeTransform("randomHorizontalFlip", (images, generator) =>
    changeSome(images, positionsOf(draw(generator, images.shape[0]!, 1), ([uniform]) => uniform! < p), horizontalFlip));
}
