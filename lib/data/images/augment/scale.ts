/** Between uint8 from 0 to 255 and float32 from 0 to 1. Source: torchvision 0.28, `to_dtype_image(..., scale=True)`. */

import type { Tensor } from "../../../tensor/index.js";
import { makeTransform, type Transform } from "./transform.js";

/** float32 from 0 to 1; float32 images as they are. */
export function toUnit(images: Tensor): Tensor {
  return images.dtype === "uint8" ? images.to("float32").mul_(1 / 255) : images;
}

/** Back to `dtype`: of uint8 every value gets an equal share of [0, 1], also 255. */
export function fromUnit(images: Tensor, dtype: string): Tensor {
  return dtype === "uint8" ? images.mul(256 - 1e-3).to("uint8") : images;
}

/**
 * Makes float32 images from 0 to 1 of uint8 ones from 0 to 255, as `v2.ToDtype(torch.float32, scale=True)`; float32 ones are copied. Put first, it
 * spares the steps after it their rounding to uint8, and colour jitter much time.
 */
export function toFloat(): Transform {
  return makeTransform("toFloat", (images) => (images.dtype === "uint8" ? toUnit(images) : images.clone()));
}
