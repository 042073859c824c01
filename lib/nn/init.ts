/**
 * Initialisation in place, as torch.nn.init: PyTorch's distributions and, for the same seed, its numbers. Nothing is
 * recorded for differentiation; each function returns its tensor.
 */

import { argumentError, DgsamError } from "../errors.js";
import { noGrad, ops, type Generator, type Tensor } from "../tensor/index.js";
import { checkChoice, checkNumber } from "./checks.js";

export interface DrawOptions {
  /** Where to draw from. Default: the device's default generator. */
  generator?: Generator;
}

/** Uniform in [low, high). */
export function uniform_<T extends Tensor>(tensor: T, low = 0, high = 1, { generator }: DrawOptions = {}): T {
  return noGrad(() => ops.aten["uniform_.default"](tensor, low, high, { generator }));
}

/** Normal with a mean and a standard deviation. */
export function normal_<T extends Tensor>(tensor: T, mean = 0, std = 1, { generator }: DrawOptions = {}): T {
  return noGrad(() => ops.aten["normal_.default"](tensor, mean, std, { generator }));
}

/** Every element `value`. */
export function constant_<T extends Tensor>(tensor: T, value: number): T {
  return noGrad(() => ops.aten["fill_.Scalar"](tensor, value));
}

/** All zeros. */
export function zeros_<T extends Tensor>(tensor: T): T {
  return constant_(tensor, 0);
}

/** All ones. */
export function ones_<T extends Tensor>(tensor: T): T {
  return constant_(tensor, 1);
}

/**
 * How many inputs reach one output, and how many outputs one input reaches, of a weight [out, in, ...kernel].
 *
 * @throws DgsamError `ERR_SHAPE` for fewer than two dimensions
 */
export function calculateFanInAndFanOut(tensor: Tensor): [fanIn: number, fanOut: number] {
  const { shape } = tensor;
  if (shape.length < 2) throw new DgsamError("ERR_SHAPE", `calculateFanInAndFanOut: expected a tensor of at least two dimensions, got shape [${shape.join(", ")}]`);
  const receptiveField = shape.slice(2).reduce((product, size) => product * size, 1);
  return [shape[1]! * receptiveField, shape[0]! * receptiveField];
}

/** Nonlinearities that a gain is known for, by PyTorch's names. */
export type Nonlinearity = "linear" | "conv1d" | "conv2d" | "conv3d" | "sigmoid" | "tanh" | "relu" | "leaky_relu" | "selu";

/**
 * What to multiply a standard deviation by before a nonlinearity.
 *
 * @param parameter the negative slope of `"leaky_relu"`
 */
export function calculateGain(nonlinearity: Nonlinearity, parameter = 0.01): number {
  switch (nonlinearity) {
    case "linear":
    case "conv1d":
    case "conv2d":
    case "conv3d":
    case "sigmoid":
      return 1;
    case "tanh":
      return 5 / 3;
    case "relu":
      return Math.sqrt(2);
    case "leaky_relu":
      return Math.sqrt(2 / (1 + parameter ** 2));
    case "selu":
      return 3 / 4;
    default:
      throw argumentError("calculateGain(nonlinearity)", "one of linear, conv1d, conv2d, conv3d, sigmoid, tanh, relu, leaky_relu, selu", nonlinearity);
  }
}

export interface KaimingOptions extends DrawOptions {
  /** Negative slope of the leaky ReLU that follows. Default 0. */
  a?: number;
  /** Keep the variance of activations (`"fan_in"`, default) or of gradients (`"fan_out"`). */
  mode?: "fan_in" | "fan_out";
  /** Default `"leaky_relu"`. */
  nonlinearity?: Nonlinearity;
}

function kaimingStd(name: string, tensor: Tensor, { a = 0, mode = "fan_in", nonlinearity = "leaky_relu" }: KaimingOptions): number {
  checkNumber(`${name}: a`, a, -Infinity);
  checkChoice(`${name}: mode`, mode, ["fan_in", "fan_out"]);
  const [fanIn, fanOut] = calculateFanInAndFanOut(tensor);
  return calculateGain(nonlinearity, a) / Math.sqrt(mode === "fan_in" ? fanIn : fanOut);
}

/** He initialisation, uniform within gain * sqrt(3 / fan) (arXiv 1502.01852). */
export function kaimingUniform_<T extends Tensor>(tensor: T, options: KaimingOptions = {}): T {
  const bound = Math.sqrt(3) * kaimingStd("kaimingUniform_", tensor, options);
  return uniform_(tensor, -bound, bound, options);
}

/** He initialisation, normal with standard deviation gain / sqrt(fan) (arXiv 1502.01852). */
export function kaimingNormal_<T extends Tensor>(tensor: T, options: KaimingOptions = {}): T {
  return normal_(tensor, 0, kaimingStd("kaimingNormal_", tensor, options), options);
}

export interface XavierOptions extends DrawOptions {
  /** Default 1; see {@link calculateGain}. */
  gain?: number;
}

function xavierStd(tensor: Tensor, { gain = 1 }: XavierOptions): number {
  const [fanIn, fanOut] = calculateFanInAndFanOut(tensor);
  return gain * Math.sqrt(2 / (fanIn + fanOut));
}

/** Glorot initialisation, uniform within gain * sqrt(6 / (fanIn + fanOut)) (Glorot & Bengio, AISTATS 2010). */
export function xavierUniform_<T extends Tensor>(tensor: T, options: XavierOptions = {}): T {
  const bound = Math.sqrt(3) * xavierStd(tensor, options);
  return uniform_(tensor, -bound, bound, options);
}

/** Glorot initialisation, normal with standard deviation gain * sqrt(2 / (fanIn + fanOut)) (Glorot & Bengio, AISTATS 2010). */
export function xavierNormal_<T extends Tensor>(tensor: T, options: XavierOptions = {}): T {
  return normal_(tensor, 0, xavierStd(tensor, options), options);
}
