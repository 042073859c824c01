/** Pooling over two spatial dimensions. */

import { checkBoolean, checkInteger, withDefaults } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import { ops, type Tensor } from "../tensor/index.js";
import { checkPair, checkTensor, type Pair } from "./checks.js";
import { Module } from "./module.js";

const maxPool2d = ops.aten["max_pool2d.default"];
const maxPool2dWithIndices = ops.aten["max_pool2d_with_indices.default"];
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

export interface MaxPool2dOptions<Indices extends boolean = false> extends WindowOptions {
  /** Distance of a window's elements. Default 1. */
  dilation?: Pair;
  /** Whether `forward` gives where the elements came from as well. Default false. */
  returnIndices?: Indices;
}

/** The largest element of each window, as torch.nn.MaxPool2d; the padding never wins. */
export class MaxPool2d<Indices extends boolean = false> extends Pool2d {
  readonly dilation: readonly [height: number, width: number];
  readonly returnIndices: boolean;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(kernelSize: Pair, options: MaxPool2dOptions<Indices> = {}) {
    const defaults = { stride: null, padding: 0, ceilMode: false, dilation: 1, returnIndices: false };
    const { dilation, returnIndices, ...window } = withDefaults<Required<MaxPool2dOptions<boolean>>>("MaxPool2d", options, defaults);
    super(kernelSize, window);
    this.dilation = checkPair("MaxPool2d: dilation", dilation);
    checkBoolean("MaxPool2d: returnIndices", returnIndices);
    this.returnIndices = returnIndices;
  }

  /**
   * x [N, C, H, W], or without N, -> [N, C, H', W']; with `returnIndices` an array of that and the int64 index of each
   * element in its flattened image, of the same shape.
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  forward(x: Tensor): Indices extends true ? [output: Tensor, indices: Tensor] : Tensor;
  forward(x: Tensor): Tensor | [output: Tensor, indices: Tensor] {
    const pool = this.returnIndices ? maxPool2dWithIndices : maxPool2d;
    return pool(x, this.kernelSize, this.stride, this.padding, this.dilation, this.ceilMode);
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
    if (divisorOverride !== null) checkInteger("AvgPool2d: divisorOverride", divisorOverride, 1);
    this.countIncludePad = countIncludePad;
    this.divisorOverride = divisorOverride;
  }

  /**
   * x [N, C, H, W], or without N, -> [N, C, H', W']
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.stride, this.padding, this.ceilMode, this.countIncludePad, this.divisorOverride);
  }
}

/** The means of as many windows as the output has elements, as torch.nn.AdaptiveAvgPool2d. */
export class AdaptiveAvgPool2d extends Module {
  /** Where it is null, the input's size stays. */
  readonly outputSize: readonly [height: number | null, width: number | null];

  /**
   * @param outputSize one size for both dimensions, or `[height, width]`; null keeps the input's
   * @throws DgsamError `ERR_ARGUMENT`
   */
  constructor(outputSize: number | null | readonly [height: number | null, width: number | null]) {
    super();
    const pair: readonly unknown[] = Array.isArray(outputSize) ? outputSize : [outputSize, outputSize];
    if (pair.length !== 2 || !pair.every((size) => size === null || (Number.isSafeInteger(size) && (size as number) >= 1)))
      throw argumentError("AdaptiveAvgPool2d: outputSize", "an integer of at least 1 or null, or a pair of them [height, width]", outputSize);
    this.outputSize = [pair[0], pair[1]] as [number | null, number | null];
  }

  /**
   * x [N, C, H, W], or without N, -> [N, C, ...outputSize]
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  forward(x: Tensor): Tensor {
    checkTensor("AdaptiveAvgPool2d.forward(x)", x);
    const { shape } = x;
    const [height, width] = this.outputSize;
    // Of fewer dimensions LibTorch says what it expected.
    return adaptiveAvgPool2d(x, [height ?? shape.at(-2) ?? 1, width ?? shape.at(-1) ?? 1]);
  }
}
