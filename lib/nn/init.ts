/**
 * Initialisation in place, as torch.nn.init: PyTorch's distributions and, for the same seed, its numbers. Nothing is
 * recorded for differentiation; each function returns its tensor.
 */

import { checkChoice, checkNumber, withDefaults } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import { emptyLike, noGrad, ops, scope, tensor as fromNumbers, type Generator, type Tensor } from "../tensor/index.js";
import { checkTensor } from "./checks.js";

export interface DrawOptions {
  /** Where to draw from. Default null: the device's default generator. */
  generator?: Generator | null;
}

const DRAW_DEFAULTS: Required<DrawOptions> = { generator: null };

/** Uniform in [low, high). @throws DgsamError `ERR_ARGUMENT`, `ERR_DTYPE` */
export function uniform_<T extends Tensor>(tensor: T, low = 0, high = 1, options: DrawOptions = {}): T {
  checkTensor("uniform_(tensor)", tensor);
  const { generator } = withDefaults("uniform_", options, DRAW_DEFAULTS);
  return noGrad(() => ops.aten["uniform_.default"](tensor, low, high, { generator }));
}

/** Normal with a mean and a standard deviation. @throws DgsamError `ERR_ARGUMENT`, `ERR_DTYPE` */
export function normal_<T extends Tensor>(tensor: T, mean = 0, std = 1, options: DrawOptions = {}): T {
  checkTensor("normal_(tensor)", tensor);
  const { generator } = withDefaults("normal_", options, DRAW_DEFAULTS);
  return noGrad(() => ops.aten["normal_.default"](tensor, mean, std, { generator }));
}

function fill<T extends Tensor>(name: string, tensor: T, value: number): T {
  checkTensor(`${name}(tensor)`, tensor);
  return noGrad(() => ops.aten["fill_.Scalar"](tensor, value));
}

/** Every element `value`. @throws DgsamError `ERR_ARGUMENT` */
export function constant_<T extends Tensor>(tensor: T, value: number): T {
  return fill("constant_", tensor, value);
}

/** All zeros. @throws DgsamError `ERR_ARGUMENT` */
export function zeros_<T extends Tensor>(tensor: T): T {
  return fill("zeros_", tensor, 0);
}

/** All ones. @throws DgsamError `ERR_ARGUMENT` */
export function ones_<T extends Tensor>(tensor: T): T {
  return fill("ones_", tensor, 1);
}

/**
 * How many inputs reach one output, and how many outputs one input reaches, of a weight [out, in, ...kernel].
 *
 * @throws DgsamError `ERR_SHAPE` for fewer than two dimensions; `ERR_ARGUMENT`
 */
export function calculateFanInAndFanOut(tensor: Tensor): [fanIn: number, fanOut: number] {
  checkTensor("calculateFanInAndFanOut(tensor)", tensor);
  const { shape } = tensor;
  if (shape.length < 2) throw new DgsamError("ERR_SHAPE", `calculateFanInAndFanOut: expected a tensor of at least two dimensions, got shape [${shape.join(", ")}]`);
  const receptiveField = shape.slice(2).reduce((product, size) => product * size, 1);
  return [shape[1]! * receptiveField, shape[0]! * receptiveField];
}

/** Nonlinearities that a gain is known for, by PyTorch's names. */
export type Nonlinearity =
  | "linear" | "conv1d" | "conv2d" | "conv3d" | "conv_transpose1d" | "conv_transpose2d" | "conv_transpose3d" | "sigmoid" | "tanh" | "relu" | "leaky_relu"
  | "selu";

/**
 * What to multiply a standard deviation by before a nonlinearity.
 *
 * @param parameter the negative slope of `"leaky_relu"`
 * @throws DgsamError `ERR_ARGUMENT`
 */
export function calculateGain(nonlinearity: Nonlinearity, parameter = 0.01): number {
  checkNumber("calculateGain(parameter)", parameter, -Infinity);
  switch (nonlinearity) {
    case "linear":
    case "conv1d":
    case "conv2d":
    case "conv3d":
    case "conv_transpose1d":
    case "conv_transpose2d":
    case "conv_transpose3d":
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
      throw argumentError("calculateGain(nonlinearity)", "one of linear, conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d, sigmoid, tanh, relu, leaky_relu, selu", nonlinearity);
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

const KAIMING_DEFAULTS: Required<KaimingOptions> = { a: 0, mode: "fan_in", nonlinearity: "leaky_relu", generator: null };

/** The standard deviation and where to draw from. */
function kaimingDraw(name: string, tensor: Tensor, options: KaimingOptions): { std: number; draw: DrawOptions } {
  const { a, mode, nonlinearity, generator } = withDefaults(name, options, KAIMING_DEFAULTS);
  checkTensor(`${name}(tensor)`, tensor);
  checkNumber(`${name}: a`, a, -Infinity);
  checkChoice(`${name}: mode`, mode, ["fan_in", "fan_out"]);
  const [fanIn, fanOut] = calculateFanInAndFanOut(tensor);
  const fan = mode === "fan_in" ? fanIn : fanOut;
  // Without elements there is nothing to draw, and the fan may be 0.
  return { std: tensor.numel === 0 ? 0 : calculateGain(nonlinearity, a) / Math.sqrt(fan), draw: { generator } };
}

/** He initialisation, uniform within gain * sqrt(3 / fan) (arXiv 1502.01852). @throws DgsamError `ERR_ARGUMENT`, `ERR_SHAPE`, `ERR_DTYPE` */
export function kaimingUniform_<T extends Tensor>(tensor: T, options: KaimingOptions = {}): T {
  const { std, draw } = kaimingDraw("kaimingUniform_", tensor, options);
  const bound = Math.sqrt(3) * std;
  return uniform_(tensor, -bound, bound, draw);
}

/** He initialisation, normal with standard deviation gain / sqrt(fan) (arXiv 1502.01852). @throws DgsamError `ERR_ARGUMENT`, `ERR_SHAPE`, `ERR_DTYPE` */
export function kaimingNormal_<T extends Tensor>(tensor: T, options: KaimingOptions = {}): T {
  const { std, draw } = kaimingDraw("kaimingNormal_", tensor, options);
  return normal_(tensor, 0, std, draw);
}

export interface XavierOptions extends DrawOptions {
  /** Default 1; see {@link calculateGain}. */
  gain?: number;
}

const XAVIER_DEFAULTS: Required<XavierOptions> = { gain: 1, generator: null };

function xavierDraw(name: string, tensor: Tensor, options: XavierOptions): { std: number; draw: DrawOptions } {
  const { gain, generator } = withDefaults(name, options, XAVIER_DEFAULTS);
  checkTensor(`${name}(tensor)`, tensor);
  checkNumber(`${name}: gain`, gain, -Infinity);
  const [fanIn, fanOut] = calculateFanInAndFanOut(tensor);
  return { std: tensor.numel === 0 ? 0 : gain * Math.sqrt(2 / (fanIn + fanOut)), draw: { generator } };
}

/** Glorot initialisation, uniform within gain * sqrt(6 / (fanIn + fanOut)) (Glorot & Bengio, AISTATS 2010). @throws as {@link kaimingUniform_} */
export function xavierUniform_<T extends Tensor>(tensor: T, options: XavierOptions = {}): T {
  const { std, draw } = xavierDraw("xavierUniform_", tensor, options);
  const bound = Math.sqrt(3) * std;
  return uniform_(tensor, -bound, bound, draw);
}

/** Glorot initialisation, normal with standard deviation gain * sqrt(2 / (fanIn + fanOut)) (Glorot & Bengio, AISTATS 2010). @throws as {@link kaimingUniform_} */
export function xavierNormal_<T extends Tensor>(tensor: T, options: XavierOptions = {}): T {
  const { std, draw } = xavierDraw("xavierNormal_", tensor, options);
  return normal_(tensor, 0, std, draw);
}

export interface TruncatedOptions extends DrawOptions {
  /** Smallest value, itself and no multiple of the standard deviation. Default -2. */
  low?: number;
  /** Largest value. Default 2. */
  high?: number;
}

/**
 * Normal, with what falls outside of [low, high] drawn anew, as torch.nn.init.trunc_normal_.
 *
 * @throws DgsamError `ERR_ARGUMENT`, also where at most 30% of the draws would fall inside: PyTorch draws otherwise there; `ERR_DTYPE`
 */
export function truncNormal_<T extends Tensor>(tensor: T, mean = 0, std = 1, options: TruncatedOptions = {}): T {
  checkTensor("truncNormal_(tensor)", tensor);
  checkNumber("truncNormal_: mean", mean, -Infinity);
  checkNumber("truncNormal_: std", std, Number.MIN_VALUE);
  const { low, high, generator } = withDefaults<Required<TruncatedOptions>>("truncNormal_", options, { low: -2, high: 2, generator: null });
  checkNumber("truncNormal_: low", low, -Infinity);
  checkNumber("truncNormal_: high", high, low);
  // Nothing can be drawn there, nor compared.
  if (tensor.device === "meta") return tensor;
  const { aten } = ops;
  noGrad(() =>
    scope(() => {
      const [below, above] = aten["special_ndtr.default"](fromNumbers([(low - mean) / std, (high - mean) / std], { dtype: "float64" })).toArray() as [number, number];
      if (above - below <= 0.3)
        throw new DgsamError("ERR_ARGUMENT", `truncNormal_: expected low and high between which more than 30% of the draws fall, got [${low}, ${high}] for mean ${mean} and std ${std}`);
      // Rounded as the draws are, or a bound that was drawn could be taken for a value beyond it.
      const [lowest, highest] = aten["unbind.int"](fromNumbers([low, high], { dtype: tensor.dtype, device: tensor.device })) as [Tensor, Tensor];
      aten["normal_.default"](tensor, mean, std, { generator });
      for (;;) {
        const outside = aten["logical_or.default"](aten["lt.Tensor"](tensor, lowest), aten["gt.Tensor"](tensor, highest));
        if (aten["any.default"](outside).item() === false) break;
        aten["copy_.default"](tensor, aten["where.self"](outside, aten["normal_.default"](emptyLike(tensor), mean, std, { generator }), tensor));
      }
    }),
  );
  return tensor;
}
