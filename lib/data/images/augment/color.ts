/**
 * Brightness, contrast, saturation and grey. Source: torchvision 0.28, transforms/v2/functional/_color.py.
 *
 * uint8 images are computed in float32 and cut to whole numbers after each step, as there.
 */

import { DgsamError } from "../../../errors.js";
import { scope, type Tensor } from "../../../tensor/index.js";
import { boundOf, checkImages, column, type PerImage, perImage } from "./transform.js";

/** Clamped to what images of this dtype hold, and of this dtype; `values` is float32 and is overwritten. */
function finished(values: Tensor, images: Tensor): Tensor {
  const clamped = values.clamp_(0, boundOf(images));
  return images.dtype === "uint8" ? clamped.to("uint8") : clamped;
}

/** float32 [B, 1, H, W]; of uint8 images not yet cut. */
function greyOf(images: Tensor): Tensor {
  const [red, green, blue] = images.split(1, 1) as [Tensor, Tensor, Tensor];
  return red.mul(0.2989).add_(green, { alpha: 0.587 }).add_(blue, { alpha: 0.114 });
}

function wholeGreyOf(images: Tensor): Tensor {
  return images.dtype === "uint8" ? greyOf(images).floor_() : greyOf(images);
}

/** factor * images + (1 - factor) * other */
function blend(images: Tensor, other: Tensor, factors: readonly number[]): Tensor {
  const rest = column(factors.map((factor) => 1 - factor), images);
  return finished(images.mul(column(factors, images)).addcmul_(other, rest), images);
}

/**
 * Grey values 0.2989 R + 0.587 G + 0.114 B.
 * @param outputChannels 1, or 3 equal ones. Default 1.
 * @returns [B, outputChannels, H, W] of the images' dtype.
 */
export function rgbToGrayscale(images: Tensor, outputChannels: 1 | 3 = 1): Tensor {
  checkImages("rgbToGrayscale", images);
  if (outputChannels !== 1 && outputChannels !== 3) {
    throw new DgsamError("ERR_ARGUMENT", `rgbToGrayscale: outputChannels: expected 1 or 3, got ${String(outputChannels)}`);
  }
  return scope(() => {
    const grey = greyOf(images).to(images.dtype);
    return outputChannels === 3 ? grey.expand(-1, 3, -1, -1).contiguous() : grey;
  });
}

/**
 * Multiplies by `factor`.
 * @param images [B, 3, H, W], uint8 or float32 from 0 to 1.
 * @param factor 0 gives black, 1 the images themselves; at least 0, for all images or one for each.
 */
export function adjustBrightness(images: Tensor, factor: PerImage): Tensor {
  checkImages("adjustBrightness", images);
  const factors = perImage("adjustBrightness: factor", factor, images.shape[0]!, 0);
  return scope(() => finished(images.mul(column(factors, images)), images));
}

/**
 * Moves each image away from its own mean grey value, or towards it: factor * x + (1 - factor) * mean.
 * @param images [B, 3, H, W], uint8 or float32 from 0 to 1.
 * @param factor 0 gives one grey, 1 the images themselves; at least 0, for all images or one for each.
 */
export function adjustContrast(images: Tensor, factor: PerImage): Tensor {
  checkImages("adjustContrast", images);
  const factors = perImage("adjustContrast: factor", factor, images.shape[0]!, 0);
  return scope(() => blend(images, wholeGreyOf(images).mean([1, 2, 3], true), factors));
}

/**
 * Moves each pixel away from its own grey value, or towards it: factor * x + (1 - factor) * grey.
 * @param images [B, 3, H, W], uint8 or float32 from 0 to 1.
 * @param factor 0 gives grey images, 1 the images themselves; at least 0, for all images or one for each.
 */
export function adjustSaturation(images: Tensor, factor: PerImage): Tensor {
  checkImages("adjustSaturation", images);
  const factors = perImage("adjustSaturation: factor", factor, images.shape[0]!, 0);
  return scope(() => blend(images, wholeGreyOf(images), factors));
}
