/** Turning the hue. Source: torchvision 0.28, `adjust_hue_image`, by a formula that takes fewer sweeps than RGB to HSV and back. */

import { scope, tensor, toDevice, type Tensor } from "../../../tensor/index.js";
import { fromUnit, toUnit } from "./scale.js";
import { checkImages, column, type PerImage, perImage } from "./transform.js";

/**
 * Turns each pixel's place on the colour circle: red, yellow, green, cyan, blue, magenta. Grey pixels have none and stay.
 *
 * With M and m a pixel's largest and smallest channel and h its hue in sixths of the circle after the turn, each channel becomes
 * M - (M - m) clamp(min(k, 4 - k), 0, 1), k = (o + h) mod 6, o = 5, 3, 1 for red, green, blue: HSV's conversion back, written out.
 *
 * @param images [B, 3, H, W], uint8 or float32 from 0 to 1.
 * @param factor the turn as a part of the circle, -0.5 to 0.5, for all images or one for each.
 */
export function adjustHue(images: Tensor, factor: PerImage): Tensor {
  checkImages("adjustHue", images);
  const factors = perImage("adjustHue: factor", factor, images.shape[0]!, -0.5, 0.5);
  return scope(() => fromUnit(turn(toUnit(images), factors), images.dtype));
}

function turn(images: Tensor, factors: readonly number[]): Tensor {
  const [red, green, blue] = images.split(1, 1) as [Tensor, Tensor, Tensor];
  const most = images.amax(1, true);
  const range = most.sub(images.amin(1, true));
  const divisor = range.maskedFill(range.eq(0), 1);
  const ofGreen = blue.sub(red).div_(divisor).add_(2);
  const ofBlue = red.sub(green).div_(divisor).add_(4);
  const ofRed = green.sub(blue).div_(divisor);
  const hue = ofRed.where(most.eq(red), ofGreen.where(most.eq(green), ofBlue));
  const places = hue.add_(column(factors.map((each) => 6 * each), images)).add(toDevice(tensor([5, 3, 1]).reshape(1, 3, 1, 1), images.device)).remainder_(6);
  const share = places.minimum(places.neg().add_(4)).clamp_(0, 1);
  return share.mul_(range).neg_().add_(most);
}
