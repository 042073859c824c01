/**
 * New tensors: filled, counted and random.
 *
 * The default dtype is float32 wherever a JavaScript number says nothing: `full([2], 1)` and `arange(3)` are float32
 * where PyTorch, told an int, makes int64. Pass `dtype: "int64"`, or bigints, for integers. `randint` and `randperm`
 * are int64, as in PyTorch. Draws equal PyTorch's for the same seed.
 */

import { argumentError } from "../errors.js";
import type { Device, DType, Layout, MemoryFormat } from "./dtype.js";
import type { Generator } from "./generator.js";
import { ops, type OperatorFunction } from "./operators.js";
import { Complex, type ScalarLike } from "./scalars.js";
import { Tensor } from "./tensor.js";

export interface CreationOptions<D extends DType = DType> {
  /** Element type. Default float32. */
  dtype?: D;
  /** Default `"cpu"`. */
  device?: Device;
  /** Record operations on it. Default false. */
  requiresGrad?: boolean;
}

export interface RandomOptions<D extends DType = DType> extends CreationOptions<D> {
  /** Where to draw from. Default: the device's default generator. */
  generator?: Generator;
}

export interface LikeOptions<D extends DType = DType> {
  /** Default: the dtype of the model tensor. */
  dtype?: D;
  /** Default: the device of the model tensor. */
  device?: Device;
  layout?: Layout;
  memoryFormat?: MemoryFormat;
  requiresGrad?: boolean;
}

function finish<D extends DType>(made: unknown, options: { requiresGrad?: boolean }): Tensor<D> {
  const result = made as Tensor<D>;
  if (options.requiresGrad !== undefined) result.requiresGrad = options.requiresGrad;
  return result;
}

// undefined takes the schema's default, so a keyword can be handed on unseen.
function keywords(options: CreationOptions, dtype: DType | undefined): Record<string, unknown> {
  return { dtype: options.dtype ?? dtype, device: options.device };
}

/** Any typed operator. */
type Factory = (...args: never[]) => unknown;

function create<D extends DType>(factory: Factory, args: unknown[], options: CreationOptions<D>, dtype: DType | undefined = "float32"): Tensor<D> {
  return finish((factory as OperatorFunction)(...args, keywords(options, dtype)), options);
}

// With a generator PyTorch calls another overload.
function draw<D extends DType>(plain: Factory, seeded: Factory, args: unknown[], options: RandomOptions<D>, dtype: DType): Tensor<D> {
  const { generator } = options;
  const operator = (generator === undefined ? plain : seeded) as OperatorFunction;
  return finish(operator(...args, { ...keywords(options, dtype), ...(generator === undefined ? {} : { generator }) }), options);
}

/** All zeros. */
export function zeros<D extends DType = "float32">(shape: readonly number[], options: CreationOptions<D> = {}): Tensor<D> {
  return create(ops.aten["zeros.default"], [shape], options);
}

/** All ones. */
export function ones<D extends DType = "float32">(shape: readonly number[], options: CreationOptions<D> = {}): Tensor<D> {
  return create(ops.aten["ones.default"], [shape], options);
}

/** The dtype a lone fill value stands for. */
function dtypeOf(value: ScalarLike): DType {
  if (typeof value === "bigint") return "int64";
  if (typeof value === "boolean") return "bool";
  return value instanceof Complex ? "complex64" : "float32";
}

/** All `value`: float32 for a number, int64 for a bigint, bool for a boolean, complex64 for complex(), unless `dtype` says otherwise. */
export function full<D extends DType = DType>(shape: readonly number[], value: ScalarLike, options: CreationOptions<D> = {}): Tensor<D> {
  return create(ops.aten["full.default"], [shape, value], options, dtypeOf(value));
}

/** Whatever the memory held: every element is to be written before it is read. */
export function empty<D extends DType = "float32">(shape: readonly number[], options: CreationOptions<D> & { memoryFormat?: MemoryFormat } = {}): Tensor<D> {
  return finish(ops.aten["empty.memory_format"](shape, { ...keywords(options, "float32"), memory_format: options.memoryFormat }), options);
}

type Bound = number | bigint;

/** From `start` (default 0) to below `end` in steps of `step` (default 1). float32, or int64 where all bounds are bigints. */
export function arange<D extends DType = DType>(end: Bound, options?: CreationOptions<D>): Tensor<D>;
export function arange<D extends DType = DType>(start: Bound, end: Bound, options?: CreationOptions<D>): Tensor<D>;
export function arange<D extends DType = DType>(start: Bound, end: Bound, step: Bound, options?: CreationOptions<D>): Tensor<D>;
export function arange<D extends DType = DType>(...args: (Bound | CreationOptions<D> | undefined)[]): Tensor<D> {
  const bounds = args.filter((each): each is Bound => typeof each === "number" || typeof each === "bigint");
  const options = (args.find((each) => typeof each === "object") ?? {}) as CreationOptions<D>;
  if (bounds.length === 0) throw argumentError("arange(end)", "a number or bigint", args[0]);
  const [start, end, step] = bounds.length === 1 ? [0, bounds[0]!, 1] : [bounds[0]!, bounds[1]!, bounds[2] ?? 1];
  const dtype = bounds.every((each) => typeof each === "bigint") ? "int64" : "float32";
  return create(ops.aten["arange.start_step"], [start, end, step], options, dtype);
}

/** `steps` numbers from `start` to `end`, both included, at equal distance. */
export function linspace<D extends DType = "float32">(start: number, end: number, steps: number, options: CreationOptions<D> = {}): Tensor<D> {
  return create(ops.aten["linspace.default"], [start, end, steps], options);
}

/** The identity matrix of `n` rows and `m` (default `n`) columns. */
export function eye<D extends DType = "float32">(n: number, options?: CreationOptions<D>): Tensor<D>;
export function eye<D extends DType = "float32">(n: number, m: number, options?: CreationOptions<D>): Tensor<D>;
export function eye<D extends DType = "float32">(n: number, mOrOptions?: number | CreationOptions<D>, options?: CreationOptions<D>): Tensor<D> {
  const m = typeof mOrOptions === "number" ? mOrOptions : n;
  return create(ops.aten["eye.m"], [n, m], (typeof mOrOptions === "object" ? mOrOptions : options) ?? {});
}

/** Uniform in [0, 1). */
export function rand<D extends DType = "float32">(shape: readonly number[], options: RandomOptions<D> = {}): Tensor<D> {
  return draw(ops.aten["rand.default"], ops.aten["rand.generator"], [shape], options, "float32");
}

/** Standard normal. */
export function randn<D extends DType = "float32">(shape: readonly number[], options: RandomOptions<D> = {}): Tensor<D> {
  return draw(ops.aten["randn.default"], ops.aten["randn.generator"], [shape], options, "float32");
}

/** Integers from `low` (default 0) to below `high`, each alike likely; int64 by default. */
export function randint<D extends DType = "int64">(high: number, shape: readonly number[], options?: RandomOptions<D>): Tensor<D>;
export function randint<D extends DType = "int64">(low: number, high: number, shape: readonly number[], options?: RandomOptions<D>): Tensor<D>;
export function randint<D extends DType = "int64">(...args: unknown[]): Tensor<D> {
  const [low, high, shape, options] = Array.isArray(args[1]) ? [0, args[0], args[1], args[2]] : args;
  return draw(ops.aten["randint.low"], ops.aten["randint.low_generator"], [low, high, shape], (options ?? {}) as RandomOptions<D>, "int64");
}

/** A random order of 0 to `n - 1`; int64 by default. */
export function randperm<D extends DType = "int64">(n: number, options: RandomOptions<D> = {}): Tensor<D> {
  return draw(ops.aten["randperm.default"], ops.aten["randperm.generator"], [n], options, "int64");
}

function like<D extends DType>(factory: Factory, args: unknown[], options: LikeOptions<D>): Tensor<D> {
  const { dtype, device, layout, memoryFormat } = options;
  return finish((factory as OperatorFunction)(...args, { dtype, device, layout, memory_format: memoryFormat }), options);
}

/** Zeros of another tensor's shape, dtype and device. */
export function zerosLike<D extends DType>(model: Tensor<D>, options: LikeOptions<D> = {}): Tensor<D> {
  return like(ops.aten["zeros_like.default"], [model], options);
}

/** Ones of another tensor's shape, dtype and device. */
export function onesLike<D extends DType>(model: Tensor<D>, options: LikeOptions<D> = {}): Tensor<D> {
  return like(ops.aten["ones_like.default"], [model], options);
}

/** `value` in another tensor's shape, dtype and device. */
export function fullLike<D extends DType>(model: Tensor<D>, value: ScalarLike, options: LikeOptions<D> = {}): Tensor<D> {
  return like(ops.aten["full_like.default"], [model, value], options);
}

/** Unwritten memory of another tensor's shape, dtype and device. */
export function emptyLike<D extends DType>(model: Tensor<D>, options: LikeOptions<D> = {}): Tensor<D> {
  return like(ops.aten["empty_like.default"], [model], options);
}

/** Uniform in [0, 1), in another tensor's shape, dtype and device. */
export function randLike<D extends DType>(model: Tensor<D>, options: LikeOptions<D> = {}): Tensor<D> {
  return like(ops.aten["rand_like.default"], [model], options);
}

/** Standard normal, in another tensor's shape, dtype and device. */
export function randnLike<D extends DType>(model: Tensor<D>, options: LikeOptions<D> = {}): Tensor<D> {
  return like(ops.aten["randn_like.default"], [model], options);
}

/** Integers from `low` (default 0) to below `high`, in another tensor's shape, dtype and device. */
export function randintLike<D extends DType>(model: Tensor<D>, high: number, options?: LikeOptions<D>): Tensor<D>;
export function randintLike<D extends DType>(model: Tensor<D>, low: number, high: number, options?: LikeOptions<D>): Tensor<D>;
export function randintLike<D extends DType>(model: Tensor<D>, first: number, second?: number | LikeOptions<D>, third?: LikeOptions<D>): Tensor<D> {
  const [low, high, options] = typeof second === "number" ? [first, second, third] : [0, first, second];
  return like(ops.aten["randint_like.low_dtype"], [model, low, high], options ?? {});
}
