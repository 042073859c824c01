/** What operators give back to JavaScript. */
import { complex, memoryStats, ops, randn, scope, Tensor, tensor, zeros, type OperatorFunction } from "dgsam";
import { describe, expect, test } from "vitest";

const { aten } = ops;

function inScope(body: () => void): () => void {
  return () => scope(body);
}

describe("results", () => {
  test("numbers; int64 beyond 2^53 as bigint, complex as { re, im }, booleans", inScope(() => {
    const value = (source: Tensor): unknown => aten._local_scalar_dense(source);
    expect([
      value(tensor(1.5)), value(tensor(3n)), value(tensor(2n ** 53n)), value(tensor(-(2n ** 63n))), value(tensor(2n ** 53n - 1n)),
      value(tensor(true)), value(tensor(complex(1, -2))),
    ]).toEqual(
      [1.5, 3, 2n ** 53n, -(2n ** 63n), 2 ** 53 - 1, true, { re: 1, im: -2 }]);
    expect([aten.equal(tensor([1]), tensor([1])), aten.q_scale(aten["quantize_per_tensor.default"](tensor([1]), 0.5, 0, "quint8"))]).toEqual([true, 0.5]);
  }));

  test("uint64 beyond int64 as bigint", inScope(() => {
    const large = tensor([2n ** 64n - 1n], { dtype: "uint64" });
    expect([aten._local_scalar_dense(large), large.item(), tensor(2n ** 63n, { dtype: "uint64" }).item(), tensor(5, { dtype: "uint64" }).item()]).toEqual([2n ** 64n - 1n, 2n ** 64n - 1n, 2n ** 63n, 5]);
  }));

  test("names for what LibTorch numbers", inScope(() => {
    expect(aten.qscheme(aten["quantize_per_tensor.default"](tensor([1]), 0.5, 0, "quint8"))).toBe("per_tensor_affine");
    expect([aten.result_type(tensor([1]), tensor([1n])), aten.promote_types("int32", "float16")]).toEqual(["float32", "float16"]);
  }));

  test("several results are an array in schema order, lists are arrays", inScope(() => {
    const [values, indices] = aten["topk.default"](tensor([1, 3, 2]), 2);
    expect([values.toArray(), indices.toArray()]).toEqual([[3, 2], [1, 2]]);
    expect(aten["split.Tensor"](tensor([1, 2, 3]), 2).map((each) => each.toArray())).toEqual([[1, 2], [3]]);
    expect(aten.std_mean(tensor([1, 3]), { dim: [0] }).length).toBe(2);
  }));

  test("an undefined tensor is null, nothing is undefined", inScope(() => {
    const x = randn([1, 1, 3, 3]);
    const [gradInput, gradWeight, gradBias] = aten["convolution_backward.default"](randn([1, 1, 3, 3]), x, randn([1, 1, 1, 1]), [1], [1, 1], [0, 0], [1, 1], false, [0, 0], 1, [true, false, true]) as (Tensor | null)[];
    expect([gradInput!.shape, gradWeight, gradBias!.shape]).toEqual([[1, 1, 3, 3], null, [1]]);
    expect(aten["_foreach_add_.Scalar"]([x], 1)).toBeUndefined();
    expect((aten["_assert_async.default"] as OperatorFunction)(tensor(1))).toBeUndefined();
  }));
});

describe("arguments that come back", () => {
  test("from in-place overloads are the same object", inScope(() => {
    const x = tensor([1, 2]);
    expect(aten["add_.Tensor"](x, 1)).toBe(x);
    expect(aten.relu_(x)).toBe(x);
    expect(x.mul_(2)).toBe(x);
    expect(x.toArray()).toEqual([4, 6]);
  }));

  test("from out overloads are the same objects, one or several, by name", inScope(() => {
    const out = zeros([2]);
    expect(aten["add.out"](tensor([1, 2]), 1, { out })).toBe(out);
    expect(out.toArray()).toEqual([2, 3]);
    const values = zeros([1]);
    const indices = zeros([1], { dtype: "int64" });
    const results = aten["max.dim_max"](tensor([[1, 3]]), 1, { max: values, max_values: indices });
    expect([results[0] === values, results[1] === indices, values.item(), indices.item()]).toEqual([true, true, 3, 1]);
    expect(aten.add(tensor([1, 2]), tensor([1, 1]), { out })).toBe(out);
  }));

  test("make no new handle", inScope(() => {
    const x = tensor([1]);
    const { handles } = memoryStats();
    for (let i = 0; i < 50; i++) x.add_(1);
    expect(memoryStats().handles).toBe(handles);
  }));
});

describe("many results", () => {
  test("beyond the call frame are complete, and freed by their scope", () => {
    const before = memoryStats().handles;
    scope(() => {
      const parts = aten["unbind.int"](tensor(Float64Array.from({ length: 10_000 }, (_, i) => i)));
      expect(parts.every((each, i) => each instanceof Tensor && each.item() === i)).toBe(true);
      expect(memoryStats().handles).toBe(before + 10_001);
    });
    expect(memoryStats().handles).toBe(before);
  });
});
