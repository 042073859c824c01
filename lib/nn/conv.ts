/** Convolution over two spatial dimensions. */

import { checkBoolean, checkChoice, checkInteger, withDefaults } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import { ops, type Tensor } from "../tensor/index.js";
import { checkPair, type Pair } from "./checks.js";
import { Module } from "./module.js";
import type { Parameter, Placement } from "./parameter.js";
import { makeWeightAndBias } from "./weight-and-bias.js";

const conv2d = ops.aten["conv2d.default"];
const conv2dPadded = ops.aten["conv2d.padding"];
const pad = ops.aten["pad.default"];

/** What lies beyond the border: zeros, the input mirrored, its border repeated, or its other end. */
export type PaddingMode = "zeros" | "reflect" | "replicate" | "circular";

export interface Conv2dOptions extends Placement {
  /** Steps of the kernel. Default 1. */
  stride?: Pair;
  /** How far the input is extended on each side; `"same"` keeps its size (stride 1 only), `"valid"` extends nothing. Default 0. */
  padding?: Pair | "same" | "valid";
  /** Distance of the kernel's elements. Default 1. */
  dilation?: Pair;
  /** Into how many groups, blind to each other, the channels are divided. Default 1. */
  groups?: number;
  /** Whether it adds a learned bias. Default true. */
  bias?: boolean;
  /** Default `"zeros"`. */
  paddingMode?: PaddingMode;
}

const DEFAULTS: Required<Conv2dOptions> = { stride: 1, padding: 0, dilation: 1, groups: 1, bias: true, paddingMode: "zeros", dtype: "float32", device: "cpu" };

/** Cross-correlation of an image with learned kernels, as torch.nn.Conv2d. */
export class Conv2d extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly [height: number, width: number];
  readonly stride: readonly [height: number, width: number];
  readonly padding: readonly [height: number, width: number] | "same" | "valid";
  readonly dilation: readonly [height: number, width: number];
  readonly groups: number;
  readonly paddingMode: PaddingMode;
  /** [outChannels, inChannels / groups, ...kernelSize] */
  weight: Parameter;
  /** [outChannels] */
  bias: Parameter | null;
  /** Left, right, top, bottom; null where LibTorch's convolution pads by itself. */
  readonly #border: readonly number[] | null;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: Conv2dOptions = {}) {
    super();
    checkInteger("Conv2d: inChannels", inChannels, 0);
    checkInteger("Conv2d: outChannels", outChannels, 0);
    const { stride, padding, dilation, groups, bias, paddingMode, ...placement } = withDefaults("Conv2d", options, DEFAULTS);
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = checkPair("Conv2d: kernelSize", kernelSize);
    this.stride = checkPair("Conv2d: stride", stride);
    this.dilation = checkPair("Conv2d: dilation", dilation);
    this.padding = checkPadding(padding, this.stride);
    checkInteger("Conv2d: groups", groups, 1);
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new DgsamError("ERR_ARGUMENT", `Conv2d: groups: expected a divisor of inChannels ${inChannels} and of outChannels ${outChannels}, got ${groups}`);
    this.groups = groups;
    checkBoolean("Conv2d: bias", bias);
    checkChoice("Conv2d: paddingMode", paddingMode, ["zeros", "reflect", "replicate", "circular"]);
    this.paddingMode = paddingMode;
    this.#border = paddingMode === "zeros" ? null : this.#borderWidths();
    ({ weight: this.weight, bias: this.bias } = makeWeightAndBias([outChannels, inChannels / groups, ...this.kernelSize], bias, placement));
  }

  #borderWidths(): number[] {
    const { padding } = this;
    // Of an odd total, the end gets one more than the start.
    const sides = [0, 1].map((axis) => {
      const total = padding === "same" ? this.dilation[axis]! * (this.kernelSize[axis]! - 1) : padding === "valid" ? 0 : 2 * padding[axis]!;
      return [Math.floor(total / 2), total - Math.floor(total / 2)];
    });
    return [...sides[1]!, ...sides[0]!];
  }

  /**
   * x [N, inChannels, H, W], or without N, -> [N, outChannels, H', W'] with
   * H' = floor((H + 2 padding - dilation (kernelSize - 1) - 1) / stride + 1).
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  forward(x: Tensor): Tensor {
    const { weight, bias, stride, padding, dilation, groups } = this;
    if (this.#border !== null) return conv2d(pad(x, this.#border, this.paddingMode), weight, bias, stride, 0, dilation, groups);
    if (typeof padding === "string") return conv2dPadded(x, weight, bias, stride, padding, dilation, groups);
    return conv2d(x, weight, bias, stride, padding, dilation, groups);
  }
}

function checkPadding(padding: unknown, stride: readonly number[]): [number, number] | "same" | "valid" {
  if (padding === "same") {
    if (stride.some((step) => step !== 1)) throw new DgsamError("ERR_ARGUMENT", `Conv2d: padding "same" needs stride 1, got stride [${stride.join(", ")}]`);
    return padding;
  }
  if (padding === "valid") return padding;
  if (typeof padding === "string") throw argumentError("Conv2d: padding", "integers, \"same\" or \"valid\"", padding);
  return checkPair("Conv2d: padding", padding, 0);
}
