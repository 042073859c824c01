/** How networks extend what they convolve: as those that were trained in PyTorch, or in TensorFlow. Weights do not say, and give other numbers with the other. */

import { Conv2d, SamePaddedConv2d, type SamePaddedConv2dOptions } from "../nn/index.js";

/** `"symmetric"`: half the kernel on each side. `"same"`: as TensorFlow, so that there are ceil(size / stride) places; see {@link SamePaddedConv2d}. */
export type ConvPadding = "symmetric" | "same";

export const CONV_PADDINGS: readonly ConvPadding[] = ["symmetric", "same"];

/** A convolution by a kernel of an odd size that keeps an image's size at stride 1. */
export function paddedConv2d(inChannels: number, outChannels: number, kernelSize: number, padding: ConvPadding, options: SamePaddedConv2dOptions): Conv2d {
  return padding === "same" ? new SamePaddedConv2d(inChannels, outChannels, kernelSize, options)
    : new Conv2d(inChannels, outChannels, kernelSize, { padding: Math.floor((kernelSize - 1) / 2), ...options });
}
