/** Convolution, normalisation, nonlinearity: what most of torchvision's networks are built of. */

import { Conv2d, Sequential, type Layer, type Placement } from "../nn/index.js";
import { paddedConv2d, type ConvPadding } from "./padding.js";

export interface ConvNormActivationOptions {
  kernelSize?: number;
  stride?: number;
  /** Default `"symmetric"`, so much that stride 1 keeps the size. */
  padding?: number | ConvPadding;
  groups?: number;
  bias?: boolean;
  norm: (channels: number) => Layer;
  activation: (() => Layer) | null;
  placement: Required<Placement>;
}

/** As torchvision.ops.Conv2dNormActivation: keys `0.weight`, `1.weight`, `1.bias`, ... */
export class Conv2dNormActivation extends Sequential {
  constructor(inChannels: number, outChannels: number, options: ConvNormActivationOptions) {
    const { kernelSize = 3, stride = 1, padding = "symmetric", groups = 1, bias = false, norm, activation, placement } = options;
    const rest = { stride, groups, bias, ...placement };
    super(
      typeof padding === "number" ? new Conv2d(inChannels, outChannels, kernelSize, { padding, ...rest }) : paddedConv2d(inChannels, outChannels, kernelSize, padding, rest),
      norm(outChannels),
      ...(activation === null ? [] : [activation()]),
    );
  }
}

/** The multiple of 8 next to a number of channels that is no more than 10% smaller. */
export function makeDivisible(channels: number): number {
  const rounded = Math.max(8, 8 * Math.floor((channels + 4) / 8));
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}
