import {
  complex, DgsamError, fromBytes, manualSeed, memoryStats, ops, randn, scope, tensor, Tensor, zeros, type DType, type NestedArray,
} from "dgsam";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { copyInto, discard } from "../../lib/tensor/internal.js";
import { expectError } from "../data/errors.js";
import { hasTorch } from "../reference/oracle.js";
import { encode, evaluatedByPytorch } from "./pytorch.js";

function inScope(body: () => void): () => void {
  return () => scope(body);
}

const SIZES: Readonly<Partial<Record<DType, number>>> = {
  uint8: 1, int8: 1, int16: 2, int32: 4, int64: 8, uint16: 2, uint32: 4, uint64: 8, float16: 2, bfloat16: 2, float32: 4, float64: 8,
  complex32: 4, complex64: 8, complex128: 16, bool: 1, float8_e5m2: 1, float8_e4m3fn: 1, float8_e5m2fnuz: 1, float8_e4m3fnuz: 1, float8_e8m0fnu: 1,
};

describe("tensor(data)", () => {
  test.each([
    [1.5, "float32", []], [1n, "int64", []], [true, "bool", []], [complex(1, 2), "complex64", []], [{ re: 1, im: 2 }, "complex64", []],
    [[1, 2], "float32", [2]], [[1n, 2n], "int64", [2]], [[true], "bool", [1]], [[1, 2n, true], "float32", [3]], [[1n, true], "int64", [2]],
    [[1, complex(0, 1)], "complex64", [2]],
    [[], "float32", [0]], [[[], []], "float32", [2, 0]], [[[[1]], [[2]]], "float32", [2, 1, 1]],
    [new Float32Array(2), "float32", [2]], [new Float64Array(2), "float64", [2]], [new Int8Array(2), "int8", [2]], [new Uint8Array(2), "uint8", [2]],
    [new Uint8ClampedArray(2), "uint8", [2]], [new Int16Array(2), "int16", [2]],
    [new Uint16Array(2), "uint16", [2]], [new Int32Array(2), "int32", [2]], [new Uint32Array(2), "uint32", [2]],
    [new BigInt64Array(2), "int64", [2]], [new BigUint64Array(2), "uint64", [2]],
  ] as const)("%s is %s of shape %j", (data, dtype, shape) => {
    scope(() => {
      const made = tensor(data as never);
      expect([made.dtype, made.shape, made.device, made.requiresGrad]).toEqual([dtype, [...shape], "cpu", false]);
    });
  });

  test("takes dtype, shape, device and requiresGrad", inScope(() => {
    const made = tensor([1, 2, 3, 4], { dtype: "float64", shape: [2, 2], requiresGrad: true });
    expect([made.dtype, made.shape, made.requiresGrad, made.isLeaf]).toEqual(["float64", [2, 2], true, true]);
    expect([tensor([1], { device: "meta" }).device, tensor(Int32Array.of(1, 2), { dtype: "float16", shape: [2, 1] }).toArray()]).toEqual(["meta", [[1], [2]]]);
  }));

  test("copies its data", inScope(() => {
    const data = Float32Array.of(1, 2);
    const made = tensor(data);
    data[0] = 9;
    expect(made.toArray()).toEqual([1, 2]);
  }));

  test("reads a view's own part, also of shared memory", inScope(() => {
    const shared = new Float32Array(new SharedArrayBuffer(16), 4, 2);
    shared.set([5, 6]);
    expect([tensor(new Float32Array([1, 2, 3, 4]).subarray(1, 3)).toArray(), tensor(shared).toArray()]).toEqual([[2, 3], [5, 6]]);
  }));

  test("int64 is exact to the last bit", inScope(() => {
    expect(tensor([2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n]).toArray()).toEqual([2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n]);
    expect(tensor([1, -1], { dtype: "int64" }).toArray()).toEqual([1, -1]);
  }));

  test("rows may be typed arrays of one class", inScope(() => {
    const rows = tensor([Float64Array.of(1, 2), Float64Array.of(3, 4)]);
    expect([rows.dtype, rows.toArray(), tensor([[Int8Array.of(-1)], [Int8Array.of(2)]]).shape]).toEqual(["float64", [[1, 2], [3, 4]], [2, 1, 1]]);
    expect([tensor([BigInt64Array.of(2n ** 60n + 1n)]).toArray(), tensor([Int16Array.of(300)], { dtype: "uint8" }).toArray()]).toEqual([[[2n ** 60n + 1n]], [[44]]]);
    expectError(() => tensor([Float64Array.of(1), Float32Array.of(1)] as never), "ERR_ARGUMENT", /^tensor\(data\): expected plain arrays, or typed arrays of one class, at the innermost level, got a Float32Array$/);
    expectError(() => tensor([Float64Array.of(1), Float64Array.of(1, 2)]), "ERR_SHAPE", /irregular: expected length 1 at depth 1, got 2/);
    expectError(() => tensor([Float64Array.of(1), [1]] as never), "ERR_ARGUMENT", /got an array of length 1$/);
  }));

  test.each([
    [[[1, 2], [3]], "ERR_SHAPE", /nested arrays are irregular: expected length 2 at depth 1, got 1/],
    [[1, [2]], "ERR_SHAPE", /irregular: found an array at depth 1 where numbers are expected/],
    [[[1], 2], "ERR_SHAPE", /irregular: expected an array of length 1 at depth 1, got the number 2/],
    ["12", "ERR_ARGUMENT", /^tensor\(data\): expected numbers, bigints, booleans or complex numbers, got the string "12"/],
    [[1, "2"], "ERR_ARGUMENT", /got the string "2"/], [null, "ERR_ARGUMENT", /got null/], [undefined, "ERR_ARGUMENT", /got undefined/],
    [[1, undefined], "ERR_ARGUMENT", /got undefined/],
    [new DataView(new ArrayBuffer(4)), "ERR_ARGUMENT", /expected numbers, arrays or a typed array, got a DataView/],
  ] as const)("refuses %j", (data, code, message) => {
    expectError(() => tensor(data as never), code, message);
  });

  test("refuses options that do not fit", inScope(() => {
    expectError(() => tensor([1, 2, 3], { shape: [2, 2] }), "ERR_SHAPE", /shape \[2, 2\] holds 4 elements, but the data has 3/);
    expectError(() => tensor([1], { shape: [-1] }), "ERR_ARGUMENT", /tensor: shape: expected an array of integers >= 0, got an array of length 1/);
    expectError(() => tensor([1], { dtype: "float" as never }), "ERR_ARGUMENT", /tensor: dtype: expected a dtype such as "float32", got the string "float"/);
    expectError(() => tensor([1], { requires_grad: true } as never), "ERR_ARGUMENT", /^tensor: unknown option 'requires_grad'; the options are dtype, shape, device, requiresGrad$/);
    expectError(() => tensor([1], "float64" as never), "ERR_ARGUMENT", /^tensor: options: expected an object with any of dtype, shape, device, requiresGrad, got the string "float64"$/);
    expectError(() => tensor([1], null as never), "ERR_ARGUMENT", /^tensor: options: expected an object .*, got null$/);
    expectError(() => tensor([complex(1, 1)], { dtype: "float32" }), "ERR_ARGUMENT", /element 0: expected a real number for dtype float32/);
    expectError(() => tensor([1n], { requiresGrad: true }), "ERR_DTYPE", /^tensor: requiresGrad: expected a floating-point or complex dtype for a gradient, got int64$/);
    expectError(() => tensor([1], { requiresGrad: 1 as never }), "ERR_ARGUMENT", /requiresGrad: expected a boolean, got the number 1/);
    expectError(() => tensor(tensor([1]) as never), "ERR_ARGUMENT", /data is a Tensor already; use t\.clone\(\) or t\.to/);
    expectError(() => tensor([tensor(1), tensor(2)] as never), "ERR_ARGUMENT", /^tensor\(data\): data holds Tensors; join them with stack\(tensors\) or cat\(tensors\)$/);
    expectError(() => new Tensor([1] as never), "ERR_ARGUMENT", /new Tensor\(\) is not for data/);
  }));
});

const INTEGERS: readonly DType[] = ["uint8", "int8", "int16", "int32", "int64", "uint16", "uint32"];
const NUMBERS: readonly (number | bigint | boolean)[] = [
  300, -1, 1.7, -1.7, -0.5, 1e18, 3e9, 70000, NaN, Infinity, 1e30, 127.5, 128, 255.5, -128, -129, 65535, 65536, 2 ** 31, -(2 ** 31), 2 ** 32, 2n ** 31n,
  -(2n ** 31n) - 1n, 2n ** 63n - 1n, -(2n ** 63n), true, -255, -256,
];

describe.skipIf(!hasTorch)("as PyTorch", { timeout: 60_000 }, () => {
  test("numbers in integer dtypes: fractions are cut, what does not fit is refused", inScope(() => {
    const cases = INTEGERS.flatMap((dtype) => NUMBERS.map((value) => ({ dtype, value })));
    const python = (value: number | bigint | boolean): string =>
      typeof value === "boolean" ? "True" : typeof value === "bigint" || Number.isSafeInteger(value) ? String(value) : `float("${value}")`;
    const theirs = evaluatedByPytorch(cases.map(({ dtype, value }) => `torch.tensor([${python(value)}], dtype=torch.${dtype})`));
    const ours = cases.map(({ dtype, value }) => {
      try {
        return encode(tensor([value], { dtype }));
      } catch (error) {
        expect([(error as DgsamError).code, (error as Error).message]).toEqual(["ERR_ARGUMENT", expect.stringMatching(`^tensor\\(data\\): element 0: expected an integer from .* for dtype ${dtype}, got `)]);
        return { error: "RuntimeError" };
      }
    });
    expect(ours.map((each, i) => [cases[i], each])).toEqual(theirs.map((each, i) => [cases[i], each]));
    expect(theirs.filter((each) => "error" in each).length).toBeGreaterThan(60);
  }));

  test("typed arrays of another dtype are converted, as NumPy's are", inScope(() => {
    expect([tensor(Int32Array.of(300, -1), { dtype: "uint8" }).toArray(), tensor(Float64Array.of(1.7, -1.7), { dtype: "int64" }).toArray()]).toEqual([[44, 255], [1, -1]]);
  }));
});

test("uint64 takes numbers from 0 to 2^64-1", inScope(() => {
  expect(tensor([2n ** 64n - 1n, 1.5, true, 2 ** 63], { dtype: "uint64" }).toArray()).toEqual([2n ** 64n - 1n, 1, 1, 2n ** 63n]);
  for (const value of [-1, 2 ** 64, 2n ** 64n, NaN]) expectError(() => tensor([value], { dtype: "uint64" }), "ERR_ARGUMENT", /expected an integer from 0 to 18446744073709551615 for dtype uint64, got /);
  expectError(() => tensor([2 ** 63], { dtype: "int64" }), "ERR_ARGUMENT", /for dtype int64, got the number 9223372036854776000/);
}));

const leaf = fc.float({ noNaN: true });
const nested = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }).chain((shape) =>
  shape.reduceRight<fc.Arbitrary<unknown>>((inner, size) => fc.array(inner, { minLength: size, maxLength: size }), leaf).map((data) => ({ shape, data })));

describe("round trips", () => {
  test("nested arrays of any depth", () => {
    fc.assert(fc.property(nested, ({ shape, data }) => {
      scope(() => {
        const made = tensor(data as NestedArray);
        expect(made.shape).toEqual(shape);
        expect(made.toArray()).toEqual(data);
      });
    }));
  });

  test("a hundred levels deep, which is more than a tensor's 64", () => {
    const deep = (levels: number): NestedArray => Array.from({ length: levels }).reduce<unknown>((inner) => [inner], 1) as NestedArray;
    scope(() => expect(tensor(deep(64)).ndim).toBe(64));
    expect(() => tensor(deep(100))).not.toThrow(TypeError);
  });

  test.each(Object.entries(SIZES) as [DType, number][])("bytes of %s, which take %i each", (dtype, size) => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 0, maxLength: 48 }), (drawn) => {
      // bool has two values only.
      const bytes = drawn.slice(0, drawn.length - (drawn.length % size)).map((byte) => (dtype === "bool" ? byte & 1 : byte));
      scope(() => {
        const made = fromBytes(bytes, { dtype });
        expect([made.dtype, made.shape, made.numel]).toEqual([dtype, [bytes.length / size], bytes.length / size]);
        expect(made.toBytes()).toEqual(bytes);
      });
    }), { numRuns: 30 });
  });

  test("data() is a typed array of the dtype's own kind", inScope(() => {
    const kinds = Object.keys(SIZES).filter((dtype) => !dtype.startsWith("float8")).map((dtype) => [
      dtype, zeros([2], { dtype: dtype as DType }).data().constructor.name, zeros([2], { dtype: dtype as DType }).data().length,
    ]);
    expect(Object.fromEntries(kinds.map(([dtype, kind, length]) => [dtype, `${kind} ${length}`]))).toEqual({
      uint8: "Uint8Array 2", int8: "Int8Array 2", int16: "Int16Array 2", int32: "Int32Array 2", int64: "BigInt64Array 2", uint16: "Uint16Array 2",
      uint32: "Uint32Array 2", uint64: "BigUint64Array 2",
      float16: "Uint16Array 2", bfloat16: "Uint16Array 2", float32: "Float32Array 2", float64: "Float64Array 2", complex32: "Uint16Array 4",
      complex64: "Float32Array 4", complex128: "Float64Array 4", bool: "Uint8Array 2",
    });
    expect([tensor([1, -2], { dtype: "float16" }).data(), tensor([1], { dtype: "bfloat16" }).data()]).toEqual([Uint16Array.of(0x3c00, 0xc000), Uint16Array.of(0x3f80)]);
  }));

  test("quantised tensors give their values", inScope(() => {
    const q = ops.aten["quantize_per_tensor.default"](tensor([[1, 1.3], [-2, 0]]), 0.5, 10, "quint8");
    expect([q.dtype, q.toArray(), q.data()]).toEqual(["quint8", [[1, 1.5], [-2, 0]], Uint8Array.of(12, 13, 6, 10)]);
  }));

  test("data() and toBytes() are row-major copies of any view", inScope(() => {
    const x = tensor([[1, 2, 3], [4, 5, 6]]);
    expect([
      x.t().data(), x.get(1).data(), x.slice(1, 0, null, 2).data(), x.expand(2, 2, 3).data().length,
    ]).toEqual([Float32Array.of(1, 4, 2, 5, 3, 6), Float32Array.of(4, 5, 6), Float32Array.of(1, 3, 4, 6), 12]);
    const data = x.data();
    data[0] = 99;
    expect(x.get(0).get(0).item()).toBe(1);
    const z = tensor([complex(1, 2)]);
    expect([z.conj().data(), z.conj().imag().toArray()]).toEqual([Float32Array.of(1, -2), [-2]]);
  }));

  test("toArray() gives each dtype's values", inScope(() => {
    expect([
      tensor([1.5], { dtype: "float16" }), tensor([1.5], { dtype: "bfloat16" }), tensor([true]), tensor([2n ** 60n, 1n]), tensor([complex(1, 2)]),
      tensor(3), zeros([0, 2]), zeros([2, 0]),
    ].map((each) => each.toArray())).toEqual(
      [[1.5], [1.5], [true], [2n ** 60n, 1], [{ re: 1, im: 2 }], 3, [], [[], []]]);
  }));

  test("item() needs exactly one element", inScope(() => {
    expect([
      tensor(2.5).item(), tensor([[3]]).item(), tensor(true).item(), tensor(2n ** 60n).item(), tensor(complex(1, 2)).item(),
      tensor(0.5, { dtype: "bfloat16" }).item(),
    ]).toEqual([2.5, 3, true, 2n ** 60n, { re: 1, im: 2 }, 0.5]);
    expectError(() => tensor([1, 2]).item(), "ERR_SHAPE", /^item\(\): expected a tensor of one element, got shape \[2\]; use toArray\(\) or data\(\)/);
    expectError(() => zeros([0]).item(), "ERR_SHAPE", /got shape \[0\]/);
  }));

  test("data that is not there is refused", inScope(() => {
    expectError(() => zeros([2], { device: "meta" }).toArray(), "ERR_DEVICE", /meta device has no data/);
    expectError(() => ops.aten["to_sparse.default"](tensor([[0, 1]])).data(), "ERR_ARGUMENT", /expected a dense tensor.*toDense\(\)/);
  }));
});

describe("fromBytes", () => {
  test("takes buffers, views and shared memory; uint8 unless told", inScope(() => {
    expect([
      fromBytes(Buffer.from([1, 2])).dtype, fromBytes(Buffer.from([1, 2])).toArray(), fromBytes(new ArrayBuffer(4), { dtype: "int32" }).toArray(),
      fromBytes(new SharedArrayBuffer(2)).shape, fromBytes(new Uint8Array([9, 1, 0]).subarray(1), { dtype: "int16" }).toArray(),
    ]).toEqual(
      ["uint8", [1, 2], [0], [2], [1]]);
    expect(fromBytes(new Float32Array([1, 2, 3, 4]), { dtype: "float32", shape: [2, 2], requiresGrad: true }).requiresGrad).toBe(true);
  }));

  test("refuses what does not fit", () => {
    expectError(() => fromBytes(new Uint8Array(3), { dtype: "int16" }), "ERR_SHAPE", /^fromBytes: 3 bytes are not a whole number of int16 elements of 2 bytes/);
    expectError(() => fromBytes(new Uint8Array(4), { dtype: "int16", shape: [3] }), "ERR_SHAPE", /^fromBytes: shape \[3\] of dtype int16 holds 6 bytes, got 4$/);
    expectError(() => fromBytes(new Uint8Array(4), { shape: [2 ** 40, 2 ** 40] }), "ERR_SHAPE", /got 4/);
    expectError(() => fromBytes("abc" as never), "ERR_ARGUMENT", /expected an ArrayBuffer, Buffer or typed array, got the string "abc"/);
    expectError(() => fromBytes(new Uint8Array(2), { dtype: "int17" as never }), "ERR_ARGUMENT", /fromBytes: dtype: expected a dtype/);
  });
});

describe("arithmetic", () => {
  test("of float64 tensors equals JavaScript's", () => {
    const number = fc.double({ noNaN: true, min: -1e6, max: 1e6 });
    fc.assert(fc.property(fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 40 }), (pairs) => {
      scope(() => {
        const [a, b] = [0, 1].map((i) => tensor(pairs.map((pair) => pair[i]!), { dtype: "float64" })) as [Tensor, Tensor];
        const expected = (f: (x: number, y: number) => number | boolean): unknown[] => pairs.map(([x, y]) => f(x, y));
        expect(a.add(b).toArray()).toEqual(expected((x, y) => x + y));
        expect(a.sub(b).toArray()).toEqual(expected((x, y) => x - y));
        expect(a.mul(b).toArray()).toEqual(expected((x, y) => x * y));
        expect(a.div(b).toArray()).toEqual(expected((x, y) => x / y));
        expect(a.maximum(b).toArray()).toEqual(expected((x, y) => Math.max(x, y)));
        expect(a.lt(b).toArray()).toEqual(expected((x, y) => x < y));
        expect(a.floor().toArray()).toEqual(expected((x) => Math.floor(x)));
        expect(a.abs().ceil().toArray()).toEqual(expected((x) => Math.ceil(Math.abs(x))));
      });
    }));
  });

  test("of int64 tensors equals BigInt's, modulo 2^64", () => {
    const number = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    fc.assert(fc.property(number, number, (x, y) => {
      scope(() => {
        const value = (source: Tensor): bigint => BigInt(source.item() as number | bigint);
        expect([value(tensor(x).add(y)), value(tensor(x).mul(y)), value(tensor(x).bitwiseXor(y))]).toEqual([BigInt.asIntN(64, x + y), BigInt.asIntN(64, x * y), x ^ y]);
      });
    }));
  });

  test("broadcasts as the shapes say, or is an ERR_SHAPE", () => {
    const shape = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 });
    fc.assert(fc.property(shape, shape, (a, b) => {
      const length = Math.max(a.length, b.length);
      const sizes = Array.from({ length }, (_, i) => [a[a.length - length + i] ?? 1, b[b.length - length + i] ?? 1] as const);
      scope(() => {
        const add = (): Tensor => zeros(a).add(zeros(b));
        if (sizes.every(([x, y]) => x === y || x === 1 || y === 1)) expect(add().shape).toEqual(sizes.map(([x, y]) => Math.max(x, y)));
        else expectError(add, "ERR_SHAPE", /^aten::add\.Tensor: The size of tensor a \(\d\) must match the size of tensor b \(\d\)/);
      });
    }));
  });
});

test("discard gives up a buffer, and leaves what is a part of one or shared", () => {
  const own = new Uint8Array(100);
  const [all, part] = [new Uint8Array(own.buffer), own.subarray(1)];
  discard(part);
  expect(part.length).toBe(99);
  discard(all);
  expect([own.length, all.length, part.length, own.buffer.byteLength]).toEqual([0, 0, 0, 0]);
  discard(all);
  const shared = new Uint8Array(new SharedArrayBuffer(8));
  discard(shared);
  expect(shared.length).toBe(8);
});

test("copyInto fills memory of the caller's, of the right size, in row-major order", inScope(() => {
  const bytes = new Uint8Array(8).fill(9);
  copyInto(tensor([[1, 2], [3, 4], [5, 6]], { dtype: "uint8" }).transpose(0, 1), bytes.subarray(1, 7));
  expect([...bytes]).toEqual([9, 1, 3, 5, 2, 4, 6, 9]);
  expectError(() => copyInto(zeros([2]), bytes.subarray(1)), "ERR_SHAPE", /expected room for 8 bytes, got 7/);
}));

describe("memory", () => {
  test("of a refused tensor is not held", () => {
    scope(() => {
      const before = memoryStats();
      for (const data of [[[1], [2, 3]], [1, "x"]]) expect(() => tensor(data as never)).toThrow(DgsamError);
      expect(() => tensor([1n], { requiresGrad: true })).toThrow(DgsamError);
      // A tensor whose options were refused last was made already; its scope frees it.
      expect(memoryStats().handles - before.handles).toBeLessThanOrEqual(1);
    });
  });

  test("that cannot be had is an ERR_OOM, and the process goes on", () => {
    expectError(() => zeros([2 ** 45]), "ERR_OOM", /./);
    manualSeed(0);
    scope(() => expect(randn([2]).shape).toEqual([2]));
  });
});
