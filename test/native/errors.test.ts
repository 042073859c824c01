import { describe, expect, it } from "vitest";
import {
  currentStream, DgsamError, empty, fromBytes, full, Generator, grad, keep, Linear, noGrad, ones, ops, runtimeInfo, scope, scopeAsync, Tensor, tensor, zeros,
  zeroGrad, type DgsamErrorCode,
} from "dgsam";
import { setGradients } from "../../lib/tensor/internal.js";

function caught(fn: () => unknown): DgsamError {
  try {
    fn();
  } catch (error) {
    expect(error).toBeInstanceOf(DgsamError);
    return error as DgsamError;
  }
  throw new Error("expected an error");
}

const a = ones([2, 3]);
const integers = zeros([2], { dtype: "int64" });
const leaf = ones([2], { requiresGrad: true });

describe("LibTorch's errors", () => {
  const cases: [string, () => unknown, DgsamErrorCode, RegExp][] = [
    ["shapes of a product", () => ops.aten.matmul(a, a), "ERR_SHAPE", /^aten::matmul\.default: mat1 and mat2 shapes cannot be multiplied \(2x3 and 2x3\)$/],
    ["shapes of a sum", () => ops.aten.add(a, ones([4])), "ERR_SHAPE", /^aten::add\.Tensor: The size of tensor a \(3\) must match the size of tensor b \(4\)/],
    ["a shape with a negative size", () => zeros([-1]), "ERR_SHAPE", /must be non-negative/],
    ["a view of another size", () => ops.aten.view(a, [7]), "ERR_SHAPE", /shape '\[7\]' is invalid for input of size 6/],
    ["a dimension that is not there", () => ops.aten.sum(a, [5]), "ERR_SHAPE", /Dimension out of range/],
    ["dtypes of a product", () => ops.aten.matmul(a, zeros([3, 2], { dtype: "float64" })), "ERR_DTYPE", /same dtype|same type/],
    ["a dtype without the operation", () => ops.aten.linalg_inv(zeros([2, 2], { dtype: "int64" })), "ERR_DTYPE", /Expected a floating point or complex tensor/],
    ["a result that does not fit its dtype", () => ops.aten.add_(integers, 1.5), "ERR_DTYPE", /can't be cast/],
    ["a gradient of integers", () => zeros([2], { dtype: "int64", requiresGrad: true }), "ERR_DTYPE", /floating-point or complex dtype.*int64/],
    ["a device that is not there", () => zeros([2], { device: "xla" }), "ERR_DEVICE", /^aten::zeros\.default: there is no XLA device: this LibTorch knows none\. npx dgsam doctor tells what there is$/],
    ["a copy to a device that is not there", () => a.to("mps"), "ERR_DEVICE", /^aten::to\.\w+: there is no MPS device: this LibTorch knows none\. npx dgsam doctor tells what there is$/],
    ["an operator that a layout lacks", () => ops.aten.relu_(ops.aten.to_mkldnn(ops.aten.to_sparse(a))), "ERR_NATIVE", /with arguments from the '\w+' backend$/],
    ["a device that does not exist", () => zeros([2], { device: "nonsense" }), "ERR_DEVICE", /device/],
    ["tensors on two devices", () => ops.aten.add(a, empty([2, 3], { device: "meta" })), "ERR_DEVICE", /device/],
    ["data of a meta tensor", () => empty([2], { device: "meta" }).data(), "ERR_DEVICE", /meta device has no data/],
    ["too much memory", () => zeros([1e15]), "ERR_OOM", /^aten::zeros\.default: can't allocate memory: you tried to allocate 4000000000000000 bytes \(3\.55 PiB\) on cpu\b.*; take smaller batches, or free tensors by scope\(\) or dispose\(\)$/],
    ["more bytes than a number holds", () => zeros([2 ** 40, 2 ** 40]), "ERR_OOM", /overflow/],
    ["a class that is not there", () => ops.aten.nll_loss(zeros([1, 3]), tensor([3n])), "ERR_ARGUMENT", /^aten::nll_loss\.default: Target 3 is out of bounds/],
    ["a row of a table that is not there", () => ops.aten.embedding(a, tensor([7n])), "ERR_ARGUMENT", /^aten::embedding\.default: index out of range/],
    ["a part that is not there", () => ops.aten.select(a, 0, 5), "ERR_ARGUMENT", /index 5 out of range for tensor of size \[2, 3\] at dimension 0$/],
    ["no tensors", () => ops.aten.cat([]), "ERR_ARGUMENT", /^aten::cat\.default: .*expected a non-empty list/],
    ["lists of unequal length", () => ops.aten._foreach_add([a, a], [a]), "ERR_ARGUMENT", /same number of tensors, got 2 and 1$/],
    ["an option that does not exist", () => ops.aten.div(a, a, { rounding_mode: "up" }), "ERR_ARGUMENT", /rounding_mode .* found 'up'$/],
    ["a kernel of three sizes for two dimensions", () => ops.aten.max_pool2d(zeros([1, 1, 4, 4]), [1, 1, 1]), "ERR_ARGUMENT", /kernel_size must either be a single int/],
    ["a probability beyond 1", () => ops.aten.bernoulli(full([2], 2)), "ERR_ARGUMENT", /^aten::bernoulli\.default: Expected p_in >= 0 && p_in <= 1 to be true, but got false\.$/],
    ["an integer beyond LibTorch's symbolic ones", () => ops.aten.convolution(a, a, null, [-(2n ** 63n)], [0], [1], false, [0], 1), "ERR_ARGUMENT", /^aten::convolution\.default: SymIntArrayRef expected/],
    ["a vector for a matrix", () => ops.aten.mT(ones([2])), "ERR_SHAPE", /Got 1-D tensor/],
    ["a matrix that is not square", () => ops.aten.inverse(a), "ERR_SHAPE", /square matrices, but they are 2 by 3/],
    ["several values for one", () => ops.aten.item(a), "ERR_SHAPE", /Tensor with 6 elements cannot be converted to Scalar$/],
    ["complex numbers without an order", () => ops.aten.max(zeros([2], { dtype: "complex64" })), "ERR_DTYPE", /not implemented for 'ComplexFloat'$/],
    ["an index of another dtype", () => ops.aten.put(a, ones([1]), ones([1])), "ERR_DTYPE", /Expected a long tensor for index, but got Float$/],
    ["booleans subtracted", () => ops.aten.sub(zeros([2], { dtype: "bool" }), zeros([2], { dtype: "bool" })), "ERR_DTYPE", /bool/],
    ["an operator without a meta kernel", () => ops.aten.cummax(empty([2], { device: "meta" }), 0), "ERR_DEVICE", /^aten::cummax\.default: aten::_cummax_helper: attempted to run this operator with Meta tensors$/],
    ["a check of LibTorch's own", () => ops.aten._is_all_true(a), "ERR_NATIVE", /^aten::_is_all_true\.default: an internal check of LibTorch's failed: self\.scalar_type\(\) == at::kBool\.$/],
    ["a singular matrix", () => ops.aten.linalg_inv(zeros([2, 2])), "ERR_NATIVE", /singular/],
    ["no graph", () => a.backward(ones([2, 3])), "ERR_NATIVE", /^backward: .*does not require grad/],
    ["a graph that was freed", () => {
      const loss = ops.aten.sum(ops.aten.mul(leaf, leaf));
      loss.backward();
      loss.backward();
    }, "ERR_NATIVE", /backward through the graph a second time/],
    ["an unused input", () => grad(ops.aten.sum(ops.aten.mul(leaf, 2)), ones([1], { requiresGrad: true })), "ERR_NATIVE", /^grad: .*not have been used/],
    ["a factor changed in place", () => {
      const factor = ops.aten.exp(leaf);
      const loss = ops.aten.sum(ops.aten.mul(factor, leaf));
      factor.mul_(2);
      loss.backward();
    }, "ERR_NATIVE", /^backward: .* modified by an inplace operation: \[CPUFloatType \[2\]\], which is output 0 of \w+, is at version 1; expected version 0 instead\. Write to a clone\(\) of it, or after backward\(\)\.$/],
    ["a leaf changed in place", () => ops.aten.add_(leaf, 1), "ERR_NATIVE", /in-place/],
  ];

  it.each(cases)("%s: code, text, cause", (_, fn, code, text) => {
    const error = caught(fn);
    expect(error.name).toBe("DgsamError");
    expect({ code: error.code, message: error.message }).toEqual({ code, message: expect.stringMatching(text) as string });
    expect(error.message).not.toMatch(/Exception raised from|frame #|\.cpp:\d+|enforce fail/);
    expect(error.stack).toContain("errors.test.ts");
  });

  it.runIf(!runtimeInfo().hasCuda).each<[string, () => unknown, string]>([
    ["a factory", () => zeros([2], { device: "cuda" }), "aten::zeros.default: "],
    ["a factory with a kernel of its own", () => ops.aten.tril_indices(2, 2, 0, { device: "cuda:1" }), "aten::tril_indices.default: "],
    ["a copy", () => a.to("cuda:0"), "aten::to.dtype_layout: "],
    ["a module", () => new Linear(2, 2).to("cuda"), "aten::to.device: "],
    ["a generator", () => new Generator("cuda"), ""],
    ["a stream", () => currentStream(), ""],
  ])("without CUDA, where %s wants it, the text says so and where to look", (_, fn, subject) => {
    expect(caught(fn)).toMatchObject({
      code: "ERR_DEVICE",
      message: `${subject}there is no CUDA device: this LibTorch was built without CUDA. npx dgsam doctor tells what there is, and docs/install.md how to get one that has it`,
    });
  });

  it("cause keeps LibTorch's whole text", () => {
    const { cause } = caught(() => zeros([1e15]));
    expect(cause).toBeInstanceOf(Error);
    expect((cause as Error).message).toContain("can't allocate memory: you tried to allocate 4000000000000000 bytes");
    expect((caught(() => ops.aten.matmul(a, a)).cause as Error).message).toContain("mat1 and mat2 shapes cannot be multiplied");
  });
});

describe("our own errors, by kind of entry", () => {
  const disposed = zeros([1]);
  disposed.dispose();
  const cases: [string, () => unknown, DgsamErrorCode, RegExp][] = [
    ["operator, wrong kind", () => ops.aten.matmul(a, "x" as never), "ERR_ARGUMENT", /aten::matmul.*argument 'other': expected a Tensor or a number, got the string "x"/s],
    ["operator, no such name", () => (ops.aten as unknown as Record<string, () => void>)["nonsense"]!(), "ERR_ARGUMENT", /no operator aten::nonsense/],
    ["operator, disposed tensor", () => ops.aten.neg(disposed), "ERR_DISPOSED", /disposed.*keep\(\)/],
    ["property", () => disposed.shape, "ERR_DISPOSED", /disposed/],
    ["property, set", () => ((a as { requiresGrad: unknown }).requiresGrad = 1), "ERR_ARGUMENT", /requiresGrad: expected a boolean, got the number 1/],
    ["gradient, shape", () => setGradients([a], [ones([3])]), "ERR_SHAPE", /gradient of shape \[2, 3\].*got \[3\]/],
    ["gradient, dtype", () => setGradients([a], [zeros([2, 3], { dtype: "float64" })]), "ERR_DTYPE", /float32.*float64/],
    ["gradient, itself", () => setGradients([a], [a]), "ERR_ARGUMENT", /its own gradient/],
    ["gradients, null for a tensor", () => zeroGrad([null as never]), "ERR_ARGUMENT", /null/],
    ["backward, option", () => a.backward(null, { retainGraph: 1 as never }), "ERR_ARGUMENT", /retainGraph: expected a boolean/],
    ["bytes, count", () => fromBytes(new Uint8Array(8), { dtype: "float32", shape: [3] }), "ERR_SHAPE", /\[3\] of dtype float32/],
    ["bytes, quantised", () => fromBytes(new Uint8Array(8), { dtype: "qint8" }), "ERR_DTYPE", /qint8.*scale/],
    ["bytes, detached", () => {
      const bytes = new Uint8Array(8);
      structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
      fromBytes(bytes);
    }, "ERR_ARGUMENT", /detached/],
    ["data, irregular", () => tensor([[1, 2], [3]]), "ERR_SHAPE", /irregular/],
    ["data, endless", () => {
      const endless: unknown[] = [];
      endless.push(endless);
      tensor(endless as never);
    }, "ERR_SHAPE", /nested deeper than 64/],
    ["data, beyond int64", () => tensor([2n ** 63n]), "ERR_ARGUMENT", /element 0: expected an integer from -9223372036854775808 to 9223372036854775807/],
    ["generator, device", () => new Generator("cuda:9"), "ERR_DEVICE", /CUDA/],
    ["generator, seed", () => new Generator().manualSeed(1.5), "ERR_ARGUMENT", /safe integer/],
    ["generator, state", () => new Generator().setState(zeros([3], { dtype: "uint8" })), "ERR_SHAPE", /size 5056 .* size to be 3/],
    ["scope, not a function", () => scope(5 as never), "ERR_ARGUMENT", /scope\(fn\): expected a function/],
    // @ts-expect-error the types refuse a promise too
    ["scope, promise", () => scope(async () => {}), "ERR_ARGUMENT", /scopeAsync/],
    // @ts-expect-error the types refuse a promise too
    ["mode, promise", () => noGrad(async () => {}), "ERR_ARGUMENT", /promise/],
    ["keep, not a tensor", () => keep({} as never), "ERR_ARGUMENT", /expected a Tensor/],
    ["constructor with data", () => new Tensor([1] as never), "ERR_ARGUMENT", /use tensor\(data\)/],
    ["copied tensor", () => ops.aten.neg(structuredClone({ handle: a.handle, tracking: 0 }) as never), "ERR_ARGUMENT", /copied by postMessage\(\).*toBytes\(\)/],
  ];

  it.each(cases)("%s: code and text", (_, fn, code, text) => {
    const error = caught(fn);
    expect({ code: error.code, message: error.message }).toEqual({ code, message: expect.stringMatching(text) as string });
  });

  it("an error inside a scope frees what the scope made and passes through", async () => {
    let inner: Tensor | undefined;
    expect(caught(() => scope(() => ((inner = zeros([1])), ops.aten.matmul(a, a)))).code).toBe("ERR_SHAPE");
    expect(inner!.disposed).toBe(true);
    await expect(scopeAsync(async () => ((inner = zeros([1])), ops.aten.matmul(a, a)))).rejects.toMatchObject({ code: "ERR_SHAPE" });
    expect(inner!.disposed).toBe(true);
  });
});
