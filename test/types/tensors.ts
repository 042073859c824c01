/** What the types of tensors promise; compiled by types.test.ts, never run. */
import {
  add, arange, batchNorm, blockDiag, cat, cdist, complex, conv2d, cosineSimilarity, double, dropout, einsum, fromBytes, full, grad, groupNorm,
  layerNorm, linear, maxPool2d, meshgrid, normal, oneHot, pad, stdMean, tensordot, ops, randint, randn, scope, scopeAsync, softmax, split, stack, sum, tensor,
  prefetch, toDevice, where, zeros, zerosLike, type ComplexValue, type DType, type NestedArray, type Tensor,
} from "dgsam";
import { expectTypeOf } from "vitest";

declare const f32: Tensor<"float32">;
declare const f64: Tensor<"float64">;
declare const i64: Tensor<"int64">;
declare const mask: Tensor<"bool">;
declare const z: Tensor<"complex64">;
declare const any: Tensor;

// Creation carries the dtype.
expectTypeOf(zeros([2])).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(zeros([2], { dtype: "int64" })).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(randn([2], { dtype: "float64", requiresGrad: true })).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(randint(5, [2])).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(tensor([1, 2], { dtype: "bfloat16" })).toEqualTypeOf<Tensor<"bfloat16">>();
expectTypeOf(fromBytes(new Uint8Array(4))).toEqualTypeOf<Tensor<"uint8">>();
expectTypeOf(zerosLike(f64)).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(zerosLike(f64, { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();

// So do the data: numbers, bigints, booleans, complex numbers, typed arrays, nested or not.
expectTypeOf(tensor(1)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(tensor([[1, 2], [3, 4]])).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(tensor([1, 2], { requiresGrad: true, shape: [2, 1] })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(tensor([[[1n]]])).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(tensor([true, false])).toEqualTypeOf<Tensor<"bool">>();
expectTypeOf(tensor(false)).toEqualTypeOf<Tensor<"bool">>();
expectTypeOf(tensor(complex(1, 2))).toEqualTypeOf<Tensor<"complex64">>();
expectTypeOf(tensor([{ re: 1, im: 2 }])).toEqualTypeOf<Tensor<"complex64">>();
expectTypeOf(tensor([])).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(tensor(new Float64Array(1))).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(tensor(new BigInt64Array(1))).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(tensor(new Uint8ClampedArray(1))).toEqualTypeOf<Tensor<"uint8">>();
expectTypeOf(tensor(Buffer.alloc(1))).toEqualTypeOf<Tensor<"uint8">>();
expectTypeOf(tensor([new Int16Array(1), new Int16Array(1)])).toEqualTypeOf<Tensor<"int16">>();
expectTypeOf(tensor(new Float32Array(1), { dtype: "float64" })).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(tensor([1, 2n])).toEqualTypeOf<Tensor>();
declare const nested: NestedArray;
expectTypeOf(tensor(nested)).toEqualTypeOf<Tensor>();
expectTypeOf(tensor(JSON.parse("1"))).toEqualTypeOf<Tensor>();
declare const rows: number[][] | Float32Array;
expectTypeOf(tensor(rows)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(full([1], 1)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(full([1], 1n)).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(full([1], true, { requiresGrad: false })).toEqualTypeOf<Tensor<"bool">>();
expectTypeOf(full([1], double(1))).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(full([1], complex(0, 1))).toEqualTypeOf<Tensor<"complex64">>();
expectTypeOf(full([1], 1, { dtype: "uint8" })).toEqualTypeOf<Tensor<"uint8">>();
expectTypeOf(arange(3)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(arange(0, 3, 0.5, { requiresGrad: true })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(arange(3n)).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(arange(1, 3, { dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();

// A tensor of a known dtype is a tensor.
expectTypeOf(f32).toExtend<Tensor>();
expectTypeOf(any).not.toExtend<Tensor<"float32">>();
expectTypeOf(f32).not.toExtend<Tensor<"float64">>();
function generic<D extends DType>(x: Tensor<D>): Tensor<D> {
  const plain: Tensor = x;
  plain.dispose();
  return x.add(x).reshape(1, -1).get(0);
}
expectTypeOf(generic(f64)).toEqualTypeOf<Tensor<"float64">>();

// Properties and data.
expectTypeOf(f32.dtype).toEqualTypeOf<"float32">();
expectTypeOf(f32.shape).toEqualTypeOf<number[]>();
expectTypeOf(f32.grad).toEqualTypeOf<Tensor<"float32"> | null>();
expectTypeOf(f32.data()).toEqualTypeOf<Float32Array>();
expectTypeOf(i64.data()).toEqualTypeOf<BigInt64Array>();
expectTypeOf(mask.data()).toEqualTypeOf<Uint8Array>();
expectTypeOf(z.data()).toEqualTypeOf<Float32Array>();
expectTypeOf(f32.item()).toEqualTypeOf<number>();
expectTypeOf(i64.item()).toEqualTypeOf<number | bigint>();
expectTypeOf(mask.item()).toEqualTypeOf<boolean>();
expectTypeOf(z.item()).toEqualTypeOf<ComplexValue>();
expectTypeOf(any.item()).toEqualTypeOf<number | bigint | boolean | ComplexValue>();
expectTypeOf(f32.sum().item()).toEqualTypeOf<number>();
expectTypeOf(f32.size()).toEqualTypeOf<number[]>();
expectTypeOf(f32.size(0)).toEqualTypeOf<number>();

// Arithmetic keeps a dtype where it is sure to.
expectTypeOf(f32.add(f32)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.add(1)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.add(f32, { alpha: 2 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(i64.mul(0.5)).toEqualTypeOf<Tensor>();
expectTypeOf(f32.mul(f64)).toEqualTypeOf<Tensor>();
expectTypeOf(f32.mul(complex(0, 1))).toEqualTypeOf<Tensor>();
expectTypeOf(i64.div(2)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(i64.div(i64, { roundingMode: "floor" })).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(f64.div(f64)).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(i64.exp()).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f64.exp()).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(z.abs()).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.lt(0)).toEqualTypeOf<Tensor<"bool">>();

// Reductions.
expectTypeOf(f32.sum()).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(mask.sum()).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(f32.sum([0, 1], true)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.sum({ dim: 0, keepdim: true })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.sum({ dtype: "float64" })).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(f32.sum(0, false, { dtype: "float64" })).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(f32.max()).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.max(1)).toEqualTypeOf<[values: Tensor<"float32">, indices: Tensor<"int64">]>();
expectTypeOf(f32.argmax(1)).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(f32.allclose(f32)).toEqualTypeOf<boolean>();

// Shapes, parts, conversion.
expectTypeOf(f32.view(2, 3)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.view([2, -1])).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.view("int32")).toEqualTypeOf<Tensor<"int32">>();
expectTypeOf(f32.split(2)).toEqualTypeOf<Tensor<"float32">[]>();
expectTypeOf([...f32]).toEqualTypeOf<Tensor<"float32">[]>();
expectTypeOf(f32.T).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.to("float64")).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(f32.to("cuda:1")).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.to("cpu", "int8")).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(f32.to(i64)).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(f32.to({ dtype: "int8" })).toEqualTypeOf<Tensor<"int8">>();
expectTypeOf(f32.to({ copy: true })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.long()).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(f32.where(mask, f32)).toEqualTypeOf<Tensor<"float32">>();

// In place: the same object, the same type.
expectTypeOf(f32.add_(1)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.mul_(2).relu_().clamp_(0, 1)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(ops.aten["add_.Tensor"](f32, 1)).toEqualTypeOf<Tensor<"float32">>();

// Functions.
expectTypeOf(add(f32, f32)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(sum(mask)).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(softmax(f32, 1)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(softmax(f32, 1, { dtype: "float64" })).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(split(i64, [1, 2])).toEqualTypeOf<Tensor<"int64">[]>();
expectTypeOf(cat([f32, f32], 1)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(stack([i64, i64])).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(where(mask, f32, 0)).toEqualTypeOf<Tensor>();
expectTypeOf(where(mask)).toEqualTypeOf<Tensor<"int64">[]>();
expectTypeOf(einsum("ij,jk->ik", f32, f32)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(conv2d(f32, f32, null, { padding: "same" })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(maxPool2d(f32, 2)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(grad(f32, [f32])).toEqualTypeOf<(Tensor | null)[]>();

// Operators: arguments without a default may be given by name as well.
expectTypeOf(ops.aten.max(f32, { dim: 0 })).toEqualTypeOf<[Tensor, Tensor]>();
expectTypeOf(ops.aten.select(f32, { dim: 0, index: 1 })).toEqualTypeOf<Tensor>();
expectTypeOf(ops.aten.add(f32, { other: 1, alpha: 2 })).toEqualTypeOf<Tensor>();

// Scopes hand results through.
expectTypeOf(scope(() => ({ loss: f32.sum() }))).toEqualTypeOf<{ loss: Tensor<"float32"> }>();
expectTypeOf(scopeAsync(async () => 1)).toEqualTypeOf<Promise<number>>();

// Arguments by name, as PyTorch takes them.
expectTypeOf(f32.softmax({ dim: 1 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.softmax({ dim: 1, dtype: "float64" })).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(softmax(f32, { dim: 1 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(i64.cumsum({ dim: 0 })).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(f32.gather({ dim: 0, index: i64 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.split(1, { dim: 0 })).toEqualTypeOf<Tensor<"float32">[]>();
expectTypeOf(f32.chunk(2, { dim: 1 })).toEqualTypeOf<Tensor<"float32">[]>();
expectTypeOf(f32.isclose(f32, { rtol: 1 })).toEqualTypeOf<Tensor<"bool">>();
expectTypeOf(f32.allclose(f32, { rtol: 1, atol: 1 })).toEqualTypeOf<boolean>();
expectTypeOf(f32.roll({ shifts: 1, dims: 0 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.repeatInterleave({ repeats: 2, dim: 1 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.clamp({ min: 0 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.diff({ n: 1 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.norm({ p: 1 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(z.norm("fro", [0, 1])).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.norm(2, 0, { dtype: "float64" })).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(f32.std({ unbiased: false })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.std(0, { unbiased: false })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.std(0, true, true)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(stdMean(f64, { dim: 0 })[0]).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(f32.countNonzero({ dim: 1 })).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(f32.leakyRelu({ negativeSlope: 0.2 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.elu({ alpha: 0.5 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.hardtanh({ minVal: 0 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.softplus({ beta: 2 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.logit({ eps: 0.1 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.nanToNum({ nan: 0 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.tril({ diagonal: 1 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.normal_({ mean: 0, std: 1 }).uniform_({ from: 0, to: 1 }).bernoulli_({ p: 0.5 }).fillDiagonal_(1, { wrap: true })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.indexPut([i64], f32, { accumulate: true })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.isContiguous({ memoryFormat: "channels_last" })).toEqualTypeOf<boolean>();
expectTypeOf(f32.dropout({ p: 0.1, train: true })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(dropout(f32, 0.5, { training: true })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(cat([f32, f32], { dim: 1 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(stack([i64, i64], { dim: 1 })).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(layerNorm(f32, [3], { eps: 1 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(groupNorm(f32, 1, { eps: 1 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(batchNorm(f32, f32, f32, { training: true })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(pad(f32, [1, 1], { value: 2 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(oneHot(i64, { numClasses: 3 })).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(cosineSimilarity(f32, f32, { dim: 0 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(cdist(f32, f32, { p: 1 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(linear(f32, f32, { bias: f32 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(tensordot(f32, f32, { dims: 1 })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(blockDiag(f32, f32)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(meshgrid(f32, f32, { indexing: "xy" })).toEqualTypeOf<Tensor<"float32">[]>();
// @ts-expect-error no such argument
f32.softmax({ axis: 1 });

// PyTorch's other names, and what fewer programs need.
expectTypeOf(f32.multiply(2)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(i64.trueDivide(2)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.greater(f32)).toEqualTypeOf<Tensor<"bool">>();
expectTypeOf(f32.eq_(1)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(f32.short()).toEqualTypeOf<Tensor<"int16">>();
expectTypeOf(f32.typeAs(i64)).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(i64.newZeros([2])).toEqualTypeOf<Tensor<"int64">>();
expectTypeOf(i64.newFull([2], 1, { dtype: "float64" })).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(f32.stride()).toEqualTypeOf<number[]>();
expectTypeOf(f32.nbytes).toEqualTypeOf<number>();
expectTypeOf(z.mH).toEqualTypeOf<Tensor<"complex64">>();
expectTypeOf(f32.svd()).toEqualTypeOf<[U: Tensor<"float32">, S: Tensor<"float32">, V: Tensor<"float32">]>();
expectTypeOf(normal(f64, 1)).toEqualTypeOf<Tensor<"float64">>();
expectTypeOf(normal(0, 1, [2])).toEqualTypeOf<Tensor<"float32">>();

f32.backward();
f32.backward({ retainGraph: true, gradient: f32, inputs: f32 });
f32.backward(null, { createGraph: true });

// What must not compile.
// @ts-expect-error options are camelCase
f32.backward({ retain_graph: true });
// @ts-expect-error text is no data
tensor("1");
// @ts-expect-error tensors are joined by stack()
tensor([f32, f32]);
// @ts-expect-error no such option
tensor([1], { requires_grad: true });
// @ts-expect-error a dtype that does not exist
zeros([2], { dtype: "float33" });
// @ts-expect-error a shape is an array
zeros(2);
expectTypeOf(toDevice({ x: f32, list: [i64], name: "photo" }, "cuda")).toEqualTypeOf<{ x: Tensor<"float32">; list: Tensor<"int64">[]; name: string }>();
expectTypeOf(prefetch([f32], "cuda")).toEqualTypeOf<Generator<Tensor<"float32">, void, undefined>>();
declare const asynchronous: AsyncIterable<{ x: typeof f32 }>;
expectTypeOf(prefetch(asynchronous, "cuda")).toEqualTypeOf<AsyncGenerator<{ x: Tensor<"float32"> }, void, undefined>>();
// @ts-expect-error options are camelCase
f32.div(2, { rounding_mode: "floor" });
// @ts-expect-error no such rounding
f32.div(2, { roundingMode: "up" });
// @ts-expect-error a string is no tensor
f32.add("1");
// @ts-expect-error nullish is no tensor
f32.matmul(null);
// @ts-expect-error dtypes of one operation must agree
cat([f32, i64]) satisfies Tensor<"float32">;
// @ts-expect-error a property, not a method
f32.numel();
// @ts-expect-error shape is read-only
f32.shape = [1];
// @ts-expect-error dim is required
f32.softmax();
// @ts-expect-error no gradient of another kind
f32.grad = 3;
// @ts-expect-error an unknown operator
ops.aten.nothing(f32);
// @ts-expect-error an argument without a default is missing
ops.aten.select(f32, { dim: 0 });
// @ts-expect-error an unknown keyword argument
ops.aten["add.Tensor"](f32, 1, { beta: 1 });
