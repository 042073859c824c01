import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryStats, ones, ops, readNpy, readNpz, scope, tensor, writeNpy, writeNpz, zeros, type DType, type StateDict } from "dgsam";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectError } from "../data/errors.js";
import { hasTorch, oracle } from "../reference/oracle.js";
import { expectTensors, tensorOfBytes, textOf, textsOf, type TensorText } from "./files.js";
import { zip, type ZipFields } from "./pickles.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dgsam-numpy-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string): string => join(folder, name);

const SIZES = {
  bool: 1, uint8: 1, int8: 1, uint16: 2, int16: 2, uint32: 4, int32: 4, uint64: 8, int64: 8, float16: 2, float32: 4, float64: 8, complex64: 8, complex128: 16,
} as const satisfies Partial<Record<DType, number>>;
const DTYPES = Object.keys(SIZES) as (keyof typeof SIZES)[];

describe.skipIf(!hasTorch)("NumPy", () => {
  interface Answer {
    arrays: Record<string, TensorText>;
    archives: Record<string, Record<string, TensorText>>;
    ours: Record<string, TensorText | Record<string, TensorText>>;
    many: number;
  }
  let answer: Answer;
  const arrays: StateDict = {};
  const written: StateDict = { "a/b.c": ones([2, 3]), 0: ops.aten["t.default"](tensor([[1, 2], [3, 4]])), scalar: tensor(7n), none: zeros([0, 2]), many: ones([300_000]) };
  beforeAll(() => {
    for (const [i, dtype] of DTYPES.entries()) arrays[dtype] = tensorOfBytes(Uint8Array.from({ length: 6 * SIZES[dtype] }, (_, at) => (at * 3 + i) % 120), dtype, [2, 3]);
    for (const [dtype, each] of Object.entries(arrays)) writeNpy(path(`ours-${dtype}.npy`), each);
    writeNpz(path("ours.npz"), written);
    const one = tensor(1);
    writeNpz(path("many.npz"), Object.fromEntries(Array.from({ length: 65_600 }, (_, i) => [`a${i}`, one])));
    answer = oracle<Answer>("weights/numpy_files.py", { folder, written: [...DTYPES.map((dtype) => `ours-${dtype}.npy`), "ours.npz"] });
  });

  test.each([
    ...DTYPES.flatMap((dtype) => [dtype, `${dtype}-big`, `${dtype}-fortran`]), "scalar", "empty", "vector", "version2", "version3", "large",
  ])("%s.npy is read", (name) => {
    expect(textOf(readNpy(path(`${name}.npy`)))).toEqual(answer.arrays[name]);
  });

  test("an array in Fortran order keeps its strides", () => {
    expect(readNpy(path("float32-fortran.npy")).strides).toEqual([1, 2, 6]);
  });

  test.each(["stored", "deflated", "nothing"])("%s.npz is read", (name) => {
    expect(textsOf(readNpz(path(`${name}.npz`)))).toEqual(answer.archives[name]);
  });

  test("reads what we write", () => {
    for (const dtype of DTYPES) expect(answer.ours[`ours-${dtype}.npy`]).toEqual(textOf(arrays[dtype]!));
    expect(answer.ours["ours.npz"]).toEqual(textsOf(written));
  });

  test("and we read more arrays of ours than a zip archive of 32 bits can count", () => {
    expect(answer.many).toBe(65_600);
    expect(scope(() => Object.keys(readNpz(path("many.npz"))).length)).toBe(65_600);
  });

  test.each([
    ["object", /the array: LibTorch has nothing for its dtype "\|O": Python objects are pickled code; in Python: array\.astype\("float64"\), if all are numbers$/],
    ["text", /nothing for its dtype "<U3": text is no number; store numbers in its place/], ["ascii", /nothing for its dtype "\|S3": text is no number/],
    ["records", /it holds records; only arrays of numbers are read/], ["void", /nothing for its dtype "\|V4"; store its numbers as an array/],
    ["longdouble", /nothing for its dtype "<f16"; in Python: array\.astype\("float64"\)$/], ["longcomplex", /nothing for its dtype "<c32"; in Python: array\.astype\("complex128"\)$/],
    ["dates", /nothing for its dtype "<M8\[s\]": dates and times; in Python: array\.astype\("int64"\) gives their count/], ["times", /nothing for its dtype "<m8\[s\]": dates and times/],
  ])("%s.npy is refused", (name, message) => {
    expectError(() => readNpy(path(`${name}.npy`)), "ERR_DATA", message);
  });

  test.each(["longdouble", "longcomplex", "dates", "times", "object"])("%s.npy can be converted as its error says", (name) => {
    expect(readNpy(path(`${name}-converted.npy`)).shape).toEqual([2]);
  });
});

test("what is written is read again, whatever it is", () => {
  const anyTensor = fc.tuple(fc.constantFrom(...DTYPES), fc.array(fc.nat(4), { maxLength: 4 })).chain(([dtype, shape]) => {
    const length = shape.reduce<number>((count, size) => count * size, SIZES[dtype]);
    return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => tensorOfBytes(bytes, dtype, shape));
  });
  const key = fc.string({ unit: "binary", maxLength: 20 }).filter((each) => !/[\ud800-\udfff]/.test(each));
  fc.assert(fc.property(fc.array(fc.tuple(key, anyTensor), { maxLength: 5 }), (entries) => {
    const dict = Object.fromEntries(entries);
    writeNpz(path("w.npz"), dict);
    const read = readNpz(path("w.npz"));
    expectTensors(read, dict);
    expect(Object.keys(read)).toEqual(Object.keys(dict));
    for (const each of Object.values(dict)) {
      writeNpy(path("w.npy"), each);
      expect(textOf(readNpy(path("w.npy")))).toEqual(textOf(each));
    }
  }), { numRuns: 100, seed: 8 });
});

test("the same tensors give the same bytes, and no handles stay", () => {
  const dict = { a: ones([3]), b: ops.aten["t.default"](ones([2, 3])) };
  const { handles } = memoryStats();
  writeNpz(path("one.npz"), dict);
  writeNpz(path("two.npz"), dict);
  scope(() => readNpz(path("one.npz")) && undefined);
  expect(readFileSync(path("one.npz"))).toEqual(readFileSync(path("two.npz")));
  expect(memoryStats().handles).toBe(handles);
});

test("the longest keys, and pairs of surrogates, are written and read", () => {
  const dict = { ["a".repeat(65_531)]: ones([1]), "\ud83d\ude00": zeros([1]) };
  writeNpz(path("w.npz"), dict);
  expectTensors(readNpz(path("w.npz")), dict);
});

describe(".npy files are refused with", () => {
  const npy = (header: string, data: Uint8Array = new Uint8Array(4), version = 1): Buffer => {
    const size = Buffer.alloc(version === 1 ? 2 : 4);
    size.writeUInt16LE(header.length);
    return Buffer.concat([Buffer.from("\x93NUMPY", "latin1"), Buffer.of(version, 0), size, Buffer.from(header, "latin1"), data]);
  };
  const header = (shape: string, descr = "'<f4'", order = "False"): string => `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }\n`;

  test("nothing wrong with them, they are read", () => {
    writeFileSync(path("w"), npy(header("(1L,)")));
    expect(readNpy(path("w")).shape).toEqual([1]);
  });

  test.each<[title: string, bytes: Buffer, message: RegExp]>([
    ["another magic string", Buffer.alloc(20), /no \.npy array: it does not begin with \\x93NUMPY/],
    ["no bytes", Buffer.alloc(0), /no \.npy array/],
    ["a version of the future", npy(header("(1,)"), new Uint8Array(4), 4), /is of version 4 of the \.npy format; 1 to 3 are read/],
    ["a header cut short", npy(header("(1,)")).subarray(0, 30), /truncated: \d+ bytes were expected from byte 10 on, but the file has 30 bytes/],
    ["a header claiming gigabytes", Buffer.from("934e554d50590200ffffffff", "hex"), /its header claims 4294967295 bytes; NumPy reads 10000/],
    ["code for a header", npy("__import__('os').system('true')"), /its header is not the text of a dict that NumPy writes/],
    ["an expression for a shape", npy(header("(2**40,)")), /its header is not the text of a dict/],
    ["tuples 5,000 deep", npy(header("(".repeat(5000))), /its header is not the text of a dict/],
    ["a field too many", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}"), /does not have descr, fortran_order and shape alone/],
    ["a field twice", npy("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}"), /its header is not the text of a dict/],
    ["text behind", npy(`${header("(1,)")}}`), /its header is not the text of a dict/],
    ["a number for an order", npy(header("(1,)", "'<f4'", "0")), /its fortran_order is neither True nor False/],
    ["a number for a shape", npy(header("1")), /its shape is no list of integers/],
    ["a shape of gigabytes", npy(header("(1000000000, 8)")), /truncated: its header promises 32000000000 bytes of elements, but only 4 bytes follow/],
    ["a shape beyond all memory", npy(header("(9007199254740991, 9)")), /more elements than any memory/],
    ["trailing bytes", npy(header("(1,)"), new Uint8Array(6)), /2 trailing bytes after the 4 that its header promises/],
  ])("%s", (_, bytes, message) => {
    writeFileSync(path("w"), bytes);
    const error = expectError(() => readNpy(path("w")), "ERR_DATA", message);
    expect(error.message.startsWith(`${path("w")}: the array: `) || /truncated/.test(error.message)).toBe(true);
  });

  const entries = (lies: ZipFields, name = "a.npy", data: Uint8Array = npy(header("(1,)"))): [string, Uint8Array, ZipFields][] => [[name, data, lies]];
  const zeros1MB = npy(header("(250000,)"), new Uint8Array(1_000_000));

  test("nothing wrong with their archive, they are read", () => {
    for (const method of [0, 8]) {
      writeFileSync(path("w.npz"), zip(entries({ method })));
      expect(Object.keys(readNpz(path("w.npz")))).toEqual(["a"]);
    }
    writeFileSync(path("w.npz"), zip(entries({ method: 8 }, "a.npy", zeros1MB)));
    expect(readNpz(path("w.npz"))["a"]!.shape).toEqual([250_000]);
  });

  test.each<[title: string, bytes: Buffer, message: RegExp]>([
    ["entries of other kinds", zip(entries({}, "a.txt")), /"a\.txt": a \.npz file holds \.npy arrays only/],
    ["two entries of one name", zip([...entries({}), ...entries({})]), /two entries "a\.npy"/],
    ["encryption", zip(entries({ flags: 1 })), /"a\.npy": it is encrypted/],
    ["another compression", zip(entries({ method: 12 })), /compression method 12 is neither stored \(0\) nor deflated \(8\)/],
    ["another checksum", zip(entries({ crc: 5 })), /"a\.npy": its checksum does not agree/],
    ["another checksum of deflated bytes", zip(entries({ crc: 5, method: 8 })), /its checksum does not agree/],
    ["two sizes of stored bytes", zip(entries({ size: 5 })), /stored bytes, but two sizes/],
    ["a size that is too small", zip(entries({ size: 5, method: 8 })), /cannot be decompressed: .*larger than 5 bytes/],
    ["a size that is too large", zip(entries({ size: 500, method: 8 })), /it holds \d+ bytes, the archive's directory says 500/],
    ["a size that no bytes could hold", zip(entries({ size: 2 ** 31, method: 8 })), /deflated bytes cannot hold the 2147483648 that it claims/],
    ["bytes that are not deflated", zip(entries({ method: 8, packed: Buffer.alloc(40, 0xff) })), /"a\.npy": cannot be decompressed: invalid/],
    ["an entry outside the file", zip(entries({ start: 5000 })), /its bytes run into the next entry's/],
    ["entries that overlap", zip([...entries({}), ["b.npy", Buffer.alloc(10), { start: 0 }]]), /its bytes run into the next entry's/],
    ["an entry elsewhere", zip(entries({ start: 1, compressed: 10, size: 10 })), /"a\.npy": there is no entry where the archive's directory says/],
    ["sizes of zip64 that are not there", zip(entries({ size: 0xffffffff, compressed: 0xffffffff })), /it needs zip64 sizes, and has none/],
    ["bytes in front", Buffer.concat([Buffer.alloc(1), zip(entries({}))]), /its zip directory does not end where the archive's end says/],
    ["bytes behind", Buffer.concat([zip(entries({})), Buffer.alloc(1)]), /its end has no directory/],
  ])("%s in their archive", (_, bytes, message) => {
    writeFileSync(path("w.npz"), bytes);
    const error = expectError(() => readNpz(path("w.npz")), "ERR_DATA", message);
    expect(error.message.startsWith(`${path("w.npz")}: `)).toBe(true);
  });

  test("a directory that claims more entries than fit it", () => {
    const bytes = zip(entries({}));
    bytes.writeUInt16LE(60_000, bytes.length - 14);
    bytes.writeUInt16LE(60_000, bytes.length - 12);
    writeFileSync(path("w.npz"), bytes);
    expectError(() => readNpz(path("w.npz")), "ERR_DATA", /its zip directory of \d+ bytes claims 60000 entries/);
  });

  test("more inflated bytes than are allowed, all entries together", () => {
    writeFileSync(path("w.npz"), zip([["a.npy", zeros1MB, { method: 8 }], ["b.npy", zeros1MB, { method: 8 }]]));
    expect(Object.keys(readNpz(path("w.npz"), { maxInflatedBytes: 2 * zeros1MB.length }))).toEqual(["a", "b"]);
    expectError(() => readNpz(path("w.npz"), { maxInflatedBytes: 2 * zeros1MB.length - 1 }), "ERR_DATA",
      /its deflated entries hold \d+ bytes or more, over the limit of \d+; if the file is to be trusted, raise maxInflatedBytes/);
  });
});

test.each<[title: string, call: () => unknown, code: "ERR_ARGUMENT" | "ERR_DTYPE", message: RegExp]>([
  ["bfloat16", () => writeNpy(path("w.npy"), ones([1], { dtype: "bfloat16" })), "ERR_DTYPE", /"the tensor" is bfloat16, which \.npy does not have; convert it, or write safetensors/],
  ["float8", () => writeNpz(path("w.npz"), { a: ones([1]).to("float8_e5m2") }), "ERR_DTYPE", /writeNpz: "a" is float8_e5m2/],
  ["complex32", () => writeNpz(path("w.npz"), { a: ones([1]).to("complex64").to("complex32") }), "ERR_DTYPE", /writeNpz: "a" is complex32, which \.npz does not have; convert it$/],
  ["half a surrogate pair", () => writeNpz(path("w.npz"), { "\ud800": ones([1]), "\ud801": ones([1]) }), "ERR_ARGUMENT", /writeNpz: the key "\\ud800" has half a surrogate pair, which UTF-8 cannot say/],
  ["a key of 64 kB", () => writeNpz(path("w.npz"), { ["ä".repeat(32766)]: ones([1]) }), "ERR_ARGUMENT", /writeNpz: the key "ä+\.\.\." has 65532 bytes, a \.npz file takes 65531; write safetensors/],
  ["an array", () => writeNpy(path("w.npy"), [1] as never), "ERR_ARGUMENT", /tensor: expected a Tensor, got an array of length 1/],
  ["an array of tensors", () => writeNpz(path("w.npz"), [ones([1])] as never), "ERR_ARGUMENT", /writeNpz\(dict\): expected an object of Tensors/],
  ["unknown options", () => readNpz(path("w.npz"), { limit: 1 } as never), "ERR_ARGUMENT", /unknown option 'limit'/],
  ["a negative limit", () => readNpz(path("w.npz"), { maxInflatedBytes: -1 }), "ERR_ARGUMENT", /maxInflatedBytes: expected an integer of at least 0/],
])("%s: refused", (_, call, code, message) => {
  writeNpz(path("w.npz"), {});
  expectError(call, code, message);
});
