import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadWeights, memoryStats, ops, readPyTorch, scope, type StateDict, type Tensor } from "dgsam";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectError } from "../data/errors.js";
import { hasTorch, oracle } from "../reference/oracle.js";
import { plainTexts } from "./files.js";
import { legacyFile, pickled, zip, zipFile, type Pickled } from "./pickles.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dgsam-pytorch-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string): string => join(folder, name);

describe.skipIf(!hasTorch)("files of torch.save", () => {
  let expected: Record<string, unknown>;
  beforeAll(() => {
    expected = oracle<Record<string, unknown>>("weights/pytorch.py", { folder });
  });

  test.each([
    "net", "checkpoint", "dtypes", "views", "plain", "parameters", "storages", "tensor", "list", "big", "deflated", "numpy", "containers", "attributes",
    "net.legacy", "checkpoint.legacy", "older.legacy", "views.legacy", "plain.legacy", "parameters.legacy", "tensor.legacy", "list.legacy", "parts.legacy", "numpy.legacy",
  ])("%s.pth", (name) => {
    expect(plainTexts(readPyTorch(path(`${name}.pth`)))).toEqual(expected[name.replace(".legacy", "")]);
  });

  test.each([
    ["net4.pth", "net"], ["net5.legacy.pth", "net"], ["plain3.pth", "plain"], ["plain4.pth", "plain"], ["plain5.pth", "plain"], ["plain5.legacy.pth", "plain"],
    ["numpy1.pth", "numpy"], ["numpy3.pth", "numpy"], ["numpy4.pth", "numpy"], ["numpy5.pth", "numpy"], ["containers4.pth", "containers"],
  ])("%s, of another protocol", (name, value) => {
    expect(plainTexts(readPyTorch(path(name)))).toEqual(expected[value]);
  });

  test.each(["views.pth", "views.legacy.pth"])("%s: what shared a storage shares it again, with its strides", (name) => {
    const { base, tied, transposed, expanded } = loadWeights(path(name)) as Record<string, Tensor>;
    expect([transposed!.strides, expanded!.strides]).toEqual([[1, 6], [0, 0]]);
    ops.aten["fill_.Scalar"](base!, 5);
    expect(tied!.toArray()).toEqual(base!.toArray());
    expect(transposed!.sum().item()).toBe(24 * 5);
  });

  test("a tensor's memory is its own: no other file's, and not the scope's that it was made in", () => {
    const before = memoryStats().handles;
    const dict = scope(() => loadWeights(path("net.pth")));
    expect(memoryStats().handles).toBe(before + Object.keys(dict).length);
  });

  test("an array of NumPy in Fortran order keeps its strides, and none shares memory with another", () => {
    const { fortran, arrays } = readPyTorch(path("numpy.pth")) as { fortran: Tensor; arrays: Tensor[] };
    expect(fortran.strides).toEqual([1, 2]);
    ops.aten["fill_.Scalar"](arrays[0]!, 5);
    expect(fortran.toArray()).toEqual([[0, 1, 2], [3, 4, 5]]);
  });

  describe("of a checkpoint with values of any kind", () => {
    test.each(["domainbed.pkl", "domainbed.legacy.pkl"])("the entry that is asked for is read: %s", (name) => {
      const dict = loadWeights(path(name), { entry: "model_dict" });
      expect(plainTexts(dict)).toEqual(expected["net"]);
      expect(existsSync(path("harmed"))).toBe(false);
    });

    test.each([
      ["model_hparams", /asks for datetime\.datetime, at \\?"model_hparams\.seen\.0\\?"/], ["when", /asks for datetime\.datetime, at "when"/], ["system", /asks for posix\.system, at "system"/],
      ["net", /asks for torch\.nn\.modules\.container\.Sequential, at "net"/], ["loss", /asks for numpy\.dtype\('O8'\), at "loss"/], ["texts", /asks for numpy\._core\._internal\._convert_to_stringdtype_kwargs, at "texts"/], ["default", /asks for posix\.getpid, at "default"/],
      ["sparse", /asks for torch\._utils\._rebuild_sparse_tensor, at/], ["quantized", /asks for torch\._utils\._rebuild_qtensor, at/],
    ])("the entry %s is refused, as what in it is not known has a name and nothing else", (entry, message) => {
      expectError(() => loadWeights(path("domainbed.pkl"), { entry }), "ERR_DATA", message);
      expect(existsSync(path("harmed"))).toBe(false);
    });

    test("all of it is refused", () => {
      expectError(() => loadWeights(path("domainbed.pkl")), "ERR_DATA", /refused: its pickle asks for datetime\.datetime\. Only/);
      expectError(() => readPyTorch(path("domainbed.pkl")), "ERR_DATA", /refused: its pickle asks for datetime\.datetime\. Only/);
    });
  });

  test.each([
    ["system", "posix.system"], ["eval", "__builtin__.eval"], ["module", "torch.nn.modules.linear.Linear"], ["date", "datetime.datetime"],
    ["sparse", "torch._utils._rebuild_sparse_tensor"], ["quantized", "torch._utils._rebuild_qtensor"], ["random", "numpy.random._pickle.__randomstate_ctor"],
    ["objects", `numpy.dtype('O8'), at "list.1.a"`], ["np_text", `numpy.dtype('U1'), at "a"`], ["np_dates", `numpy.dtype('M8'), at "a"`], ["longdouble", `numpy.dtype('f16'), at "a"`],
  ])("%s is refused by name, and nothing is run", (name, global) => {
    const error = expectError(() => readPyTorch(path(`${name}.refused.pth`)), "ERR_DATA", /refused: its pickle asks for .*Only tensors and plain values are read/);
    expect(error.message).toContain(`asks for ${global}. `);
    expect(error.message).toContain("torch.save(model.state_dict(), path)");
    expect(existsSync(path("harmed"))).toBe(false);
  });

  test("a TorchScript archive is told apart", () => {
    expectError(() => readPyTorch(path("script.refused.pth")), "ERR_DATA", /a TorchScript archive, not a state dict/);
  });

  test("any cut-off file is refused", () => {
    for (const name of ["net.pth", "net.legacy.pth", "deflated.pth"]) {
      const bytes = readFileSync(path(name));
      for (let length = 0; length < bytes.length; length += 97) {
        writeFileSync(path("cut"), bytes.subarray(0, length));
        expectError(() => readPyTorch(path("cut")), "ERR_DATA", /./);
      }
    }
  });

  test("a byte of a storage that changed is found by its checksum", () => {
    const bytes = readFileSync(path("tensor.pth"));
    bytes[bytes.indexOf(Buffer.from("0100000000000000", "hex"))] = 9;
    writeFileSync(path("damaged"), bytes);
    expectError(() => readPyTorch(path("damaged")), "ERR_DATA", /"tensor\/data\/0": its checksum does not agree; the file is damaged/);
  });
});

describe("pickles", () => {
  const storage = (count: number, type = "torch FloatStorage"): Pickled[] => [["(", "storage"], ["global", type], "0", "cpu", count, ["t"], ["Q"]];
  const read = (items: readonly Pickled[], bytes: Uint8Array = new Uint8Array(8)): unknown => {
    writeFileSync(path("pickle"), zipFile(pickled(...items), { "archive/data/0": bytes }));
    return readPyTorch(path("pickle"));
  };
  const tensorOn = (on: readonly Pickled[], offset: Pickled, shape: number[], strides: number[]): Pickled[] =>
    [["global", "torch._utils _rebuild_tensor_v2"], ["("], ...on, offset, ["("], ...shape, ["t"], ["("], ...strides, ["t"], false, null, ["t"], ["R"]];

  const dtype = (code: string): Pickled[] => [["global", "numpy dtype"], code, ["\x85"], ["R"]];
  const array: Pickled[] = [["global", "numpy.core.multiarray _reconstruct"], ["global", "numpy ndarray"], ["("], 0, ["t"], ["\x86"], ["R"]];

  test("of ours are read, so that the refusals below are not of the helper", () => {
    expect((read(tensorOn(storage(2), 0, [2], [1])) as Tensor).toArray()).toEqual([0, 0]);
    expect((read(tensorOn(storage(2), 1, [3], [0])) as Tensor).toArray()).toEqual([0, 0, 0]);
  });

  test("may hold one object twice, or itself", () => {
    const [first, second] = read([["("], ["]"], ["q", 0], ["h", 0], ["t"]]) as [unknown, unknown];
    expect(first).toBe(second);
    const list = read([["]"], ["q", 0], ["h", 0], ["a"]]) as unknown[];
    expect(list[0]).toBe(list);
    const dict = read([["}"], ["q", 0], "self", ["h", 0], ["s"]]) as Record<string, unknown>;
    expect(dict["self"]).toBe(dict);
  });

  test("may fill what is not known, and give it to functions: nothing comes of it beside the entry that is asked for", () => {
    const unknown: Pickled[] = [["global", "foo Bar"], [")"], ["\x81"]];
    const uses: Pickled[][] = [
      [...unknown, 5, ["a"]], [...unknown, ["("], 5, ["e"]], [...unknown, 5, 6, ["s"]], [...unknown, ["("], 5, 6, ["u"]], [...unknown, ["("], 5, ["\x90"]], [...unknown, ["}"], ["b"]],
      [["global", "collections OrderedDict"], ...unknown, ["\x85"], ["R"]], [["global", "torch.nn.parameter Parameter"], ["0"], ...storage(2, "torch QInt8Storage")],
    ];
    for (const use of uses) {
      writeFileSync(path("pickle"), zipFile(pickled(["}"], "bad", ...use, ["s"], "good", ["}"], "w", ...tensorOn(storage(2), 0, [2], [1]), ["s"], ["s"]), { "archive/data/0": new Uint8Array(8) }));
      expect(Object.keys(loadWeights(path("pickle"), { entry: "good" }))).toEqual(["w"]);
      expectError(() => loadWeights(path("pickle"), { entry: "bad" }), "ERR_DATA", /refused: its pickle asks for (foo\.Bar|torch\.QInt8Storage), at "bad"/);
      expectError(() => loadWeights(path("pickle")), "ERR_DATA", /refused: its pickle asks for (foo\.Bar|torch\.QInt8Storage)\. Only/);
    }
  });

  test.each<[title: string, items: Pickled[], message: RegExp]>([
    ["a tensor beyond its storage", tensorOn(storage(2), 0, [3], [1]), /calls torch\._utils\._rebuild_tensor_v2 with sizes \[3\] beyond its storage of 2 elements/],
    ["an offset beyond its storage", tensorOn(storage(2), 2, [1], [1]), /sizes \[1\] beyond its storage/],
    ["strides beyond its storage", tensorOn(storage(2), 0, [2], [2 ** 31 - 1]), /sizes \[2\] beyond its storage/],
    ["a negative stride", tensorOn(storage(2), 1, [2], [-1]), /an offset, sizes or strides that are none/],
    ["a negative offset", tensorOn(storage(2), -1, [1], [1]), /an offset, sizes or strides that are none/],
    ["a view beyond all memory", tensorOn(storage(2), 0, [2 ** 31 - 1, 2 ** 31 - 1], [0, 0]), /with the shape \[2147483647, 2147483647\], more elements than any memory/],
    ["an empty view beyond all memory", tensorOn(storage(2), 0, [0, 2 ** 31 - 1, 2 ** 31 - 1], [0, 0, 0]), /more elements than any memory/],
    ["65 dimensions", tensorOn(storage(2), 0, new Array<number>(65).fill(1), new Array<number>(65).fill(0)), /with 65 dimensions, LibTorch takes 64/],
    ["more strides than sizes", tensorOn(storage(2), 0, [2], [1, 1]), /an offset, sizes or strides that are none/],
    ["a number for a storage", tensorOn([5], 0, [2], [1]), /with no storage/],
    ["a storage of another size", tensorOn(storage(3), 0, [2], [1]), /"archive\/data\/0": it should have 12 bytes, but has 8/],
    ["a storage claiming gigabytes", tensorOn(storage(2 ** 31 - 1), 0, [2], [1]), /should have 8589934588 bytes, but has 8/],
    ["one storage of two sizes", [["("], ...tensorOn(storage(2), 0, [2], [1]), ...tensorOn(storage(3), 0, [3], [1]), ["t"]], /storage "0" is of 8 bytes for one tensor and of 12 for another/],
    ["a storage of two types", tensorOn(storage(2, "torch QInt8Storage"), 0, [2], [1]), /asks for torch\.QInt8Storage\./],
    ["a persistent id that is none", [5, ["Q"]], /has a persistent id that names no storage/],
    ["a function for a value", [["global", "torch Size"]], /holds a function or class of Python itself/],
    ["a call of no function", [["global", "torch float32"], [")"], ["R"]], /calls what is no function/],
    ["a name with line breaks and quotes", [["global", "os \"x\r"]], /asks for os\.\\"x\\r\./],
    ["a name without end", [["raw", Buffer.from(`c${"x".repeat(2000)}`)]], /a name of more than 1024 characters/],
    ["an empty stack", [], /takes from an empty stack/],
    ["a pop through a mark", [5, ["("], ["a"]], /takes from an empty stack/],
    ["no mark", [5, ["t"]], /has no mark where one is needed/],
    ["an append to a dict", [["}"], 5, ["a"]], /appends to what is no list/],
    ["items of a list", [["]"], 5, 6, ["s"]], /sets items of what is no dict/],
    ["a key without a value", [["}"], ["("], 5, ["u"]], /has a key without a value/],
    ["attributes of a list", [["]"], ["}"], ["b"]], /gives attributes to what is no dict/],
    ["an entry of the memo that is none", [["h", 9]], /takes number 9, which it has not stored/],
    ["an unknown opcode", [["raw", Buffer.of(0xff)]], /has the unknown opcode 0xff/],
    ["an opcode of protocol 0", [["raw", Buffer.from("I5\n")]], /has the opcode INT, which is not read/],
    ["a protocol of the future", [["raw", Buffer.of(0x80, 9)]], /is of protocol 9; 2 to 5 are read/],
    ["text claiming gigabytes", [["raw", Buffer.from("58ffffff7f", "hex")]], /truncated: 2147483647 bytes were expected/],
    ["bytes claiming exabytes", [["raw", Buffer.from("8effffffffffffff7f", "hex")]], /claims 9223372036854775807 bytes, and \d+ are left/],
    ["an integer of 2 GB", [["raw", Buffer.from("8bffffff7f", "hex")]], /an integer of 2147483647 bytes; 1024 are read/],
    ["an integer of a negative length", [["raw", Buffer.from("8bffffffff", "hex")]], /an integer of -1 bytes/],
    ["text that is no UTF-8", [["raw", Buffer.from("5801000000ff", "hex")]], /has text that is no UTF-8/],
    ["bytes that are no latin1", [["global", "_codecs encode"], "€", "latin1", ["\x86"], ["R"]], /calls _codecs\.encode with anything but latin1 text/],
    ["lists 2,000 deep", [...new Array<Pickled>(2000).fill(["]"]), ...new Array<Pickled>(1999).fill(["a"])], /nested more than 500 deep/],
    ["a function where a tensor's is due", [["global", "torch._tensor _rebuild_from_type_v2"], ["("], ["global", "torch Size"], ["global", "torch Tensor"], ["("], ["]"], ["t"], null, ["t"], ["R"]],
      /calls torch\._tensor\._rebuild_from_type_v2 with what makes no plain tensor/],
    ["a number of another size", [["global", "numpy.core.multiarray scalar"], ...dtype("f8"), ["raw", Buffer.from("C\x02ab")], ["\x86"], ["R"]], /calls numpy\.core\.multiarray\.scalar with other bytes than the 8 of float64/],
    ["a number of no dtype", [["global", "numpy.core.multiarray scalar"], 5, 5, ["\x86"], ["R"]], /multiarray\.scalar with no dtype/],
    ["a dtype of another byte order", [...dtype("f8"), ["("], 3, "!", ["t"], ["b"]], /calls numpy\.dtype\.__setstate__ with no byte order/],
    ["an array of another size", [...array, ["("], 1, ["("], 2, ["t"], ...dtype("f8"), false, ["raw", Buffer.from("C\x02ab")], ["t"], ["b"]], /calls numpy\.ndarray\.__setstate__ with other bytes than the 16 of its shape \[2\]/],
    ["an array beyond all memory", [...array, ["("], 1, ["("], 2 ** 31 - 1, 2 ** 31 - 1, ["t"], ...dtype("f8"), false, ["raw", Buffer.from("C\x02ab")], ["t"], ["b"]], /more elements than any memory/],
    ["an array of another class", [["global", "numpy.core.multiarray _reconstruct"], ["global", "torch Tensor"], ["\x85"], ["R"]], /with another class than numpy\.ndarray/],
    ["an array without content", array, /holds an array of NumPy without its content/],
    ["a namespace of numbers", [["global", "argparse Namespace"], [")"], ["\x81"], 5, ["b"]], /calls argparse\.Namespace\.__setstate__ with no dict/],
    // 2 MB of text as bytes, again and again: 2 GB out of 2 MB.
    ["a long text copied without end", ["x".repeat(2e6), ["q", 0], ["0"], ["global", "_codecs encode"], ["q", 1], ["0"],
      ...Array.from({ length: 1000 }, (): Pickled[] => [["h", 1], ["h", 0], "latin1", ["\x86"], ["R"]]).flat()], /gives the same long values to functions again and again/],
  ])("with %s are refused", (_, items, message) => {
    const { handles } = memoryStats();
    expectError(() => read(items), "ERR_DATA", message);
    expect(memoryStats().handles).toBe(handles);
  });
});

describe("the older form is refused with", () => {
  const storage: Pickled[] = [["("], "storage", ["global", "torch FloatStorage"], "0", "cpu", 2, ["t"], ["Q"]];
  const tensorOf = (type: string): Pickled[] => storage.map((item) => (Array.isArray(item) && item[0] === "global" ? ["global", type] : item));
  const floats = Buffer.from("02000000000000000000803f00000040", "hex");

  test("nothing wrong with it, it is read", () => {
    writeFileSync(path("legacy"), legacyFile(pickled(...storage), pickled(["]"], "0", ["a"]), floats));
    expect((readPyTorch(path("legacy")) as Tensor).toArray()).toEqual([1, 2]);
  });

  test.each<[title: string, bytes: Buffer, message: RegExp]>([
    ["another count at the storage", legacyFile(pickled(...storage), pickled(["]"], "0", ["a"]), Buffer.concat([Buffer.of(3), floats.subarray(1)])), /storage "0" should have 2 elements, but has 3/],
    ["too few bytes", legacyFile(pickled(...storage), pickled(["]"], "0", ["a"]), floats.subarray(0, 15)), /truncated: its storage "0" claims 8 bytes, but only 7 bytes follow/],
    ["a storage that nobody names", legacyFile(pickled(...storage), pickled(["]"], "1", ["a"]), floats), /holds a storage that its pickle does not name/],
    ["a storage that is not there", legacyFile(pickled(...storage), pickled(["]"]), floats), /names a storage "0" that it does not hold/],
    ["one storage of two types", legacyFile(pickled(["("], ...tensorOf("torch DoubleStorage"), ...tensorOf("torch FloatStorage"), ["t"]), pickled(["]"], "0", ["a"]), floats),
      /its storage "0" is of 8 bytes, but a tensor takes it for one of 16/],
    ["no list of storages", legacyFile(pickled(...storage), pickled(5), floats), /its list of storages is missing/],
    ["another version", legacyFile(pickled(5), pickled(["]"]), floats, 1002), /is of version 1002 of PyTorch's older form; 1001 is read/],
  ])("%s", (_, bytes, message) => {
    writeFileSync(path("legacy"), bytes);
    expectError(() => readPyTorch(path("legacy")), "ERR_DATA", message);
  });
});

test("the options are checked, and the limit holds for compressed entries", () => {
  writeFileSync(path("zip"), zip([["archive/data.pkl", pickled("x".repeat(1000)), { method: 8 }]]));
  expect(readPyTorch(path("zip"))).toHaveLength(1000);
  expectError(() => readPyTorch(path("zip"), { maxInflatedBytes: 1000 }), "ERR_DATA", /over the limit of 1000; if the file is to be trusted, raise maxInflatedBytes/);
  expectError(() => readPyTorch(path("zip"), { limit: 5 } as never), "ERR_ARGUMENT", /readPyTorch: unknown option 'limit'/);
});

test("other files are told what was expected", () => {
  writeFileSync(path("text"), "hello");
  expectError(() => readPyTorch(path("text")), "ERR_DATA", /text: no file of torch\.save: neither a zip archive nor of the older form/);
  writeFileSync(path("zip"), zip([["readme.txt", Buffer.from("hello")]]));
  expectError(() => readPyTorch(path("zip")), "ERR_DATA", /zip: a zip archive, but none of torch\.save: it has no data\.pkl/);
});

describe("the zip form is refused with", () => {
  const value = pickled(["}"]);
  test.each<[title: string, entries: Record<string, Uint8Array>, message: RegExp]>([
    ["an unknown byte order", { "archive/byteorder": Buffer.from("middle") }, /its byte order is "middle"; expected little or big/],
    ["a version of the future", { "archive/version": Buffer.from("11\n") }, /is of version "11" of PyTorch's zip form; 1 to 10 are read/],
  ])("%s", (_, entries, message) => {
    writeFileSync(path("zip"), zipFile(value, entries));
    expectError(() => readPyTorch(path("zip")), "ERR_DATA", message);
  });

  test("nothing wrong with it, it is read", () => {
    writeFileSync(path("zip"), zipFile(value, { "archive/byteorder": Buffer.from("little"), "archive/version": Buffer.from("3\n") }));
    expect(readPyTorch(path("zip"))).toEqual({});
    expect(loadWeights(path("zip"))).toEqual({} satisfies StateDict);
  });
});
