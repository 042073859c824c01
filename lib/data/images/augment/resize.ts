/** The same resizing or cropping for all images. Source: torchvision 0.28, transforms/v2/functional/_geometry.py. */

import { withDefaults } from "../../../checks.js";
import { ops, scope, type Tensor } from "../../../tensor/index.js";
import { checkImageSize, checkSize, type ImageSize } from "./crop.js";
import { checkImages, makeTransform, roundHalfToEven, type Transform } from "./transform.js";

export interface SizeOptions {
  /** Pixels; see the transform for what a single number means. */
  size: number | ImageSize;
}

/** The options' size, which has no default. */
export function sizeOf(name: string, options: { readonly size: number | ImageSize }): number | ImageSize {
  const { size } = withDefaults<{ size: number | ImageSize | undefined }>(name, options, { size: undefined });
  checkSize(`${name}: size`, size);
  return size;
}

export function square(size: number | ImageSize): ImageSize {
  return typeof size === "number" ? [size, size] : size;
}

/**
 * Resizes to [height, width], bilinearly with antialiasing.
 * @param images [B, 3, H, W], uint8 or float32; uint8 is rounded to nearest.
 */
export function resizeImages(images: Tensor, size: ImageSize): Tensor {
  checkImages("resizeImages", images);
  checkImageSize("resizeImages: size", size);
  const [height, width] = size;
  const [count, , rows, columns] = images.shape;
  if (height === rows && width === columns) return images.clone();
  if (count === 0) return images.newEmpty([0, 3, height, width]);
  return scope(() => {
    // LibTorch has a kernel for uint8 on the CPU alone.
    const rounds = images.dtype === "uint8" && images.device !== "cpu";
    const resized = ops.aten._upsample_bilinear2d_aa(rounds ? images.to("float32") : images, [height, width], false);
    return rounds ? resized.round_().to("uint8") : resized;
  });
}

/**
 * Resizes all images, bilinearly with antialiasing, as `v2.Resize`: a number is the shorter side's, and the other follows in proportion
 * (rounded down); [height, width] may distort. Draws nothing.
 */
export function resize(options: SizeOptions): Transform {
  const size = sizeOf("resize", options);
  return makeTransform("resize", (images) => {
    if (typeof size !== "number") return resizeImages(images, size);
    const [, , height, width] = images.shape as [number, number, number, number];
    const longer = Math.floor((size * Math.max(height, width)) / Math.min(height, width));
    return resizeImages(images, height <= width ? [size, longer] : [longer, size]);
  });
}

/** Cuts the middle out of all images, [size, size] for a number; smaller images get a black frame. As `v2.CenterCrop`. Draws nothing. */
export function centerCrop(options: SizeOptions): Transform {
  const [height, width] = square(sizeOf("centerCrop", options));
  return makeTransform("centerCrop", (images) => {
    const [, , rows, columns] = images.shape as [number, number, number, number];
    const missing = [Math.max(width - columns, 0), Math.max(height - rows, 0)] as const;
    const framed = ops.aten.constant_pad_nd(images, missing.flatMap((each) => [Math.floor(each / 2), Math.ceil(each / 2)]));
    const [, , framedRows, framedColumns] = framed.shape as [number, number, number, number];
    const top = roundHalfToEven((framedRows - height) / 2);
    const left = roundHalfToEven((framedColumns - width) / 2);
    return framed.narrow(2, top, height).narrow(3, left, width).clone({ memoryFormat: "contiguous_format" });
  });
}
