/**
 * Changes that look at a value alone, or at how often values occur in a channel. Source: torchvision 0.28, transforms/v2/functional/_color.py.
 */

import { argumentError } from "../../../errors.js";
import { arange, cat, scope, type Tensor } from "../../../tensor/index.js";
import { fromUnit, toUnit } from "./scale.js";
import { boundOf, checkImages, column, type PerImage, perImage } from "./transform.js";

/**
 * Keeps the highest `bits` bits of each value, of float32 images as many levels of [0, 1].
 * @param images [B, 3, H, W], uint8 or float32 from 0 to 1.
 * @param bits integers from 0 to 8, for all images or one for each.
 */
export function posterize(images: Tensor, bits: PerImage): Tensor {
  checkImages("posterize", images);
  const all = perImage("posterize: bits", bits, images.shape[0]!, 0, 8);
  const fraction = [...all, ...(typeof bits === "number" ? [bits] : [])].find((each) => !Number.isInteger(each));
  if (fraction !== undefined) throw argumentError("posterize: bits", "an integer from 0 to 8", fraction);
  return scope(() => {
    if (images.dtype === "uint8") return images.bitwiseAnd(column(all.map((each) => 256 - 2 ** (8 - each)), images).to("uint8"));
    const levels = column(all.map((each) => 2 ** each), images);
    return images.mul(levels).floor_().clamp_(0).minimum(levels.sub(1)).div_(levels);
  });
}

/**
 * Turns values from a threshold on into their negative.
 * @param images [B, 3, H, W], uint8 or float32 from 0 to 1.
 * @param threshold 0 to 255, or 0 to 1, for all images or one for each.
 */
export function solarize(images: Tensor, threshold: PerImage): Tensor {
  checkImages("solarize", images);
  const thresholds = perImage("solarize: threshold", threshold, images.shape[0]!, 0, boundOf(images));
  return scope(() => {
    const negative = images.dtype === "uint8" ? images.bitwiseNot() : images.neg().add_(1);
    return negative.where(images.ge(column(thresholds, images)), images);
  });
}

/**
 * Stretches each channel of each image so that it runs from the lowest to the highest value there is; channels of one value stay.
 * @param images [B, 3, H, W], uint8 or float32 from 0 to 1.
 */
export function autocontrast(images: Tensor): Tensor {
  checkImages("autocontrast", images);
  if (images.shape[0] === 0) return images.clone();
  const bound = boundOf(images);
  return scope(() => {
    const values = images.to("float32");
    const lowest = values.amin([2, 3], true);
    const range = values.amax([2, 3], true).sub_(lowest);
    const single = range.eq(0);
    range.mul_(1 / bound);
    return values.sub(lowest.maskedFill(single, 0)).div_(range.maskedFill_(single, 1)).clamp_(0, bound).to(images.dtype);
  });
}

/**
 * Makes all values about equally frequent in each channel of each image, by Pillow's table; channels of too few pixels stay.
 * @param images [B, 3, H, W], uint8 or float32 from 0 to 1, which are brought to uint8 for it.
 */
export function equalize(images: Tensor): Tensor {
  checkImages("equalize", images);
  if (images.shape[0] === 0) return images.clone();
  return scope(() => {
    const bytes = images.dtype === "uint8" ? images : fromUnit(images, "uint8");
    const equalized = tableLookup(bytes.reshape(images.shape[0]!, 3, -1).to("int64")).reshape(images.shape);
    return images.dtype === "uint8" ? equalized : toUnit(equalized);
  });
}

/** uint8 values [B, 3, pixels] from int64 ones. */
function tableLookup(values: Tensor): Tensor {
  const [count, channels, pixels] = values.shape as [number, number, number];
  const ones = values.newOnes([1, 1, 1]).expand(values.shape);
  const histogram = values.newZeros([count, channels, 256]).scatterAdd_(2, values, ones);
  const cumulated = histogram.cumsum(2);
  // Pillow leaves the pixels of the highest value out of the count that it shares among 255 steps.
  const highest = histogram.ne(0).mul(arange(256n, { device: values.device })).amax(2, true);
  const step = histogram.gather(2, highest).neg_().add_(pixels).div_(255, { roundingMode: "floor" });
  const table = cumulated.narrow(2, 0, 255).add(step.div(2, { roundingMode: "floor" })).div_(step.clamp(1), { roundingMode: "floor" }).clamp_(0, 255);
  const whole = cat([table.newZeros([count, channels, 1]), table], 2);
  return whole.gather(2, values).where(step.ne(0), values).to("uint8");
}
