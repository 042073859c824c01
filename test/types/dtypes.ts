/** What is expected of a new tensor does not decide its dtype: data and options do. Compiled by types.test.ts, never run. */
import {
  arange, Buffer as TensorBuffer, cat, empty, emptyLike, eye, fromBytes, full, fullLike, linspace, logspace, normal, ones, onesLike, Parameter, rand, randint, randintLike,
  randLike, randn, randnLike, randperm, relu, scope, stack, tensor, trilIndices, triuIndices, where, zeros, zerosLike,
  type CreationOptions, type DataOf, type DType, type LikeOptions, type RandomOptions, type Tensor, type TensorOptions,
} from "dgsam";
import { expectTypeOf } from "vitest";

declare const f32: Tensor<"float32">;
declare const i64: Tensor<"int64">;
declare const mask: Tensor<"bool">;
declare const bytes: Uint8Array;
declare const dtype: DType;
declare const either: "float32" | "float64";
declare function takesFloat64(x: Tensor<"float64">): void;
declare function takesAny(x: Tensor): void;

// Nothing said: the default, whatever is expected.
// @ts-expect-error numbers make float32
tensor([1]) satisfies Tensor<"float64">;
// @ts-expect-error bigints make int64
tensor([1n]) satisfies Tensor<"float32">;
// @ts-expect-error a typed array has its own
tensor(new Float64Array(2)) satisfies Tensor<"int64">;
// @ts-expect-error other options say nothing
tensor([1], { requiresGrad: true }) satisfies Tensor<"float64">;
// @ts-expect-error uint8
fromBytes(bytes) satisfies Tensor<"float32">;
// @ts-expect-error uint8
fromBytes(bytes, { shape: [2] }) satisfies Tensor<"int64">;
// @ts-expect-error float32
zeros([2]) satisfies Tensor<"float64">;
// @ts-expect-error float32
zeros([2], { device: "cpu" }) satisfies Tensor<"float64">;
// @ts-expect-error float32
ones([2]) satisfies Tensor<"int64">;
// @ts-expect-error float32
empty([2]) satisfies Tensor<"int64">;
// @ts-expect-error float32
empty([2], { memoryFormat: "channels_last" }) satisfies Tensor<"int64">;
// @ts-expect-error the value's: float32
full([2], 1) satisfies Tensor<"int64">;
// @ts-expect-error the value's: int64
full([2], 1n) satisfies Tensor<"float32">;
// @ts-expect-error float32
arange(3) satisfies Tensor<"int64">;
// @ts-expect-error float32
arange(0, 3) satisfies Tensor<"int64">;
// @ts-expect-error int64
arange(0n, 3n, 1n) satisfies Tensor<"float32">;
// @ts-expect-error float32
linspace(0, 1, 3) satisfies Tensor<"float64">;
// @ts-expect-error float32
logspace(0, 1, 3) satisfies Tensor<"float64">;
// @ts-expect-error float32
logspace(0, 1, 3, { base: 2 }) satisfies Tensor<"float64">;
// @ts-expect-error float32
eye(3) satisfies Tensor<"int64">;
// @ts-expect-error float32
eye(3, 2) satisfies Tensor<"int64">;
// @ts-expect-error int64
trilIndices(2, 2) satisfies Tensor<"int32">;
// @ts-expect-error int64
triuIndices(2, 2, 1) satisfies Tensor<"int32">;
// @ts-expect-error float32
rand([2]) satisfies Tensor<"float64">;
// @ts-expect-error float32
randn([2]) satisfies Tensor<"float64">;
// @ts-expect-error float32
randn([2], { generator: null }) satisfies Tensor<"float64">;
// @ts-expect-error int64
randint(3, [2]) satisfies Tensor<"float32">;
// @ts-expect-error int64
randint(0, 3, [2]) satisfies Tensor<"float32">;
// @ts-expect-error int64
randperm(3) satisfies Tensor<"int32">;
// @ts-expect-error float32
normal(0, 1, [2]) satisfies Tensor<"float64">;
// @ts-expect-error the mean's
normal(f32, 1) satisfies Tensor<"float64">;
// @ts-expect-error the model's
zerosLike(f32) satisfies Tensor<"int64">;
// @ts-expect-error the model's
onesLike(f32) satisfies Tensor<"int64">;
// @ts-expect-error the model's
fullLike(f32, 1n) satisfies Tensor<"int64">;
// @ts-expect-error the model's
emptyLike(f32) satisfies Tensor<"int64">;
// @ts-expect-error the model's
randLike(f32) satisfies Tensor<"float64">;
// @ts-expect-error the model's
randnLike(f32, { device: "cpu" }) satisfies Tensor<"float64">;
// @ts-expect-error the model's
randintLike(f32, 3) satisfies Tensor<"int64">;
// @ts-expect-error the model's
randintLike(f32, 0, 3) satisfies Tensor<"int64">;
// @ts-expect-error this tensor's
f32.newZeros([2]) satisfies Tensor<"int64">;
// @ts-expect-error this tensor's
f32.newOnes([2]) satisfies Tensor<"int64">;
// @ts-expect-error this tensor's
f32.newFull([2], 1n) satisfies Tensor<"int64">;
// @ts-expect-error this tensor's
f32.newEmpty([2], { device: "cpu" }) satisfies Tensor<"int64">;
// @ts-expect-error this tensor's
f32.to({ copy: true }) satisfies Tensor<"float64">;
// @ts-expect-error this tensor's
f32.to({}) satisfies Tensor<"float64">;

// What is said holds, whatever is expected.
// @ts-expect-error the option's
tensor([1], { dtype: "int8" }) satisfies Tensor<"float64">;
// @ts-expect-error the option's
zeros([2], { dtype: "int8" }) satisfies Tensor<"float32">;
// @ts-expect-error the option's
zerosLike(f32, { dtype: "int8" }) satisfies Tensor<"float32">;
// @ts-expect-error the option's
f32.newZeros([2], { dtype: "int8" }) satisfies Tensor<"float32">;
// @ts-expect-error the option's
f32.to({ dtype: "int8" }) satisfies Tensor<"float32">;
// @ts-expect-error the argument's
f32.to("int8") satisfies Tensor<"float32">;
// @ts-expect-error the option's
f32.sum({ dtype: "float64" }) satisfies Tensor<"float32">;
// @ts-expect-error a variable may hold any
zeros([2], { dtype }) satisfies Tensor<"float32">;
// @ts-expect-error one of two
zeros([2], { dtype: either }) satisfies Tensor<"float32">;

// Neither do a variable's type, an argument's, a result's, nor what lies between.
// @ts-expect-error float32
const declared: Tensor<"float64"> = tensor([1]);
// @ts-expect-error float32
takesFloat64(zeros([2]));
// @ts-expect-error float32
const returned = (): Tensor<"float64"> => randn([2]);
// @ts-expect-error float32
const inside: { x: Tensor<"float64">; y: number } = { x: ones([2]), y: 1 };
// @ts-expect-error float32
const between: Tensor<"float64"> = relu(tensor([1]));
// @ts-expect-error float32
const joined: Tensor<"float64"> = cat([zeros([1]), zeros([1])]);
// @ts-expect-error float32
const scoped: Tensor<"float64"> = scope(() => zeros([2]));
// @ts-expect-error float32
const parameter: Parameter<"float64"> = new Parameter(zeros([2]));
// @ts-expect-error float32
const values: BigInt64Array = (zeros([1]) as Tensor<"int64">).data();

// Right uses, with the type that is expected.
const tensors: [Tensor<"float32">, Tensor<"int64">, Tensor<"float64">, Tensor<"bfloat16">, Tensor<"bool">] =
  [tensor([1]), tensor([1n]), tensor(new Float64Array(2)), tensor([1], { dtype: "bfloat16" }), tensor([[true]])];
const zero: Tensor<"float64"> = zeros([2], { dtype: "float64" });
const none: Tensor<"float64"> | null = zeros([2], { dtype: "float64" });
const constant = (): Tensor<"int64"> => full([2], 1n);
const member: { x: Tensor<"float64"> } = { x: randn([2], { dtype: "float64", generator: null }) };
const activated: Tensor<"float64"> = relu(tensor([1], { dtype: "float64" }));
const stacked: Tensor<"float64"> = stack([zeros([1], { dtype: "float64" }), ones([1], { dtype: "float64" })]);
const chosen: Tensor<"float32"> = where(mask, zeros([1]), f32);
const kept: Parameter<"float64"> = new Parameter(zeros([2], { dtype: "float64" }));
const still: TensorBuffer<"int64"> = new TensorBuffer(arange(3n));
takesFloat64(linspace(0, 1, 3, { dtype: "float64" }));

// Any tensor will do where the dtype is not said.
const list: Tensor[] = [
  tensor([1]), tensor([1n]), fromBytes(bytes), zeros([1]), ones([1]), empty([1]), full([1], 1), arange(3), linspace(0, 1, 2), logspace(0, 1, 2), eye(2), trilIndices(2, 2),
  triuIndices(2, 2), rand([1]), randn([1]), randint(2, [1]), randperm(2), normal(0, 1, [1]), zerosLike(f32), onesLike(f32), fullLike(f32, 1), emptyLike(f32), randLike(f32),
  randnLike(f32), randintLike(f32, 2), f32.newZeros([1]), f32.newOnes([1]), f32.newFull([1], 1), f32.newEmpty([1]), f32.to({}),
];
takesAny(zeros([2]));
takesAny(zeros([2], { dtype }));
let changing: Tensor = zeros([2]);
changing = tensor([1n]);

// Each function takes the dtype of its options.
expectTypeOf(fromBytes(bytes, { dtype: "float64" })).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(ones([2], { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(empty([2], { dtype: "int8", memoryFormat: "channels_last" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(full([2], 1, { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(arange(3, { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(arange(0, 3, 1, { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(linspace(0, 1, 3, { dtype: "float64" })).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(logspace(0, 1, 3, 2, { dtype: "float64" })).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(logspace(0, 1, 3, { base: 2, dtype: "float64" })).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(eye(2, { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(eye(2, 3, { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(trilIndices(2, 2, { offset: 1, dtype: "int32" })).toEqualTypeOf<Tensor<"int32">>();
expectTypeOf(triuIndices(2, 2, 0, { dtype: "int32" })).toEqualTypeOf<Tensor<"int32">>();
expectTypeOf(rand([2], { dtype: "float64" })).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(randint(3, [2], { dtype: "uint8" })).toEqualTypeOf<Tensor<"uint8">>();
expectTypeOf(randint(0, 3, [2], { dtype: "uint8" })).toEqualTypeOf<Tensor<"uint8">>();
expectTypeOf(randperm(3, { dtype: "int32" })).toEqualTypeOf<Tensor<"int32">>();
expectTypeOf(normal(0, 1, [2], { dtype: "float64" })).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(onesLike(f32, { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(fullLike(f32, 1, { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(emptyLike(f32, { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(randLike(i64, { dtype: "float64" })).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(randnLike(i64, { dtype: "float64" })).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(randintLike(f32, 3, { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(randintLike(f32, 0, 3, { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(f32.newZeros([2], { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(f32.newOnes([2], { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(f32.newEmpty([2], { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(f32.to({ device: "cpu" })).toEqualTypeOf<Tensor<"float32">>();

// Dtypes that only the running program knows, and options made elsewhere.
declare const creation: CreationOptions;
declare const like: LikeOptions;
declare const random: RandomOptions<"float64">;
declare const data: TensorOptions;
declare const bare: { dtype?: DType };
expectTypeOf(zeros([2], { dtype })).toEqualTypeOf<Tensor>();
expectTypeOf(zeros([2], { dtype: either })).toEqualTypeOf<Tensor<"float32" | "float64">>();
expectTypeOf(zeros([2], creation)).toEqualTypeOf<Tensor>();
expectTypeOf(zeros([2], bare)).toEqualTypeOf<Tensor>();
expectTypeOf(zeros([2], { ...bare, requiresGrad: true })).toEqualTypeOf<Tensor>();
expectTypeOf(full([2], 1, bare)).toEqualTypeOf<Tensor>();
expectTypeOf(arange(3, bare)).toEqualTypeOf<Tensor>();
expectTypeOf(randn([2], random)).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(randint(3, [2], bare)).toEqualTypeOf<Tensor>();
expectTypeOf(tensor([1], data)).toEqualTypeOf<Tensor>();
expectTypeOf(fromBytes(bytes, { dtype })).toEqualTypeOf<Tensor>();
expectTypeOf(zerosLike(f32, like)).toEqualTypeOf<Tensor>();
expectTypeOf(zerosLike(f32, { dtype })).toEqualTypeOf<Tensor>();
expectTypeOf(f32.newZeros([2], bare)).toEqualTypeOf<Tensor>();
expectTypeOf(f32.to(bare)).toEqualTypeOf<Tensor>();

// Type arguments may be written out.
expectTypeOf(zeros<"int8">([2], { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(tensor<number[], "float64">([1], { dtype: "float64" })).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(zerosLike<"float32", "int8">(f32, { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(zerosLike<DType>(f32)).toEqualTypeOf<Tensor>();

// Functions for every dtype make tensors of theirs.
function made<D extends DType>(of: D): Tensor<D> {
  return zeros([2], { dtype: of });
}
function alike<D extends DType>(model: Tensor<D>): [Tensor<D>, Tensor<D>, Tensor<D>, Tensor<D>] {
  return [zerosLike(model), randnLike(model, { device: "cpu" }), model.newZeros([2]), model.to({ copy: true })];
}
function mapped<D extends DType>(model: Tensor<D>, options: LikeOptions<D>): Tensor<D> {
  const fresh: Tensor<D> = onesLike(model, options);
  return fresh.add(zerosLike(model)).matmul(model.newOnes([2]));
}
function elements<D extends DType>(model: Tensor<D>): DataOf<D> {
  return emptyLike(model).data();
}
function element<D extends DType>(of: D): D {
  return tensor([1], { dtype: of }).dtype;
}
expectTypeOf(made("int8")).toEqualTypeOf<Tensor<"int8">>();
void [
  declared, returned, inside, between, joined, scoped, parameter, values, tensors, zero, none, constant, member, activated, stacked, chosen, kept, still, list, changing, alike,
  mapped, elements, element,
];
