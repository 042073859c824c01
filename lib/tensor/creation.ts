/**
 * New tensors: filled, counted and random.
 *
 * The default dtype is float32 wherever a JavaScript number says nothing: `full([2], 1)` and `arange(3)` are float32
 * where PyTorch, told an int, makes int64. Pass `dtype: "int64"`, or bigints, for integers. `randint` and `randperm`
 * are int64, as in PyTorch. Draws equal PyTorch's for the same seed.
 */

import { optionsOf } from "../checks.js";
import { argumentError } from "../errors.js";
import type { Device, DType, Layout, MemoryFormat } from "./dtype.js";
import type { Generator } from "./generator.js";
import type { DTypeOfNumber } from "./data-types.js";
import { ops, type OperatorFunction } from "./operators.js";
import { Complex, type ScalarLike } from "./scalars.js";
import { setRequiresGrad, type Tensor } from "./tensor.js";

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
  generator?: Generator | null;
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

export interface RandomLikeOptions<D extends DType = DType> extends LikeOptions<D> {
  /** Where to draw from. Default: the device's default generator. */
  generator?: Generator | null;
}

const CREATION = ["dtype", "device", "requiresGrad"] as const;
const RANDOM = [...CREATION, "generator"] as const;
const LIKE = ["dtype", "device", "layout", "memoryFormat", "requiresGrad"] as const;
const RANDOM_LIKE = [...LIKE, "generator"] as const;

/** Any typed operator. */
type Factory = (...args: never[]) => unknown;

/** Calls a factory; `undefined` takes the schema's default, so a keyword can be handed on unseen. */
function make<D extends DType>(name: string, factory: Factory, args: readonly unknown[], keywords: object, requiresGrad: boolean | undefined): Tensor<D> {
  const made = (factory as OperatorFunction)(...args, keywords) as Tensor<D>;
  if (requiresGrad !== undefined) setRequiresGrad(`${name}: requiresGrad`, made, requiresGrad);
  return made;
}

function create<D extends DType>(name: string, factory: Factory, args: unknown[], options: CreationOptions<D> | undefined, dtype: DType = "float32"): Tensor<D> {
  const { requiresGrad, ...given } = optionsOf(name, options, CREATION);
  return make(name, factory, args, { ...given, dtype: given.dtype ?? dtype }, requiresGrad);
}

/** The draws of a distribution by default, and from a generator: another overload in PyTorch. */
type Draws = readonly [plain: Factory, seeded: Factory];

function draw<D extends DType>(name: string, [plain, seeded]: Draws, args: unknown[], options: RandomOptions<D> | undefined, dtype: DType = "float32"): Tensor<D> {
  const { requiresGrad, generator, ...given } = optionsOf(name, options, RANDOM);
  const keywords = { ...given, dtype: given.dtype ?? dtype };
  return generator == null ? make(name, plain, args, keywords, requiresGrad) : make(name, seeded, args, { ...keywords, generator }, requiresGrad);
}

/** Sizes are the one mistake that PyTorch's own spelling invites: `zeros(2, 3)`. */
export function checkShape(name: string, shape: readonly number[]): readonly number[] {
  if (typeof shape === "number") throw argumentError(`${name}(shape)`, `an array of sizes, as in ${name}([2, 3])`, shape);
  return shape;
}

// NoInfer, wherever an option that may be left out gives the dtype: TypeScript would take that of `const t: Tensor<"int64"> = zeros([2])` from the
// type that is expected, not the default.

/** All zeros. */
export function zeros<D extends DType = "float32">(shape: readonly number[], options?: CreationOptions<D>): Tensor<NoInfer<D>> {
  return create("zeros", ops.aten["zeros.default"], [checkShape("zeros", shape)], options);
}

/** All ones. */
export function ones<D extends DType = "float32">(shape: readonly number[], options?: CreationOptions<D>): Tensor<NoInfer<D>> {
  return create("ones", ops.aten["ones.default"], [checkShape("ones", shape)], options);
}

/** The dtype a lone fill value stands for. */
function dtypeOf(value: ScalarLike): DType {
  if (typeof value === "bigint") return "int64";
  if (typeof value === "boolean") return "bool";
  return value instanceof Complex ? "complex64" : "float32";
}

/** All `value`: float32 for a number, int64 for a bigint, bool for a boolean, complex64 for complex(), unless `dtype` says otherwise. */
export function full<V extends ScalarLike, D extends DType = DTypeOfNumber<V>>(shape: readonly number[], value: V, options?: CreationOptions<D>): Tensor<NoInfer<D>> {
  return create("full", ops.aten["full.default"], [checkShape("full", shape), value], options, dtypeOf(value));
}

/** Whatever the memory held: every element is to be written before it is read. */
export function empty<D extends DType = "float32">(shape: readonly number[], options?: CreationOptions<D> & { memoryFormat?: MemoryFormat }): Tensor<NoInfer<D>> {
  const { requiresGrad, memoryFormat, ...given } = optionsOf("empty", options, [...CREATION, "memoryFormat"]);
  const keywords = { ...given, dtype: given.dtype ?? "float32", memory_format: memoryFormat };
  return make("empty", ops.aten["empty.memory_format"], [checkShape("empty", shape)], keywords, requiresGrad);
}

type Bound = number | bigint;

/** From `start` (default 0) to below `end` in steps of `step` (default 1). float32, or int64 where all bounds are bigints. */
export function arange<B extends Bound, D extends DType = DTypeOfNumber<B>>(end: B, options?: CreationOptions<D>): Tensor<NoInfer<D>>;
export function arange<B extends Bound, D extends DType = DTypeOfNumber<B>>(start: B, end: B, options?: CreationOptions<D>): Tensor<NoInfer<D>>;
export function arange<B extends Bound, D extends DType = DTypeOfNumber<B>>(start: B, end: B, step: B, options?: CreationOptions<D>): Tensor<NoInfer<D>>;
export function arange<D extends DType>(...args: (Bound | CreationOptions<D> | undefined)[]): Tensor<D> {
  const isBound = (each: unknown): each is Bound => typeof each === "number" || typeof each === "bigint";
  const firstOther = args.findIndex((each) => !isBound(each));
  const bounds = args.slice(0, firstOther === -1 ? 3 : firstOther).filter(isBound);
  const [options, ...more] = args.slice(bounds.length).filter((each) => each !== undefined);
  if (bounds.length === 0) throw argumentError("arange(end)", "a number or bigint", args[0]);
  if (more.length > 0) throw argumentError("arange(start, end, step)", "numbers or bigints, then options", options);
  const [start, end, step] = bounds.length === 1 ? [0, bounds[0]!, 1] : [bounds[0]!, bounds[1]!, bounds[2] ?? 1];
  const dtype = bounds.every((each) => typeof each === "bigint") ? "int64" : "float32";
  return create("arange", ops.aten["arange.start_step"], [start, end, step], options as CreationOptions<D> | undefined, dtype);
}

/** `steps` numbers from `start` to `end`, both included, at equal distance. */
export function linspace<D extends DType = "float32">(start: number, end: number, steps: number, options?: CreationOptions<D>): Tensor<NoInfer<D>> {
  return create("linspace", ops.aten["linspace.default"], [start, end, steps], options);
}

/** `steps` numbers from `base ** start` to `base ** end` (`base` 10 by default), both included, at equal ratio. */
export function logspace<D extends DType = "float32">(
  start: number, end: number, steps: number, base?: number | (CreationOptions<D> & { base?: number }), options?: CreationOptions<D>,
): Tensor<NoInfer<D>> {
  const { base: named, ...others } = typeof base === "object" ? optionsOf("logspace", base, [...CREATION, "base"]) : { base };
  return create("logspace", ops.aten["logspace.default"], [start, end, steps, named], typeof base === "object" ? others : options);
}

/** The identity matrix of `n` rows and `m` (default `n`) columns. */
export function eye<D extends DType = "float32">(n: number, options?: CreationOptions<D>): Tensor<NoInfer<D>>;
export function eye<D extends DType = "float32">(n: number, m: number, options?: CreationOptions<D>): Tensor<NoInfer<D>>;
export function eye<D extends DType = "float32">(n: number, mOrOptions?: number | CreationOptions<D>, options?: CreationOptions<D>): Tensor<NoInfer<D>> {
  const m = typeof mOrOptions === "number" ? mOrOptions : n;
  return create("eye", ops.aten["eye.m"], [n, m], typeof mOrOptions === "number" ? options : (mOrOptions ?? options));
}

export interface TriangleOptions<D extends DType = DType> extends CreationOptions<D> {
  /** The diagonal at the edge: 0 the main one, positive above it. Default 0. */
  offset?: number;
}

function triangle<D extends DType>(name: string, factory: Factory, row: number, col: number, offset: number | TriangleOptions<D> | undefined, options: CreationOptions<D> | undefined): Tensor<D> {
  if (typeof offset === "number" || offset === undefined) return create(name, factory, [row, col, offset ?? 0], options, "int64");
  const { offset: named = 0, ...others } = optionsOf(name, offset, [...CREATION, "offset"]);
  return create(name, factory, [row, col, named], others as CreationOptions<D>, "int64");
}

/** The indices of the lower triangle of a `row` by `col` matrix, up to a diagonal: `[2, count]`, int64 by default. */
export function trilIndices<D extends DType = "int64">(row: number, col: number, offset?: number | TriangleOptions<D>, options?: CreationOptions<D>): Tensor<NoInfer<D>> {
  return triangle("trilIndices", ops.aten["tril_indices.default"], row, col, offset, options);
}

/** The indices of the upper triangle of a `row` by `col` matrix, from a diagonal on: `[2, count]`, int64 by default. */
export function triuIndices<D extends DType = "int64">(row: number, col: number, offset?: number | TriangleOptions<D>, options?: CreationOptions<D>): Tensor<NoInfer<D>> {
  return triangle("triuIndices", ops.aten["triu_indices.default"], row, col, offset, options);
}

/** Uniform in [0, 1). */
export function rand<D extends DType = "float32">(shape: readonly number[], options?: RandomOptions<D>): Tensor<NoInfer<D>> {
  return draw("rand", [ops.aten["rand.default"], ops.aten["rand.generator"]], [checkShape("rand", shape)], options);
}

/** Standard normal. */
export function randn<D extends DType = "float32">(shape: readonly number[], options?: RandomOptions<D>): Tensor<NoInfer<D>> {
  return draw("randn", [ops.aten["randn.default"], ops.aten["randn.generator"]], [checkShape("randn", shape)], options);
}

/** Integers from `low` (default 0) to below `high`, each alike likely; int64 by default. */
export function randint<D extends DType = "int64">(high: number, shape: readonly number[], options?: RandomOptions<D>): Tensor<NoInfer<D>>;
export function randint<D extends DType = "int64">(low: number, high: number, shape: readonly number[], options?: RandomOptions<D>): Tensor<NoInfer<D>>;
export function randint<D extends DType = "int64">(...args: unknown[]): Tensor<D> {
  const [low, high, shape, options] = Array.isArray(args[1]) ? [0, args[0], args[1], args[2]] : args;
  return draw("randint", [ops.aten["randint.low"], ops.aten["randint.low_generator"]], [low, high, shape], options as RandomOptions<D> | undefined, "int64");
}

/** A random order of 0 to `n - 1`; int64 by default. */
export function randperm<D extends DType = "int64">(n: number, options?: RandomOptions<D>): Tensor<NoInfer<D>> {
  return draw("randperm", [ops.aten["randperm.default"], ops.aten["randperm.generator"]], [n], options, "int64");
}

function like<D extends DType>(name: string, factory: Factory, args: unknown[], options: LikeOptions<D> | undefined): Tensor<D> {
  const { requiresGrad, memoryFormat, ...given } = optionsOf(name, options, LIKE);
  return make(name, factory, args, { ...given, memory_format: memoryFormat }, requiresGrad);
}

function drawLike<D extends DType>(name: string, [plain, seeded]: Draws, args: unknown[], options: RandomLikeOptions<D> | undefined): Tensor<D> {
  const { requiresGrad, memoryFormat, generator, ...given } = optionsOf(name, options, RANDOM_LIKE);
  const keywords = { ...given, memory_format: memoryFormat };
  return generator == null ? make(name, plain, args, keywords, requiresGrad) : make(name, seeded, args, { ...keywords, generator }, requiresGrad);
}

/** Zeros of another tensor's shape, dtype and device. */
export function zerosLike<D extends DType, E extends DType = D>(model: Tensor<D>, options?: LikeOptions<E>): Tensor<NoInfer<E>> {
  return like("zerosLike", ops.aten["zeros_like.default"], [model], options);
}

/** Ones of another tensor's shape, dtype and device. */
export function onesLike<D extends DType, E extends DType = D>(model: Tensor<D>, options?: LikeOptions<E>): Tensor<NoInfer<E>> {
  return like("onesLike", ops.aten["ones_like.default"], [model], options);
}

/** `value` in another tensor's shape, dtype and device. */
export function fullLike<D extends DType, E extends DType = D>(model: Tensor<D>, value: ScalarLike, options?: LikeOptions<E>): Tensor<NoInfer<E>> {
  return like("fullLike", ops.aten["full_like.default"], [model, value], options);
}

/** Unwritten memory of another tensor's shape, dtype and device. */
export function emptyLike<D extends DType, E extends DType = D>(model: Tensor<D>, options?: LikeOptions<E>): Tensor<NoInfer<E>> {
  return like("emptyLike", ops.aten["empty_like.default"], [model], options);
}

/** Uniform in [0, 1), in another tensor's shape, dtype and device. */
export function randLike<D extends DType, E extends DType = D>(model: Tensor<D>, options?: RandomLikeOptions<E>): Tensor<NoInfer<E>> {
  return drawLike("randLike", [ops.aten["rand_like.default"], ops.aten["rand_like.generator"]], [model], options);
}

/** Standard normal, in another tensor's shape, dtype and device. */
export function randnLike<D extends DType, E extends DType = D>(model: Tensor<D>, options?: RandomLikeOptions<E>): Tensor<NoInfer<E>> {
  return drawLike("randnLike", [ops.aten["randn_like.default"], ops.aten["randn_like.generator"]], [model], options);
}

/** Integers from `low` (default 0) to below `high`, in another tensor's shape, dtype and device. */
export function randintLike<D extends DType, E extends DType = D>(model: Tensor<D>, high: number, options?: RandomLikeOptions<E>): Tensor<NoInfer<E>>;
export function randintLike<D extends DType, E extends DType = D>(model: Tensor<D>, low: number, high: number, options?: RandomLikeOptions<E>): Tensor<NoInfer<E>>;
export function randintLike<D extends DType, E extends DType = D>(model: Tensor<D>, first: number, second?: number | RandomLikeOptions<E>, third?: RandomLikeOptions<E>): Tensor<NoInfer<E>> {
  const [low, high, options] = typeof second === "number" ? [first, second, third] : [0, first, second ?? third];
  return drawLike("randintLike", [ops.aten["randint_like.low_dtype"], ops.aten["randint_like.low_generator_dtype"]], [model, low, high], options);
}
