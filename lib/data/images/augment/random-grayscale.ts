import { checkNumber, withDefaults } from "../../../checks.js";
import { rgbToGrayscale } from "./color.js";
import { changeSome, draw, makeTransform, positionsOf, type Transform } from "./transform.js";

export interface RandomGrayscaleOptions {
  /** The probability for an image to lose its colours. Default 0.1. */
  p?: number;
}

/** Makes each image grey, in three equal channels, with probability `p`. One draw an image. Source: torchvision's `RandomGrayscale`. */
export function randomGrayscale(options: RandomGrayscaleOptions = {}): Transform {
  const { p } = withDefaults("randomGrayscale", options, { p: 0.1 });
  checkNumber("randomGrayscale: p", p, 0, 1);
  return makeTransform("randomGrayscale", (images, generator) =>
    changeSome(images, positionsOf(draw(generator, images.shape[0]!, 1), ([uniform]) => uniform! < p), (some) => rgbToGrayscale(some, 3)));
}
