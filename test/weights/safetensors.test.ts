import { existsSync, readdirSync, readFileSync, renameSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import {
  inferenceMode, keep, loadWeights, memoryStats, ones, openSafetensors, ops, saveWeights, scope, tensor, writeSafetensors, zeros, type DType, type StateDict, type Tensor,
} from "dgsam";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectError } from "../data/errors.js";
import { expectTensors, fixture, tensorOfBytes, textOf, withFolder } from "./files.js";

const DTYPES = [
  "bool", "uint8", "int8", "float8_e5m2", "float8_e4m3fn", "float8_e8m0fnu", "float8_e4m3fnuz", "float8_e5m2fnuz", "int16", "uint16", "float16", "bfloat16",
  "int32", "uint32", "float32", "complex64", "float64", "int64", "uint64",
] as const satisfies readonly DType[];
const SIZES: Readonly<Record<string, number>> = {
  int16: 2, uint16: 2, float16: 2, bfloat16: 2, int32: 4, uint32: 4, float32: 4, complex64: 8, float64: 8, int64: 8, uint64: 8,
};

/** What fixtures/make.py put into reference.safetensors. */
function reference(): StateDict {
  const dict: StateDict = {};
  for (const [d, dtype] of DTYPES.entries()) {
    const bytes = Uint8Array.from({ length: 6 * (SIZES[dtype] ?? 1) }, (_, i) => (7 * i + d) % (dtype === "bool" ? 2 : 251));
    dict[`layer.${dtype}`] = tensorOfBytes(bytes, dtype, [2, 3]);
  }
  return { ...dict, empty: zeros([0, 4]), scalar: tensor(1.5), äß: tensor([1n]) };
}

/** A file of this header, as text or an object, and these bytes. */
function file(header: unknown, data: Uint8Array = new Uint8Array()): Buffer {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([size, text, data]);
}

describe("files of Python's safetensors", () => {
  test("are read, every dtype of the format", () => {
    using opened = openSafetensors(fixture("reference.safetensors"));
    expect(opened.metadata).toEqual({ format: "pt" });
    expect(opened.entry("layer.bfloat16")).toEqual({ format: "BF16", dtype: "bfloat16", shape: [2, 3] });
    const expected = reference();
    expect(opened.keys().sort()).toEqual(Object.keys(expected).sort());
    expectTensors(opened.tensors(), expected);
  });

  test("are written byte for byte", () => withFolder((path) => {
    writeSafetensors(path("ours"), reference(), { metadata: { format: "pt" } });
    expect(readFileSync(path("ours"))).toEqual(readFileSync(fixture("reference.safetensors")));
  }));

  test("are read where nothing lies aligned, as copies", () => {
    const dict = loadWeights(fixture("unaligned.safetensors"));
    expect([dict["w"]!.toArray(), dict["odd"]!.toArray()]).toEqual([[1.5, -2], [0.25]]);
  });
});

describe("tensors of a file", () => {
  test("lie on one mapping, which costs no memory of its own and goes with the last of them", () => withFolder((path) => {
    writeSafetensors(path("w"), { a: ones([1000]), b: ones([1000]) });
    const before = memoryStats();
    const opened = openSafetensors(path("w"));
    expect(memoryStats().handles).toBe(before.handles);
    const a = opened.tensor("a");
    const b = opened.tensor("b");
    const aStart = ops.aten["as_strided.default"](a, [1], [1], 0);
    const bStart = ops.aten["as_strided.default"](b, [1], [1], 0);
    expect(ops.aten["is_set_to.default"](aStart, bStart)).toBe(true);
    for (const each of [aStart, bStart, b]) each.dispose();
    opened.dispose();
    opened.dispose();
    expect(a.sum().item()).toBe(1000);
    a.dispose();
    // All that the sum() above made is the collector's.
    expect(memoryStats().handles).toBeLessThanOrEqual(before.handles + 1);
    expectError(() => opened.tensor("a"), "ERR_DISPOSED", /w was disposed; open it again/);
  }));

  test("are not read before they are used: one number out of 2 GB takes no memory to speak of", () => withFolder((path) => {
    const text = JSON.stringify({ large: { dtype: "F32", shape: [500_000_000], data_offsets: [0, 2e9] }, small: { dtype: "F32", shape: [1], data_offsets: [2e9, 2e9 + 4] } });
    const header = file(text.padEnd(Math.ceil(text.length / 8) * 8));
    writeFileSync(path("w"), header);
    truncateSync(path("w"), header.length + 2e9 + 4);
    const before = process.memoryUsage().rss;
    using opened = openSafetensors(path("w"));
    const large = opened.tensor("large");
    expect(large.shape).toEqual([500_000_000]);
    expect(ops.aten["select.int"](large, 0, 400_000_000).item()).toBe(0);
    expect(opened.tensor("small").toArray()).toEqual([0]);
    expect(process.memoryUsage().rss - before).toBeLessThan(50 * 2 ** 20);
  }));

  test("are changed in memory, never in the file, and each has its own version", () => withFolder((path) => {
    writeSafetensors(path("w"), { a: ones([4]), b: ones([4]) });
    const before = readFileSync(path("w"));
    const { a, b } = loadWeights(path("w")) as { a: Tensor; b: Tensor };
    const version = b.version;
    ops.aten["fill_.Scalar"](a, 7);
    expect(a.toArray()).toEqual([7, 7, 7, 7]);
    expect(b.version).toBe(version);
    expect(readFileSync(path("w"))).toEqual(before);
    expect(loadWeights(path("w"))["a"]!.toArray()).toEqual([1, 1, 1, 1]);
  }));

  test("outlive a scope when they are returned from it, and the file when it is replaced", () => withFolder((path) => {
    writeSafetensors(path("w"), { a: ones([4]) });
    const dict = scope(() => loadWeights(path("w")));
    writeSafetensors(path("w"), { a: zeros([4]) });
    expect(dict["a"]!.toArray()).toEqual([1, 1, 1, 1]);
  }));

  test("are not given of a file that was changed, cut or removed since it was opened", () => withFolder((path) => {
    const dict = { a: ones([5000]), b: ones([5000]) };
    writeSafetensors(path("w"), dict);
    const opened = openSafetensors(path("w"));
    opened.tensor("a");
    truncateSync(path("w"), 20_500);
    expectError(() => opened.tensor("b"), "ERR_DATA", /w: was changed since it was opened; open it again, and replace files by renaming/);
    writeSafetensors(path("w"), dict);
    expectError(() => opened.tensor("b"), "ERR_DATA", /was changed since it was opened/);
    renameSync(path("w"), path("v"));
    expectError(() => opened.tensor("b"), "ERR_DATA", /is gone since it was opened/);
  }));

  test("of bool have bytes of 0 and 1 whatever the file has", () => withFolder((path) => {
    writeFileSync(path("w"), file({ a: { dtype: "BOOL", shape: [4], data_offsets: [0, 4] } }, Uint8Array.of(0, 1, 2, 255)));
    expect([...loadWeights(path("w"))["a"]!.toBytes()]).toEqual([0, 1, 1, 1]);
  }));

  test("of 4- and 6-bit floats are listed and refused", () => withFolder((path) => {
    writeFileSync(path("w"), file({ a: { dtype: "F4", shape: [4], data_offsets: [0, 2] }, b: { dtype: "F6_E2M3", shape: [4], data_offsets: [2, 5] } }, new Uint8Array(5)));
    const opened = openSafetensors(path("w"));
    expect(opened.entry("a")).toEqual({ format: "F4", dtype: undefined, shape: [4] });
    expectError(() => opened.tensor("b"), "ERR_DTYPE", /"b" is of F6_E2M3, for which LibTorch has no dtype/);
  }));

  test("that are none are refused by name", () => {
    using opened = openSafetensors(fixture("reference.safetensors"));
    expectError(() => opened.tensor("toString"), "ERR_ARGUMENT", /has no tensor "toString"; keys\(\) lists what it has/);
    expectError(() => opened.entry(3 as never), "ERR_ARGUMENT", /key: expected a string, got the number 3/);
  });
});

test("a header with a text of 30 MB is read", () => withFolder((path) => {
  writeFileSync(path("w"), file({ __metadata__: { note: "\\\"".repeat(7.5e6) } }));
  expect(openSafetensors(path("w")).metadata["note"]!.length).toBe(15e6);
}));

test("a header of three million notes takes hardly longer than JSON.parse takes for it", () => withFolder((path) => {
  const text = `{"__metadata__":{${Array.from({ length: 3e6 }, (_, i) => `"k${i}":""`).join(",")}}}`;
  writeFileSync(path("w"), file(text));
  // Of the processor: others may want it as well.
  const timed = (action: () => unknown): number => {
    const start = process.cpuUsage();
    action();
    return process.cpuUsage(start).user;
  };
  const ours = timed(() => expect(openSafetensors(path("w")).metadata["k2999999"]).toBe(""));
  // It was five times as long when each key was parsed, and looked for, by itself.
  expect(ours / timed(() => JSON.parse(text))).toBeLessThan(3);
}));

describe("headers are refused, naming the path, with", () => {
  const entry = (shape: unknown, offsets: unknown, dtype: unknown = "U8") => ({ dtype, shape, data_offsets: offsets });

  test.each<[title: string, bytes: Buffer, message: RegExp]>([
    ["less than a length", Buffer.alloc(7), /truncated: a safetensors file begins with 8 bytes of length, got 7 bytes/],
    ["a length beyond the file", file("{}").subarray(0, 9), /truncated: its safetensors header claims 2 bytes, but only 1 bytes follow/],
    ["a length beyond the format", Buffer.from("ffffffffffffffff7b7d", "hex"), /claims 18446744073709552000 bytes, the format allows 100000000/],
    ["spaces in front", file(" {}"), /does not begin with \{/],
    ["an array", file("[]"), /does not begin with \{/],
    ["no JSON", file("{,}"), /is no JSON: /],
    ["no UTF-8", file("{\"\xff\":1}").fill(0xff, 10, 11), /is no UTF-8/],
    ["a key twice", file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), /has the key "a" twice/],
    ["a field twice", file('{"a":{"dtype":"U8","dtype":"I8","shape":[0],"data_offsets":[0,0]}}'), /has the key "dtype" twice/],
    ["metadata of numbers", file({ __metadata__: { epoch: 3 } }), /its __metadata__ "epoch" is no string/],
    ["metadata that are no object", file({ __metadata__: "x" }), /its __metadata__ is no object/],
    ["an entry that is none", file({ a: 3 }), /"a": expected an object with dtype, shape and data_offsets/],
    ["an unknown dtype", file({ a: entry([1], [0, 1], "U128") }, new Uint8Array(1)), /"a": the safetensors format has no dtype "U128"/],
    ["a dtype of an object's own names", file({ a: entry([1], [0, 1], "constructor") }, new Uint8Array(1)), /no dtype "constructor"/],
    ["a negative size", file({ a: entry([-1], [0, 1]) }, new Uint8Array(1)), /"a": its shape is no list of integers from 0 to 2\^53 - 1/],
    ["a fraction for a size", file({ a: entry([1.5], [0, 1]) }, new Uint8Array(1)), /its shape is no list of integers/],
    ["a shape beyond all memory", file({ a: entry([2 ** 30, 2 ** 30], [0, 1]) }, new Uint8Array(1)), /more elements than any memory/],
    ["an empty shape beyond all memory", file({ a: entry([0, 2 ** 50, 2 ** 50], [0, 0]) }), /more elements than any memory/],
    ["65 dimensions", file({ a: entry(new Array(65).fill(1), [0, 1]) }, new Uint8Array(1)), /has 65 dimensions, LibTorch takes 64/],
    ["offsets that are none", file({ a: entry([1], [0]) }, new Uint8Array(1)), /its data_offsets are no two integers of at least 0/],
    ["offsets that do not fit the shape", file({ a: entry([2], [0, 1]) }, new Uint8Array(1)), /its shape \[2\] of U8 takes 2 bytes, its data_offsets \[0, 1\] say 1/],
    ["offsets the wrong way", file({ a: entry([0], [1, 0]) }, new Uint8Array(1)), /say -1/],
    ["a hole", file({ a: entry([1], [0, 1]), b: entry([1], [2, 3]) }, new Uint8Array(3)), /"b": its bytes begin at 2, but 1 were taken before; the format allows no holes/],
    ["an overlap", file({ a: entry([2], [0, 2]), b: entry([2], [1, 3]) }, new Uint8Array(3)), /"b": its bytes begin at 1, but 2 were taken before; .*no overlaps/],
    ["bytes that belong to nobody", file({ a: entry([1], [0, 1]) }, new Uint8Array(2)), /its header places 1 bytes of tensors, but 2 bytes follow it/],
    ["bytes that are missing", file({ a: entry([4], [0, 4]) }, new Uint8Array(3)), /its header places 4 bytes of tensors, but 3 bytes follow it/],
  ])("%s", (_, bytes, message) => withFolder((path) => {
    writeFileSync(path("w"), bytes);
    const { handles } = memoryStats();
    const error = expectError(() => openSafetensors(path("w")), "ERR_DATA", message);
    expect(error.message.startsWith(`${path("w")}: `)).toBe(true);
    expect(memoryStats().handles).toBe(handles);
  }));

  test("no file, a folder, a pipe", () => withFolder((path) => {
    expectError(() => openSafetensors(path("none")), "ERR_DATA", /none: cannot be read: ENOENT/);
    expectError(() => openSafetensors(path("")), "ERR_DATA", /cannot be read: it is no regular file/);
    expect(spawnSync("mkfifo", [path("pipe")]).status).toBe(0);
    expectError(() => openSafetensors(path("pipe")), "ERR_DATA", /cannot be read: it is no regular file/);
    expectError(() => openSafetensors("a\0b"), "ERR_DATA", /cannot be read/);
    expectError(() => openSafetensors(3 as never), "ERR_ARGUMENT", /^path: expected a string, got the number 3$/);
  }));
});

describe("writing", () => {
  test("and reading give the same tensors, whatever they are", () => withFolder((path) => {
    const anyTensor = fc.tuple(fc.constantFrom(...DTYPES), fc.array(fc.nat(4), { maxLength: 4 })).chain(([dtype, shape]) => {
      const length = shape.reduce((count, size) => count * size, SIZES[dtype] ?? 1);
      return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => tensorOfBytes(bytes, dtype, shape));
    });
    const key = fc.string({ unit: "binary" }).filter((each) => each !== "__metadata__" && !/[\ud800-\udfff]/.test(each));
    fc.assert(fc.property(fc.array(fc.tuple(key, anyTensor), { maxLength: 6 }), (entries) => {
      const dict = Object.fromEntries(entries);
      writeSafetensors(path("w"), dict);
      expectTensors(loadWeights(path("w")), dict);
    }), { numRuns: 150, seed: 7 });
  }));

  test("does not depend on the order of the dict, and puts all in row-major order", () => withFolder((path) => {
    const a = ops.aten["t.default"](tensor([[1, 2, 3], [4, 5, 6]]));
    const b = tensor([1, 2], { requiresGrad: true });
    writeSafetensors(path("one"), { a, b });
    writeSafetensors(path("two"), { b, a });
    expect(readFileSync(path("one"))).toEqual(readFileSync(path("two")));
    expect(loadWeights(path("one"))["a"]!.toArray()).toEqual([[1, 4], [2, 5], [3, 6]]);
  }));

  test("writes tensors that lie beside each other on one storage, as those of a mapped file do", () => withFolder((path) => {
    writeSafetensors(path("w"), { a: ones([3]), b: zeros([3]) });
    writeSafetensors(path("v"), loadWeights(path("w")));
    expect(readFileSync(path("v"))).toEqual(readFileSync(path("w")));
    const whole = tensor([1, 2, 3, 4]);
    writeSafetensors(path("halves"), { first: ops.aten["slice.Tensor"](whole, 0, 0, 2), second: ops.aten["slice.Tensor"](whole, 0, 2, 4) });
    expect(loadWeights(path("halves"))["second"]!.toArray()).toEqual([3, 4]);
  }));

  test("refuses two that share memory, by name", () => withFolder((path) => {
    const whole = tensor([1, 2, 3, 4]);
    expectError(() => writeSafetensors(path("w"), { embedding: whole, other: ones([2]), head: ops.aten["detach.default"](whole) }), "ERR_ARGUMENT",
      /"embedding" and "head" share memory, which safetensors cannot say; leave one out, or clone it to store it twice$/);
    expectError(() => writeSafetensors(path("w"), { a: ops.aten["slice.Tensor"](whole, 0, 1, 3), b: ops.aten["slice.Tensor"](whole, 0, 2, 4) }), "ERR_ARGUMENT", /"a" and "b" share/);
    expect(existsSync(path("w"))).toBe(false);
  }));

  test("leaves the old file, and nothing beside it, when it fails or is not allowed", () => withFolder((path) => {
    writeSafetensors(path("w"), { a: ones([1]) });
    const before = readFileSync(path("w"));
    const gone = ones([1]);
    gone.dispose();
    expectError(() => writeSafetensors(path("w"), { gone }), "ERR_DISPOSED", /./);
    expectError(() => writeSafetensors(path("none/w"), { a: ones([1]) }), "ERR_DATA", /cannot write .*none\/w: ENOENT/);
    expectError(() => writeSafetensors("", { a: ones([1]) }), "ERR_ARGUMENT", /^path: expected the path of a file/);
    expect(readFileSync(path("w"))).toEqual(before);
    expect(readdirSync(path(""))).toEqual(["w"]);
  }));

  test("leaves no handles behind", () => withFolder((path) => {
    const dict = { a: ops.aten["t.default"](ones([3, 4])), b: ones([2]), c: ones([1], { dtype: "bool" }) };
    const { handles } = memoryStats();
    writeSafetensors(path("w"), dict);
    expect(memoryStats().handles).toBe(handles);
    scope(() => loadWeights(path("w")) && undefined);
    // The mapping is kept out of scopes until the file is disposed, and loadWeights() does that.
    expect(memoryStats().handles).toBe(handles);
  }));

  test.each<[title: string, dict: () => unknown, options: unknown, code: "ERR_ARGUMENT" | "ERR_DTYPE" | "ERR_DEVICE", message: RegExp]>([
    ["complex128", () => ({ a: ones([1], { dtype: "complex128" }) }), {}, "ERR_DTYPE", /"a" is complex128, which safetensors does not have; convert it, or write \.npz$/],
    ["complex32", () => ({ a: ones([1]).to("complex64").to("complex32") }), {}, "ERR_DTYPE", /"a" is complex32, which safetensors does not have; convert it$/],
    ["half a surrogate pair", () => ({ "a\udc00": ones([1]) }), {}, "ERR_ARGUMENT", /writeSafetensors: the key "a\\udc00" has half a surrogate pair, which UTF-8 cannot say; rename the tensor/],
    ["half a surrogate pair in metadata", () => ({}), { metadata: { note: "\ud800" } }, "ERR_ARGUMENT", /writeSafetensors: metadata: "note" has half a surrogate pair/],
    ["a sparse tensor", () => ({ a: ops.aten["to_sparse.default"](ones([3])) }), {}, "ERR_ARGUMENT", /"a" has layout sparse_coo, safetensors holds dense tensors; use toDense\(\)/],
    ["the meta device", () => ({ a: ones([1], { device: "meta" }) }), {}, "ERR_DEVICE", /"a" is on the meta device/],
    ["the format's own key", () => ({ __metadata__: ones([1]) }), {}, "ERR_ARGUMENT", /the key __metadata__ is the format's own/],
    ["a number", () => ({ a: 3 }), {}, "ERR_ARGUMENT", /"a": expected a Tensor, got the number 3/],
    ["a tensor alone", () => ones([1]), {}, "ERR_ARGUMENT", /writeSafetensors\(dict\): expected an object of Tensors by key/],
    ["metadata of numbers", () => ({}), { metadata: { epoch: 3 } }, "ERR_ARGUMENT", /metadata: expected an object of strings/],
    ["unknown options", () => ({}), { meta: {} }, "ERR_ARGUMENT", /unknown option 'meta'/],
  ])("refuses %s", (_, dict, options, code, message) => withFolder((path) => {
    expectError(() => writeSafetensors(path("w"), dict() as never, options as never), code, message);
  }));
});

test("a path is that of the folder where the file was opened", () => withFolder((path) => {
  writeSafetensors(path("w"), { a: ones([2]) });
  const folder = process.cwd();
  process.chdir(path(""));
  const opened = openSafetensors("w");
  process.chdir(folder);
  expect(opened.tensor("a").toArray()).toEqual([1, 1]);
}));

test("inference mode and gradients make no difference", () => withFolder((path) => {
  writeSafetensors(path("w"), { a: tensor([1, 2], { requiresGrad: true }) });
  const a = inferenceMode(() => loadWeights(path("w"))["a"]!);
  expect([a.toArray(), a.requiresGrad]).toEqual([[1, 2], false]);
  const trained = loadWeights(path("w"))["a"]!;
  trained.requiresGrad = true;
  trained.mul(trained).sum().backward();
  expect(trained.grad!.toArray()).toEqual([2, 4]);
}));

test("a symbolic link is read through", () => withFolder((path) => {
  saveWeights(path("w.safetensors"), { a: ones([2]) });
  symlinkSync(path("w.safetensors"), path("link"));
  expect(textOf(keep(loadWeights(path("link"))["a"]!))).toEqual(textOf(ones([2])));
}));
