/** Convolution and pooling over two spatial dimensions. */

import { argumentError, DgsamError } from "../errors.js";
import { empty, ops, type Tensor } from "../tensor/index.js";
import { checkSize, pair, type Pair } from "./checks.js";
import { kaimingUniform_ } from "./init.js";
import { fanInUniform } from "./linear.js";
import { Module, Parameter } from "./module.js";

export interface Conv2dOptions {
  /** Default 1. */
  stride?: Pair;
  /** Zeros around the input, or "same" (output of the input's size; stride 1), or "valid" (none). Default 0. */
  padding?: Pair | "same" | "valid";
  /** Default 1. */
  dilation?: Pair;
  /** Divides the channels into groups that do not see each other. Default 1. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
}

/** Cross-correlation; x [N, inChannels, H, W] -> [N, outChannels, H', W'], as torch.nn.Conv2d with zero padding. */
export class Conv2d extends Module {
  weight: Tensor;
  bias: Tensor | null;
  readonly #stride: [number, number];
  readonly #padding: [number, number] | string;
  readonly #dilation: [number, number];
  readonly #groups: number;

  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: Conv2dOptions = {}) {
    super();
    const { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true } = options;
    checkSize("Conv2d: inChannels", inChannels);
    checkSize("Conv2d: outChannels", outChannels);
    checkSize("Conv2d: groups", groups);
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new DgsamError("ERR_ARGUMENT", `Conv2d: groups: expected a divisor of inChannels (${inChannels}) and outChannels (${outChannels}), got ${groups}`);
    this.#stride = pair("Conv2d: stride", stride, 1);
    this.#dilation = pair("Conv2d: dilation", dilation, 1);
    this.#groups = groups;
    if (typeof padding === "string" && padding !== "same" && padding !== "valid") throw argumentError("Conv2d: padding", "integers >= 0, \"same\" or \"valid\"", padding);
    if (padding === "same" && this.#stride.some((step) => step !== 1)) throw new DgsamError("ERR_ARGUMENT", "Conv2d: padding \"same\" needs stride 1");
    this.#padding = typeof padding === "string" ? padding : pair("Conv2d: padding", padding, 0);
    const kernel = pair("Conv2d: kernelSize", kernelSize, 1);
    this.weight = new Parameter(kaimingUniform_(empty([outChannels, inChannels / groups, ...kernel]), { a: Math.sqrt(5) }));
    this.bias = bias ? new Parameter(fanInUniform(empty([outChannels]), this.weight)) : null;
  }

  override forward(x: Tensor): Tensor {
    return typeof this.#padding === "string"
      ? ops.aten["conv2d.padding"](x, this.weight, this.bias, this.#stride, this.#padding, this.#dilation, this.#groups)
      : ops.aten["conv2d.default"](x, this.weight, this.bias, this.#stride, this.#padding, this.#dilation, this.#groups);
  }
}

export interface Pool2dOptions {
  /** Default: the kernel size. */
  stride?: Pair;
  /** Default 0. */
  padding?: Pair;
  /** Let windows begin inside and end outside the input. Default false. */
  ceilMode?: boolean;
}

/** Largest value of each window; x [N, C, H, W]. */
export class MaxPool2d extends Module {
  readonly #kernel: [number, number];
  readonly #stride: [number, number];
  readonly #padding: [number, number];
  readonly #dilation: [number, number];
  readonly #ceilMode: boolean;

  constructor(kernelSize: Pair, options: Pool2dOptions & { dilation?: Pair } = {}) {
    super();
    this.#kernel = pair("MaxPool2d: kernelSize", kernelSize, 1);
    this.#stride = pair("MaxPool2d: stride", options.stride ?? kernelSize, 1);
    this.#padding = pair("MaxPool2d: padding", options.padding ?? 0, 0);
    this.#dilation = pair("MaxPool2d: dilation", options.dilation ?? 1, 1);
    this.#ceilMode = options.ceilMode ?? false;
  }

  override forward(x: Tensor): Tensor {
    return ops.aten["max_pool2d.default"](x, this.#kernel, this.#stride, this.#padding, this.#dilation, this.#ceilMode);
  }
}

/** Mean of each window; x [N, C, H, W]. */
export class AvgPool2d extends Module {
  readonly #kernel: [number, number];
  readonly #stride: [number, number];
  readonly #padding: [number, number];
  readonly #ceilMode: boolean;
  readonly #countIncludePad: boolean;

  constructor(kernelSize: Pair, options: Pool2dOptions & { countIncludePad?: boolean } = {}) {
    super();
    this.#kernel = pair("AvgPool2d: kernelSize", kernelSize, 1);
    this.#stride = pair("AvgPool2d: stride", options.stride ?? kernelSize, 1);
    this.#padding = pair("AvgPool2d: padding", options.padding ?? 0, 0);
    this.#ceilMode = options.ceilMode ?? false;
    this.#countIncludePad = options.countIncludePad ?? true;
  }

  override forward(x: Tensor): Tensor {
    return ops.aten["avg_pool2d.default"](x, this.#kernel, this.#stride, this.#padding, this.#ceilMode, this.#countIncludePad);
  }
}

/** Means over as many windows as the output size has; x [N, C, H, W] -> [N, C, ...outputSize]. */
export class AdaptiveAvgPool2d extends Module {
  readonly #outputSize: [number, number];

  constructor(outputSize: Pair) {
    super();
    this.#outputSize = pair("AdaptiveAvgPool2d: outputSize", outputSize, 1);
  }

  override forward(x: Tensor): Tensor {
    return ops.aten["adaptive_avg_pool2d.default"](x, this.#outputSize);
  }
}
