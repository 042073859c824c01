/** What each schema type takes from JavaScript, and how a refusal reads. */
import { complex, double, Generator, memoryStats, ops, operatorSchemas, randn, scope, tensor, zeros, type OperatorFunction } from "dgsam";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectError } from "../data/errors.js";

const { aten } = ops;

/** An operator without its types, to pass what they forbid. */
const untyped = (name: keyof typeof aten): OperatorFunction => aten[name] as OperatorFunction;

function inScope(body: () => void): () => void {
  return () => scope(body);
}

describe("int", () => {
  const select = (index: unknown): unknown => untyped("select.int")(tensor([1, 2, 3]), 0, index);

  test("takes safe integers and bigints", inScope(() => {
    expect((select(1) as ReturnType<typeof tensor>).item()).toBe(2);
    expect((select(-1n) as ReturnType<typeof tensor>).item()).toBe(3);
    expect((select(-0) as ReturnType<typeof tensor>).item()).toBe(1);
  }));

  test.each([
    [1.5, "the number 1.5"], [Number.NaN, "the number NaN"], [Infinity, "the number Infinity"], [2 ** 53, "the number 9007199254740992"],
    ["1", 'the string "1"'], [true, "the boolean true"],
    [2n ** 63n, "the bigint 9223372036854775808n"], [-(2n ** 63n) - 1n, "the bigint -9223372036854775809n"], [null, "null"],
    [[1], "an array of length 1"], [double(1), "a Double"], [Symbol("s"), "a symbol"], [() => 1, "a function"],
  ] as [unknown, string][])("refuses %s", (value, words) => {
    scope(() => {
      const { message } = expectError(() => select(value), "ERR_ARGUMENT", /^aten::select\.int: argument 'index': expected a safe integer or a bigint within 64 bits, got /);
      expect(message).toContain(`got ${words}\n  schema: aten::select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)`);
    });
  });

  test("carries all 64 bits", inScope(() => {
    fc.assert(fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      expect(BigInt(scope(() => aten.full([], value, { dtype: "int64" }).item() as number | bigint))).toBe(value);
    }));
  }));
});

describe("float", () => {
  const equalWithin = (rtol: unknown): unknown => untyped("allclose")(tensor([1]), tensor([1.1]), rtol);

  test("takes any number and double()", inScope(() => {
    expect([equalWithin(0.2), equalWithin(0), equalWithin(1), equalWithin(Infinity), equalWithin(double(0.2))]).toEqual([true, false, true, true, true]);
  }));

  test.each([
    ["0.1", 'the string "0.1"'], [true, "the boolean true"], [1n, "the bigint 1n"], [null, "null"],
    [{ re: 1, im: 0 }, "an object with keys {re, im}"],
  ] as [unknown, string][])("refuses %s", (value, words) => {
    scope(() => {
      const { message } = expectError(() => equalWithin(value), "ERR_ARGUMENT", /^aten::allclose\.default: argument 'rtol': expected a number, got /);
      expect(message).toContain(`got ${words}`);
    });
  });
});

describe("Scalar", () => {
  const plus = (value: unknown): { dtype: string; value: unknown } => {
    const result = untyped("add.Scalar")(tensor([1n], { dtype: "int32" }), value) as ReturnType<typeof tensor>;
    return { dtype: result.dtype, value: (result.toArray() as unknown[])[0] };
  };

  test("a safe integer is an int64, any other number a double", inScope(() => {
    expect([plus(2), plus(2n), plus(true)]).toEqual([{ dtype: "int32", value: 3 }, { dtype: "int32", value: 3 }, { dtype: "int32", value: 2 }]);
    expect([plus(1.5), plus(-0), plus(double(2)), plus(2 ** 53), plus(Number.NaN)]).toEqual(
      [2.5, 1, 3, 2 ** 53, Number.NaN].map((value) => ({ dtype: "float32", value })));
  }));

  test("complex() and { re, im } are complex", inScope(() => {
    expect([plus(complex(1, 2)), plus({ re: 1, im: 2 })]).toEqual([0, 1].map(() => ({ dtype: "complex64", value: { re: 2, im: 2 } })));
  }));

  test.each([
    ["2", 'the string "2"'], [2n ** 63n, "the bigint 9223372036854775808n"], [null, "null"], [[1], "an array of length 1"], [new Date(0), "a Date"],
  ] as [unknown, string][])("refuses %s", (value, words) => {
    scope(() => {
      const { message } = expectError(() => plus(value), "ERR_ARGUMENT", /^aten::add\.Scalar: argument 'other': expected a number, bigint within 64 bits, boolean, double\(\) or complex\(\), got /);
      expect(message).toContain(`got ${words}`);
    });
  });
});

describe("Tensor", () => {
  test("a number in its place is a wrapped number: it does not widen the dtype", inScope(() => {
    const half = tensor([1, 2], { dtype: "float16" });
    const ints = tensor([1n, 2n]);
    expect([
      aten["add.Tensor"](half, 1.5), aten["add.Tensor"](half, 1), aten["add.Tensor"](ints, 1n), aten["add.Tensor"](ints, 1.5),
      aten["add.Tensor"](ints, true), aten["add.Tensor"](ints, complex(0, 1)), aten["add.Tensor"](ints, double(1)),
    ].map(({ dtype }) => dtype))
      .toEqual(["float16", "float16", "int64", "float32", "int64", "complex64", "float32"]);
  }));

  test("null is None where the schema allows it", inScope(() => {
    expect(aten.linear(tensor([[1, 2]]), tensor([[3, 4]]), null).toArray()).toEqual([[11]]);
    expectError(() => untyped("relu.default")(null), "ERR_ARGUMENT", /^aten::relu\.default: argument 'self': expected a Tensor or a number, got null/);
  }));

  test.each([
    ["x", 'the string "x"'], [{}, "missing"], [[1], "an array of length 1"], [undefined, "missing"], [new Float32Array(2), "a Float32Array"],
  ] as [unknown, string][])("refuses %s", (value, words) => {
    expectError(() => untyped("relu.default")(value), "ERR_ARGUMENT", new RegExp(`^aten::relu\\.default: argument 'self'.*${words}`));
  });
});

describe("bool, str and names", () => {
  test("take their own kind", inScope(() => {
    const x = randn([1, 2, 3, 3]);
    expect(untyped("std.default")(tensor([1, 3]), false)).toBeDefined();
    expect(aten["clone.default"](x, { memory_format: "channels_last" }).strides).toEqual([18, 1, 6, 2]);
    expect(aten["empty.memory_format"]([2], { dtype: "int32", layout: "strided", device: "cpu" }).dtype).toBe("int32");
  }));

  test.each([
    ["std.default", [0], {}, /argument 'unbiased': expected a boolean, got the number 0/],
    ["div.Tensor_mode", [tensor(1)], { rounding_mode: 1 }, /argument 'rounding_mode': expected a string, or null, got the number 1/],
    ["to.dtype", ["float33"], {}, /argument 'dtype': expected a dtype such as "float32", got the string "float33"/],
    ["to.dtype", [6], {}, /argument 'dtype': expected a dtype such as "float32", got the number 6/],
    ["to.device", ["Cpu", "float32"], {}, /argument 'device': expected a device such as "cpu" or "cuda:0", got the string "Cpu"/],
    ["clone.default", [], { memory_format: "nchw" }, /argument 'memory_format': expected a memory format such as "contiguous_format", or null, got the string "nchw"/],
    ["zeros_like.default", [], { layout: "dense" }, /argument 'layout': expected a layout such as "strided", or null, got the string "dense"/],
    ["bernoulli.default", [], { generator: {} }, /argument 'generator': expected a Generator, or null, got an object with keys \{\}/],
  ] as [keyof typeof aten, unknown[], object, RegExp][])("%s refuses %j %j", (name, args, keywords, message) => {
    scope(() => expectError(() => untyped(name)(tensor([1, 2]), ...args, keywords), "ERR_ARGUMENT", message));
  });

  test("a Generator is drawn from", inScope(() => {
    const first = aten["bernoulli.default"](tensor([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]), { generator: new Generator().manualSeed(1) });
    const again = aten["bernoulli.default"](tensor([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]), { generator: new Generator().manualSeed(1) });
    expect(again.toArray()).toEqual(first.toArray());
  }));

  test("strings go in whole: letters beyond ASCII, beyond 16 bits and halves of pairs", inScope(() => {
    for (const text of ["größe", "数", "🙂", "\ud83d", "a".repeat(20_000)])
      expectError(() => aten["div.Tensor_mode"](tensor([1]), tensor([2]), { rounding_mode: text }), "ERR_ARGUMENT", /^aten::div\.Tensor_mode: div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '/);
    const { message } = expectError(() => aten["div.Tensor_mode"](tensor([1]), tensor([2]), { rounding_mode: "größe 数 🙂" }), "ERR_ARGUMENT", /found/);
    expect(message).toContain("'größe 数 🙂'");
  }));
});

describe("lists", () => {
  test("take arrays, typed arrays and, for int[n], one number", inScope(() => {
    const x = zeros([2, 3]);
    expect([
      aten["permute.default"](x, [1, 0]).shape, aten["permute.default"](x, Int32Array.of(1, 0)).shape, aten["view.default"](x, [3n, 2n]).shape,
      aten["view.default"](x, BigInt64Array.of(6n)).shape,
    ]).toEqual([[3, 2], [3, 2], [3, 2], [6]]);
    expect(aten["sum.dim_IntList"](x, 1).shape).toEqual([2]);
    expect(aten["view.default"](x, [-1]).shape).toEqual([6]);
    expect(aten["avg_pool2d.default"](zeros([1, 4, 4]), 2).shape).toEqual([1, 2, 2]);
  }));

  test("longer than the call frame", inScope(() => {
    const parts = Array.from({ length: 10_000 }, (_, i) => tensor([i]));
    expect((aten.cat(parts).data() as Float32Array).every((value, i) => value === i)).toBe(true);
    const repeated = aten["split_with_sizes.default"](zeros([100_000]), new Array<number>(100_000).fill(1));
    expect([repeated.length, repeated[99_999]!.shape]).toEqual([100_000, [1]]);
    expect(aten["unbind.int"](tensor(Float32Array.from({ length: 10_000 }, (_, i) => i))).map((each) => each.item())).toEqual(Array.from({ length: 10_000 }, (_, i) => i));
  }));

  test("say which element is wrong", inScope(() => {
    const x = zeros([2, 3]);
    expectError(() => untyped("view.default")(x, [2, "3"]), "ERR_ARGUMENT", /argument 'size': expected an array, each element a safe integer or a bigint within 64 bits, got the string "3" at index 1/);
    expectError(() => untyped("view.default")(x, 6), "ERR_ARGUMENT", /argument 'size': expected an array, each element a safe integer or a bigint within 64 bits, got the number 6/);
    expectError(() => untyped("cat")([x, null]), "ERR_ARGUMENT", /argument 'tensors': expected an array, each element a Tensor, got null at index 1/);
    expectError(() => untyped("cat")([x, 1]), "ERR_ARGUMENT", /got the number 1 at index 1/);
    expectError(() => untyped("index.Tensor")(x, [null, "x"]), "ERR_ARGUMENT", /argument 'indices'.*got the string "x" at index 1/);
  }));

  test("of missing tensors take null", inScope(() => {
    expect(aten["index.Tensor"](tensor([[1, 2], [3, 4]]), [null, tensor([1n])]).toArray()).toEqual([[2], [4]]);
  }));
});

describe("calls", () => {
  test("undefined takes the schema's default, also in the middle and by name", inScope(() => {
    const x = tensor([[1, 2], [3, 4]]);
    expect(aten["flatten.using_ints"](x, undefined, undefined).shape).toEqual([4]);
    expect(aten["flatten.using_ints"](x, { start_dim: undefined, end_dim: 0 }).shape).toEqual([2, 2]);
    expect(aten["add.Tensor"](x, 1, { alpha: undefined }).toArray()).toEqual([[2, 3], [4, 5]]);
  }));

  test.each([
    [[], undefined, /^aten::add\.Tensor: argument 'self' is missing: expected a Tensor or a number/],
    [[1], undefined, /argument 'other' is missing: expected a Tensor or a number/],
    [[1, 2, 3], undefined, /expected at most 2 positional arguments, got 3; pass alpha by name, in a trailing object/],
    [[1, 2], { beta: 1 }, /there is no argument 'beta'; the arguments are self, other, alpha/],
    [[1, 2], { other: 1 }, /argument 'other' is given twice, by position and by name/],
  ] as [unknown[], object | undefined, RegExp][])("add.Tensor(%j, %j) is refused", (args, keywords, message) => {
    const x = tensor([1]);
    expectError(() => untyped("add.Tensor")(...args.map((each) => (each === 1 ? x : each)), ...(keywords === undefined ? [] : [keywords])), "ERR_ARGUMENT", message);
    x.dispose();
  });

  test("names of an object's prototype are no keyword arguments", inScope(() => {
    expect(aten["add.Tensor"](tensor([1]), 2, Object.create(null) as object).toArray()).toEqual([3]);
    expectError(() => untyped("add.Tensor")(tensor([1]), 2, { toString: 1 }), "ERR_ARGUMENT", /there is no argument 'toString'/);
  }));

  test("a packet that nothing fits lists every overload with what is wrong", inScope(() => {
    const { message } = expectError(() => untyped("max")(tensor([1]), "x"), "ERR_ARGUMENT", /^aten::max: the arguments fit none of its \d+ overloads\n/);
    for (const { schema } of operatorSchemas("aten", "max")) expect(message).toContain(`  ${schema}\n`);
  }));

  test("unknown operators, overloads and namespaces", () => {
    const namespace = aten as unknown as Record<string, unknown>;
    expectError(() => namespace["ad"], "ERR_ARGUMENT", /^ops\.aten\.ad: LibTorch \S+ has no operator aten::ad/);
    expectError(() => namespace["add.Tensr"], "ERR_ARGUMENT", /^ops\.aten\["add\.Tensr"\]: no such overload; aten::add has .*add\.Tensor/);
    expectError(() => (ops["nowhere"] as Record<string, unknown>)["add"], "ERR_ARGUMENT", /has no operator nowhere::add/);
    expectError(() => ops["not a name"], "ERR_ARGUMENT", /expected a namespace/);
    expectError(() => { namespace["add"] = 1; }, "ERR_ARGUMENT", /read-only/);
    expect("add" in aten).toBe(true);
    expect("ad" in aten).toBe(false);
  });

  test("a refused call leaves nothing behind", () => {
    scope(() => {
      const x = zeros([2, 3]);
      const before = memoryStats();
      for (let i = 0; i < 100; i++) {
        expect(() => untyped("add.Tensor")(x, "x")).toThrow();
        expect(() => aten.mm(x, x)).toThrow();
      }
      expect(memoryStats()).toEqual(before);
    });
  });
});
