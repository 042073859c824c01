/** Initialisation in place, with PyTorch's distributions and, for the same seed, its numbers (torch.nn.init). */

import { argumentError, DgsamError } from "../errors.js";
import { noGrad, ops, type Generator, type Tensor } from "../tensor/index.js";

interface Draw {
  /** Default: the default generator. */
  generator?: Generator;
}

export function uniform_(tensor: Tensor, low = 0, high = 1, options: Draw = {}): Tensor {
  return noGrad(() => ops.aten["uniform_.default"](tensor, low, high, { ...options }));
}

export function normal_(tensor: Tensor, mean = 0, std = 1, options: Draw = {}): Tensor {
  return noGrad(() => ops.aten["normal_.default"](tensor, mean, std, { ...options }));
}

export function constant_(tensor: Tensor, value: number): Tensor {
  return noGrad(() => ops.aten["fill_.Scalar"](tensor, value));
}

export function zeros_(tensor: Tensor): Tensor {
  return constant_(tensor, 0);
}

export function ones_(tensor: Tensor): Tensor {
  return constant_(tensor, 1);
}

/** How many inputs reach one output, and how many outputs one input: [fanIn, fanOut] of a weight of two or more dimensions. */
export function calculateFans(tensor: Tensor): [fanIn: number, fanOut: number] {
  const { shape } = tensor;
  if (shape.length < 2) throw new DgsamError("ERR_SHAPE", `fans are defined for weights of two or more dimensions, got shape [${shape.join(", ")}]`);
  const receptive = shape.slice(2).reduce((product, size) => product * size, 1);
  return [shape[1]! * receptive, shape[0]! * receptive];
}

export type Nonlinearity = "linear" | "sigmoid" | "tanh" | "relu" | "leaky_relu" | "selu";

/** How much a nonlinearity asks the standard deviation to be raised. `parameter` is leaky ReLU's slope, default 0.01. */
export function calculateGain(nonlinearity: Nonlinearity, parameter = 0.01): number {
  switch (nonlinearity) {
    case "linear":
    case "sigmoid":
      return 1;
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.SQRT2;
    case "leaky_relu":
      return Math.sqrt(2 / (1 + parameter ** 2));
    case "selu":
      return 3 / 4;
    default:
      throw argumentError("calculateGain(nonlinearity)", "one of linear, sigmoid, tanh, relu, leaky_relu, selu", nonlinearity);
  }
}

export interface KaimingOptions extends Draw {
  /** Slope of the leaky ReLU that follows. Default 0. */
  a?: number;
  /** Keep the variance of the forward pass ("fanIn", default) or of the backward pass. */
  mode?: "fanIn" | "fanOut";
  /** Default "leaky_relu". */
  nonlinearity?: Nonlinearity;
}

function kaimingStd(tensor: Tensor, { a = 0, mode = "fanIn", nonlinearity = "leaky_relu" }: KaimingOptions): number {
  const [fanIn, fanOut] = calculateFans(tensor);
  return calculateGain(nonlinearity, a) / Math.sqrt(mode === "fanIn" ? fanIn : fanOut);
}

function drawOf({ generator }: Draw): Draw {
  return generator === undefined ? {} : { generator };
}

/** He et al. 2015, uniform. */
export function kaimingUniform_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd(tensor, options);
  return uniform_(tensor, -bound, bound, drawOf(options));
}

/** He et al. 2015, normal. */
export function kaimingNormal_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  return normal_(tensor, 0, kaimingStd(tensor, options), drawOf(options));
}

/** Glorot & Bengio 2010, uniform. */
export function xavierUniform_(tensor: Tensor, gain = 1, options: Draw = {}): Tensor {
  const [fanIn, fanOut] = calculateFans(tensor);
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
  return uniform_(tensor, -bound, bound, options);
}

/** Glorot & Bengio 2010, normal. */
export function xavierNormal_(tensor: Tensor, gain = 1, options: Draw = {}): Tensor {
  const [fanIn, fanOut] = calculateFans(tensor);
  return normal_(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), options);
}
