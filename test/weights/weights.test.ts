import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BatchNorm1d, Linear, loadWeights, loadWeightsInto, manualSeed, memoryStats, Module, ones, Parameter, readPyTorch, saveWeights, scope, tensor, writeNpy, zeros,
  type KeyMap, type Tensor,
} from "dgsam";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectError } from "../data/errors.js";
import { bits } from "../optim/support.js";
import { hasTorch, oracle } from "../reference/oracle.js";
import { expectTensors, textsOf } from "./files.js";
import { pickled, zipFile, type Pickled } from "./pickles.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dgsam-weights-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string): string => join(folder, name);

class Net extends Module {
  norm = new BatchNorm1d(3);
  head = new Linear(3, 2);

  forward(x: Tensor): Tensor {
    return this.head.forward(this.norm.forward(x));
  }
}

const make = (seed: number): Net => {
  manualSeed(seed);
  return new Net();
};
const state = (net: Module): string[] => bits([...net.parameters(), ...net.buffers()]);

/** A pickle of a tensor of these floats, all on one storage. */
const floats = (count: number): Pickled[] => [
  ["global", "torch._utils _rebuild_tensor_v2"], ["("], ["("], "storage", ["global", "torch FloatStorage"], "0", "cpu", 4, ["t"], ["Q"],
  0, ["("], count, ["t"], ["("], 1, ["t"], false, null, ["t"], ["R"],
];
const dictOf = (entries: Readonly<Record<string, readonly Pickled[]>>): Pickled[] => [["}"], ["("], ...Object.entries(entries).flatMap(([key, value]) => [key, ...value]), ["u"]];
const checkpoint = (entries: Readonly<Record<string, readonly Pickled[]>>): string => {
  writeFileSync(path("checkpoint"), zipFile(pickled(...dictOf(entries)), { "archive/data/0": Buffer.from(Float32Array.of(1, 2, 3, 4).buffer) }));
  return path("checkpoint");
};

describe("a module's weights", () => {
  test.each(["w.safetensors", "w.npz", "W.NPZ", "w"])("come back from %s", (name) => {
    const from = make(1);
    const to = make(2);
    saveWeights(path(name), from.stateDict());
    expect(state(to)).not.toEqual(state(from));
    expect(loadWeightsInto(to, path(name))).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(state(to)).toEqual(state(from));
  });

  test.skipIf(!hasTorch)("come from PyTorch, of a state dict and of a checkpoint", () => {
    oracle("weights/net.py", { folder });
    for (const [file, options] of [["net.pth", {}], ["net.legacy.pth", {}], ["checkpoint.pth", {}], ["checkpoint.pth", { entry: "ema.shadow" }]] as const) {
      const net = make(3);
      loadWeightsInto(net, path(file), options);
      expect(net.head.weight.toArray()).toEqual([[0, 1, 2], [3, 4, 5]]);
      expect(net.norm.numBatchesTracked!.item()).toBe(7);
    }
    expect((readPyTorch(path("checkpoint.pth")) as { epoch: number }).epoch).toBe(4);
  });

  test("are found by content, not by name", () => {
    saveWeights(path("a.safetensors"), { a: ones([2]) });
    saveWeights(path("b.npz"), { b: ones([2]) });
    for (const [file, key] of [["a.safetensors", "a"], ["b.npz", "b"]] as const) {
      copyFileSync(path(file), path("same.pth"));
      expect(Object.keys(loadWeights(path("same.pth")))).toEqual([key]);
    }
  });

  test("leave no handles behind, also when loading fails", () => {
    saveWeights(path("w.safetensors"), make(1).stateDict());
    const net = make(2);
    const { handles } = memoryStats();
    loadWeightsInto(net, path("w.safetensors"));
    expect(() => loadWeightsInto(net, path("w.safetensors"), { rename: { "head.": "tail." } })).toThrow();
    scope(() => loadWeights(path("w.safetensors")) && undefined);
    expect(memoryStats().handles).toBe(handles);
  });

  test("that do not fit are all listed, with both shapes and the path, and nothing is changed", () => {
    const net = make(1);
    const before = state(net);
    const { "norm.bias": _, ...dict } = make(2).stateDict();
    saveWeights(path("bad.safetensors"), { ...dict, "head.weight": ones([5, 3]), extra: ones([1]) });
    const error = expectError(() => loadWeightsInto(net, path("bad.safetensors")), "ERR_ARGUMENT", new RegExp(
      ": Net\\.loadStateDict: the state dict does not fit, nothing was loaded\n  missing keys: norm\\.bias\n  unexpected keys: extra\n" +
      "  head\\.weight: expected shape \\[2, 3\\], got \\[5, 3\\]$"));
    expect(error.message.startsWith(path("bad.safetensors"))).toBe(true);
    expect(state(net)).toEqual(before);
    saveWeights(path("part.safetensors"), { "head.bias": tensor([5, 6]), extra: ones([1]) });
    const result = loadWeightsInto(net, path("part.safetensors"), { strict: false });
    expect([result.unexpectedKeys, result.missingKeys.length, net.head.bias!.toArray()]).toEqual([["extra"], 6, [5, 6]]);
  });
});

describe("keys that differ by a prefix", () => {
  const under = (prefix: string): Record<string, Tensor> => Object.fromEntries(Object.entries(make(2).stateDict()).map(([key, each]) => [prefix + key, each]));

  test.each(["module.", "_orig_mod.", "network.0.", "model.", "norm."])("have an error that says so, and how to load them: %s", (prefix) => {
    const net = make(1);
    saveWeights(path("w.npz"), under(prefix));
    const hint = `\n  7 of the module's 7 keys are there with the option rename: { "${prefix}": "" }`;
    expect(expectError(() => loadWeightsInto(net, path("w.npz")), "ERR_ARGUMENT", /nothing was loaded\n  missing keys: /).message.endsWith(hint)).toBe(true);
    expect(expectError(() => loadWeightsInto(net, under(prefix)), "ERR_ARGUMENT", /^Net\.loadStateDict: /).message.endsWith(hint)).toBe(true);
    expect(loadWeightsInto(net, path("w.npz"), { rename: { [prefix]: "" } })).toEqual({ missingKeys: [], unexpectedKeys: [] });
  });

  test("which the module has and they have not, are told of as well", () => {
    class Wrapped extends Module {
      module = make(1);

      forward(x: Tensor): Tensor {
        return this.module.forward(x);
      }
    }
    const net = new Wrapped();
    const error = expectError(() => loadWeightsInto(net, make(2).stateDict()), "ERR_ARGUMENT", /7 of the module's 7 keys are there with the option rename: \{ "": "module\." \}$/);
    expect(error.cause).toBeInstanceOf(Error);
    loadWeightsInto(net, make(2).stateDict(), { rename: { "": "module." } });
  });

  test("are listed up to ten, and no prefix is told where none helps, or where keys were renamed already", () => {
    const net = make(1);
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`block.${i}.kernel`, ones([1])]));
    const { message } = expectError(() => loadWeightsInto(net, many), "ERR_ARGUMENT", /unexpected keys: (block\.\d\.kernel, ){9}block\.9\.kernel and 290 more$/);
    expect(message).not.toContain("rename");
    expect(expectError(() => loadWeightsInto(net, under("module."), { rename: { "head.": "tail." } }), "ERR_ARGUMENT", /missing/).message).not.toContain("with the option");
    const shapes = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`p${i}`, new Parameter(ones([1]))]));
    const wide = Object.assign(new (class extends Module {
      forward(): void {}
    })(), shapes);
    expectError(() => loadWeightsInto(wide, Object.fromEntries(Object.keys(shapes).map((key) => [key, ones([2])]))), "ERR_ARGUMENT",
      /nothing was loaded\n(  p\d: expected shape \[1\], got \[2\]\n){10}  and 15 more$/);
  });
});

describe("keys are renamed", () => {
  const dict = { "module.head.weight": ones([1]), "module.head.bias": ones([1]), "module.fc.weight": ones([1]), step: ones([1]) };
  const keys = (rename: KeyMap): string[] => {
    saveWeights(path("w.npz"), dict);
    return Object.keys(loadWeights(path("w.npz"), { rename }));
  };

  test("by a function, where null leaves a tensor out", () => {
    expect(keys((key) => (key === "step" ? null : key.toUpperCase()))).toEqual(["MODULE.HEAD.WEIGHT", "MODULE.HEAD.BIAS", "MODULE.FC.WEIGHT"]);
  });

  test("by a table of prefixes, the longest that fits", () => {
    expect(keys({ "module.": "", "module.head.": "classifier.", "module.fc.": null })).toEqual(["classifier.weight", "classifier.bias", "step"]);
    expect(keys({ "": "all." })).toEqual(Object.keys(dict).map((key) => `all.${key}`));
  });

  test("of a dict that is in memory as well", () => {
    const net = new Linear(1, 1);
    loadWeightsInto(net, { "fc.weight": tensor([[3]]), "fc.bias": tensor([4]) }, { rename: { "fc.": "" } });
    expect([net.weight.item(), net.bias!.item()]).toEqual([3, 4]);
  });

  test.each<[title: string, rename: unknown, message: RegExp]>([
    ["two to one", { "module.head.": "x.", "module.fc.": "x." }, /loadWeights: rename gives "module\.head\.weight" and "module\.fc\.weight" one key, "x\.weight"/],
    ["to a number", () => 3, /rename\("module\.head\.weight"\): expected a string, or null to leave it out, got the number 3/],
    ["by a list", ["module."], /rename: expected a function, or an object of prefixes/],
    ["by a table of numbers", { a: 3 }, /rename: expected a function, or an object of prefixes/],
  ])("but not %s", (_, rename, message) => {
    expectError(() => keys(rename as KeyMap), "ERR_ARGUMENT", message);
  });
});

describe("checkpoints", () => {
  test("of one state dict give it", () => {
    expectTensors(loadWeights(checkpoint({ epoch: [3], state_dict: dictOf({ w: floats(2) }), empty: [["}"]] })), { w: tensor([1, 2]) });
  });

  test("of several ask which", () => {
    const file = checkpoint({ model: dictOf({ w: floats(2) }), ema: dictOf({ w: floats(3) }), nested: dictOf({ "a.b": dictOf({ w: floats(4) }) }) });
    expectError(() => loadWeights(file), "ERR_DATA", /a checkpoint with several state dicts, "model", "ema": choose one by the option entry/);
    expectTensors(loadWeights(file, { entry: "ema" }), { w: tensor([1, 2, 3]) });
    expectError(() => loadWeights(file, { entry: "nested.a" }), "ERR_DATA", /its entry "nested\.a" is missing: "nested" has "a\.b"$/);
    expectError(() => loadWeights(file, { entry: "nested" }), "ERR_DATA", /its entry "nested" is no state dict: an object whose "a\.b" is an object with keys \{w\}/);
    expectError(() => loadWeights(file, { entry: "toString" }), "ERR_DATA", /its entry "toString" is missing: it has "model", "ema", "nested"$/);
    expectError(() => loadWeights(file, { entry: "model.w.x" }), "ERR_DATA", /its entry "model\.w\.x" is missing: "model\.w" has no entries by name$/);
  });

  test("of very many list a few", () => {
    const file = checkpoint(Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`m${i}`, dictOf({ w: floats(2) })])));
    expectError(() => loadWeights(file, { entry: "model" }), "ERR_DATA", /its entry "model" is missing: it has ("m\d", ){9}"m9" and 15 more$/);
    expectError(() => loadWeights(file), "ERR_DATA", /a checkpoint with several state dicts, ("m\d", ){9}"m9" and 15 more: choose one/);
  });

  test("of other formats have no entries", () => {
    saveWeights(path("a.npz"), { a: ones([1]) });
    expectError(() => loadWeights(path("a.npz"), { entry: "model" }), "ERR_DATA", /its entry "model" is missing: it has "a"$/);
    expectError(() => loadWeights(path("a.npz"), { entry: "a" }), "ERR_DATA", /its entry "a" is no state dict: a Tensor$/);
  });

  test.each<[title: string, items: Pickled[], message: RegExp]>([
    ["a tensor alone", floats(2), /it holds no state dict, but a Tensor; readPyTorch\(path\) gives whatever is in it/],
    ["a number", [5], /it holds no state dict, but the number 5/],
    ["tensors and others mixed", dictOf({ w: floats(2), step: [5] }), /it holds no state dict, but an object whose "step" is the number 5/],
    ["a dict with numbers for keys", [["}"], 1, ...floats(2), ["s"]], /it holds no state dict, but a Map/],
  ])("of %s are told apart", (_, items, message) => {
    writeFileSync(path("w"), zipFile(pickled(...items), { "archive/data/0": new Uint8Array(16) }));
    expectError(() => loadWeights(path("w")), "ERR_DATA", message);
  });
});

describe("refused are", () => {
  test.each<[title: string, bytes: string | Uint8Array, message: RegExp]>([
    ["text", "hello, world", /of no format that is known: expected safetensors, a file of torch\.save, or \.npz/],
    ["nothing", "", /of no format that is known/],
    ["a pointer of Git LFS", "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n", /a pointer of Git LFS, not the weights; run git lfs pull/],
    ["a plain pickle", pickled(5), /a bare pickle, as pickle\.dump writes it; only those in a file of torch\.save are read/],
    ["a plain pickle of protocol 5", Buffer.from("8005950500000000000000", "hex"), /a bare pickle/],
  ])("files of %s", (_, bytes, message) => {
    writeFileSync(path("w"), bytes);
    expectError(() => loadWeights(path("w")), "ERR_DATA", message);
    expectError(() => readPyTorch(path("w")), "ERR_DATA", /known/.test(message.source) ? /no file of torch\.save/ : message);
  });

  test("a .npy file, which has no key", () => {
    writeNpy(path("w.npy"), zeros([2]));
    expectError(() => loadWeights(path("w.npy")), "ERR_DATA", /a \.npy file holds one array without a name; use readNpy\(path\)/);
  });

  test.each([".pth", ".pt", ".bin", ".ckpt", ".npy", ".PT"])("paths that end in %s, to write to", (ending) => {
    expectError(() => saveWeights(path(`w${ending}`), { a: ones([1]) }), "ERR_ARGUMENT", /expected a path that ends in \.safetensors or \.npz, got ".*": pickles are read, not written/);
    expect(existsSync(path(`w${ending}`))).toBe(ending === ".npy");
  });

  test.each<[title: string, call: () => unknown, message: RegExp]>([
    ["a number for a path", () => loadWeights(3 as never), /path: expected a string, got the number 3/],
    ["a number for an entry", () => loadWeights("w", { entry: 3 as never }), /loadWeights: entry: expected a string, got the number 3/],
    ["unknown options", () => loadWeights("w", { strict: true } as never), /loadWeights: unknown option 'strict'/],
    ["no module", () => loadWeightsInto({} as never, "w"), /loadWeightsInto\(module, \.\.\.\): module: expected a Module/],
    ["no source", () => loadWeightsInto(new Linear(1, 1), null as never), /loadWeightsInto\(dict\): expected an object of Tensors by key/],
    ["strict of no boolean", () => loadWeightsInto(new Linear(1, 1), {}, { strict: 0 as never }), /loadWeightsInto: strict: expected a boolean/],
    ["metadata in a .npz", () => saveWeights(path("w.npz"), {}, { metadata: {} }), /metadata: a \.npz file has no place for it/],
    ["a list for a dict", () => saveWeights(path("w.safetensors"), [] as never), /writeSafetensors\(dict\): expected an object of Tensors by key/],
  ])("%s", (_, call, message) => {
    expectError(call, "ERR_ARGUMENT", message);
  });
});

test("an empty state dict is one, in every format", () => {
  for (const name of ["none.safetensors", "none.npz"]) {
    saveWeights(path(name), {});
    expect(textsOf(loadWeights(path(name)))).toEqual({});
  }
});
