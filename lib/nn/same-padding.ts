/** Convolution padded as TensorFlow's "SAME". */

import { checkOptions } from "../checks.js";
import { ops, type Tensor } from "../tensor/index.js";
import { checkTensor, type Pair } from "./checks.js";
import { Conv2d, type Conv2dOptions } from "./conv.js";

const conv2d = ops.aten["conv2d.default"];
const pad = ops.aten["constant_pad_nd.default"];

export type SamePaddedConv2dOptions = Omit<Conv2dOptions, "padding" | "paddingMode">;

const OPTIONS: readonly (keyof SamePaddedConv2dOptions)[] = ["stride", "dilation", "groups", "bias", "dtype", "device"];

/**
 * A convolution whose output has ceil(H / stride) by ceil(W / stride) places, for every stride: as many zeros are added as that
 * takes of the actual input, where their number is odd one more at the end than at the start. So networks are padded that were
 * trained in TensorFlow; parameters are those of {@link Conv2d}.
 */
export class SamePaddedConv2d extends Conv2d {
  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: SamePaddedConv2dOptions = {}) {
    checkOptions("SamePaddedConv2d", options, OPTIONS);
    super(inChannels, outChannels, kernelSize, options);
  }

  /**
   * x [N, inChannels, H, W], or without N, -> [N, outChannels, ceil(H / stride), ceil(W / stride)]
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  override forward(x: Tensor): Tensor {
    checkTensor("SamePaddedConv2d.forward(x)", x);
    const { weight, bias, stride, dilation, groups } = this;
    const [top, bottom] = this.#zeros(x, 0);
    const [left, right] = this.#zeros(x, 1);
    // The convolution pads by itself only where both ends get the same; otherwise the padded input is a copy.
    if (top === bottom && left === right) return conv2d(x, weight, bias, stride, [top, left], dilation, groups);
    return conv2d(pad(x, [left, right, top, bottom]), weight, bias, stride, 0, dilation, groups);
  }

  /** How many zeros come at the start and at the end of a spatial axis. */
  #zeros(x: Tensor, axis: 0 | 1): [start: number, end: number] {
    const size = x.shape.at(axis - 2) ?? 1;
    const stride = this.stride[axis];
    const total = Math.max((Math.ceil(size / stride) - 1) * stride + this.dilation[axis] * (this.kernelSize[axis] - 1) + 1 - size, 0);
    const start = Math.floor(total / 2);
    return [start, total - start];
  }
}
