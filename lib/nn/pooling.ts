/** Pooling over two spatial dimensions. */

import { DgsamError } from "../errors.js";
import { ops, type Tensor } from "../tensor/index.js";
import { checkBoolean, checkPair, checkSize, withDefaults, type Pair } from "./checks.js";
import { Module } from "./module.js";

const maxPool2d = ops.aten["max_pool2d.default"];
const avgPool2d = ops.aten["avg_pool2d.default"];
const adaptiveAvgPool2d = ops.aten["adaptive_avg_pool2d.default"];

interface WindowOptions {
  /** Steps of the window. Default: the kernel size. */
  stride?: Pair | null;
  /** How far the input is extended on each side; at most half the kernel size. Default 0. */
  padding?: Pair;
  /** Also take windows that begin inside and end outside. Default false. */
  ceilMode?: boolean;
}

/** The windows that both kinds of pooling share. */
abstract class Pool2d extends Module {
  readonly kernelSize: readonly [height: number, width: number];
  readonly stride: readonly [height: number, width: number];
  readonly padding: readonly [height: number, width: number];
  readonly ceilMode: boolean;

  constructor(kernelSize: Pair, { stride, padding, ceilMode }: Required<WindowOptions>) {
    super();
    const name = new.target.name;
    this.kernelSize = checkPair(`${name}: kernelSize`, kernelSize);
    this.stride = checkPair(`${name}: stride`, stride ?? kernelSize);
    this.padding = checkPair(`${name}: padding`, padding, 0);
    if (this.padding.some((size, axis) => 2 * size > this.kernelSize[axis]!))
      throw new DgsamError("ERR_ARGUMENT", `${name}: padding: expected at most half the kernel size [${this.kernelSize.join(", ")}], got [${this.padding.join(", ")}]`);
    checkBoolean(`${name}: ceilMode`, ceilMode);
    this.ceilMode = ceilMode;
  }
}

export interface MaxPool2dOptions extends WindowOptions {
  /** Distance of a window's elements. Default 1. */
  dilation?: Pair;
}

/** The largest element of each window, as torch.nn.MaxPool2d; the padding never wins. */
export class MaxPool2d extends Pool2d {
  readonly dilation: readonly [height: number, width: number];

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(kernelSize: Pair, options: MaxPool2dOptions = {}) {
    const { dilation, ...window } = withDefaults<Required<MaxPool2dOptions>>("MaxPool2d", options, { stride: null, padding: 0, ceilMode: false, dilation: 1 });
    super(kernelSize, window);
    this.dilation = checkPair("MaxPool2d: dilation", dilation);
  }

  /** x [N, C, H, W], or without N, -> [N, C, H', W'] */
  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.stride, this.padding, this.dilation, this.ceilMode);
  }
}

export interface AvgPool2dOptions extends WindowOptions {
  /** Whether the padding's zeros count. Default true. */
  countIncludePad?: boolean;
  /** What to divide a window's sum by; null, the default, is its size. */
  divisorOverride?: number | null;
}

/** The mean of each window, as torch.nn.AvgPool2d. */
export class AvgPool2d extends Pool2d {
  readonly countIncludePad: boolean;
  readonly divisorOverride: number | null;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(kernelSize: Pair, options: AvgPool2dOptions = {}) {
    const defaults = { stride: null, padding: 0, ceilMode: false, countIncludePad: true, divisorOverride: null };
    const { countIncludePad, divisorOverride, ...window } = withDefaults<Required<AvgPool2dOptions>>("AvgPool2d", options, defaults);
    super(kernelSize, window);
    checkBoolean("AvgPool2d: countIncludePad", countIncludePad);
    if (divisorOverride !== null) checkSize("AvgPool2d: divisorOverride", divisorOverride);
    this.countIncludePad = countIncludePad;
    this.divisorOverride = divisorOverride;
  }

  /** x [N, C, H, W], or without N, -> [N, C, H', W'] */
  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.stride, this.padding, this.ceilMode, this.countIncludePad, this.divisorOverride);
  }
}

/** The means of as many windows as the output has elements, as torch.nn.AdaptiveAvgPool2d. */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: readonly [height: number, width: number];

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(outputSize: Pair) {
    super();
    this.outputSize = checkPair("AdaptiveAvgPool2d: outputSize", outputSize);
  }

  /** x [N, C, H, W], or without N, -> [N, C, ...outputSize] */
  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize);
  }
}
