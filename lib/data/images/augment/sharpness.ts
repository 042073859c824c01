/** Source: torchvision 0.28, `adjust_sharpness_image`. */

import { ops, scope, tensor, toDevice, type Tensor } from "../../../tensor/index.js";
import { boundOf, checkImages, column, type PerImage, perImage } from "./transform.js";

/**
 * Moves each pixel away from the mean of its surroundings, or towards it: factor * x + (1 - factor) * smooth, where smooth weighs the pixel 5/13 and its
 * eight neighbours 1/13 each. The outermost pixels stay, and images of at most 2 rows or columns.
 * @param images [B, 3, H, W], uint8 or float32 from 0 to 1.
 * @param factor 0 gives smooth images, 1 the images themselves; at least 0, for all images or one for each.
 */
export function adjustSharpness(images: Tensor, factor: PerImage): Tensor {
  checkImages("adjustSharpness", images);
  const [count, , height, width] = images.shape as [number, number, number, number];
  const factors = perImage("adjustSharpness: factor", factor, count, 0);
  if (count === 0 || height <= 2 || width <= 2) return images.clone();
  return scope(() => {
    const output = images.to("float32", { copy: true });
    const kernel = toDevice(tensor(Float32Array.of(1, 1, 1, 1, 5, 1, 1, 1, 1)).div_(13).reshape(1, 1, 3, 3).expand(3, 1, 3, 3), images.device);
    const smooth = ops.aten["conv2d.default"](output, kernel, null, [1, 1], [0, 0], [1, 1], 3);
    if (images.dtype === "uint8") smooth.round_();
    const inner = output.narrow(2, 1, height - 2).narrow(3, 1, width - 2);
    inner.addcmul_(smooth.sub_(inner), column(factors.map((each) => 1 - each), images));
    output.clamp_(0, boundOf(images));
    return images.dtype === "uint8" ? output.to("uint8") : output;
  });
}
