import {
  BatchNorm1d, Buffer, empty, Linear, manualSeed, memoryStats, Module, ones, ops, Parameter, ReLU, Sequential, tensor, zeros, type StateDict, type Tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { bits, expectError } from "../optim/support.js";

class Net extends Module {
  layers = [new Linear(2, 3), new BatchNorm1d(3)] as const;
  kept = new Buffer(ones([2]));
  scratch = new Buffer(zeros([2]), { persistent: false });

  forward(x: Tensor): Tensor {
    return this.layers[1].forward(this.layers[0].forward(x));
  }
}

const make = (seed: number): Net => {
  manualSeed(seed);
  return new Net();
};
const state = (net: Module): string[] => bits([...net.parameters(), ...net.buffers()]);

test("hold parameters and persistent buffers, detached, on the module's memory", () => {
  const net = make(0);
  const dict = net.stateDict();
  expect(Object.keys(dict)).toEqual([
    "kept", "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias", "layers.1.running_mean", "layers.1.running_var", "layers.1.num_batches_tracked",
  ]);
  expect(Object.values(dict).some((each) => each.requiresGrad)).toBe(false);
  ops.aten["fill_.Scalar"](dict["layers.0.bias"]!, 7);
  expect(net.layers[0].bias!.toArray()).toEqual([7, 7, 7]);
});

test("are copied into a module, whose tensors stay the same objects", () => {
  const [from, to] = [make(1), make(2)];
  const before = to.parameters();
  expect(state(to)).not.toEqual(state(from));
  expect(to.loadStateDict(from.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] });
  expect(state(to)).toEqual(state(from));
  expect(to.parameters().every((each, i) => each === before[i])).toBe(true);
  expect(to.parameters().every((each) => each.requiresGrad && each.isLeaf)).toBe(true);
  ops.aten["fill_.Scalar"](from.stateDict()["kept"]!, 5);
  expect(to.kept.toArray()).toEqual([1, 1]);
});

test("are converted to the module's dtypes", () => {
  const net = make(0);
  const dict = { ...make(3).to("float64").stateDict(), "layers.1.num_batches_tracked": tensor(4, { dtype: "float32" }) };
  net.loadStateDict(dict);
  expect(net.layers[0].weight.dtype).toBe("float32");
  expect(net.layers[1].numBatchesTracked!.item()).toBe(4);
  expect(bits([net.layers[0].weight])).toEqual(bits([make(3).layers[0].weight]));
});

test("are loaded in part where strict is false, and what did not match is told", () => {
  const net = make(0);
  const result = net.loadStateDict({ "layers.0.bias": ones([3]), extra: ones([1]) }, { strict: false });
  expect(net.layers[0].bias!.toArray()).toEqual([1, 1, 1]);
  expect(result.unexpectedKeys).toEqual(["extra"]);
  expect(result.missingKeys).toEqual(Object.keys(net.stateDict()).filter((key) => key !== "layers.0.bias"));
});

test("loading leaves no handles behind, also when it fails", () => {
  const net = make(0);
  const dict = make(1).to("float64").stateDict();
  const { handles } = memoryStats();
  net.loadStateDict(dict);
  expect(() => net.loadStateDict({})).toThrow();
  expect(memoryStats().handles).toBe(handles);
});

test("saved by one training run are loaded during another's recording", () => {
  const layer = new Linear(1, 1);
  const loss = ops.aten["sum.default"](ops.aten["mul.Tensor"](layer.weight, layer.weight));
  layer.loadStateDict(new Linear(1, 1).stateDict());
  // The graph was recorded with the old weight: autograd must notice.
  expect(() => loss.backward()).toThrow(/modified by an inplace operation/);
});

describe("errors", () => {
  test("list every key that is missing, unexpected or misshapen at once, and change nothing", () => {
    const net = make(0);
    const before = state(net);
    const dict: StateDict = { ...make(1).stateDict(), extra: ones([1]), another: ones([1]), "layers.0.weight": ones([3, 5]), "layers.1.bias": 3 as never };
    delete dict["kept"];
    delete dict["layers.1.running_var"];
    expectError(() => net.loadStateDict(dict), "ERR_ARGUMENT", new RegExp(
      "^Net\\.loadStateDict: the state dict does not fit, nothing was loaded\n" +
      "  missing keys: kept, layers\\.1\\.running_var\n" +
      "  unexpected keys: extra, another\n" +
      "  layers\\.0\\.weight: expected shape \\[3, 2\\], got \\[3, 5\\]\n" +
      "  layers\\.1\\.bias: expected a Tensor, got the number 3$",
    ));
    expect(state(net)).toEqual(before);
  });

  test("shapes must fit also where strict is false", () => {
    expectError(() => make(0).loadStateDict({ kept: ones([3]) }, { strict: false }), "ERR_ARGUMENT", /kept: expected shape \[2\], got \[3\]/);
  });

  test("a tensor without data, after others that fit, changes nothing", () => {
    const net = make(0);
    const before = state(net);
    const dict = { ...make(1).stateDict(), "layers.1.running_var": empty([3], { device: "meta" }) };
    expectError(() => net.loadStateDict(dict), "ERR_DEVICE", /meta tensor/);
    expect(state(net)).toEqual(before);
  });

  test("a sparse tensor changes nothing", () => {
    const net = make(0);
    const before = state(net);
    const dict = { ...make(1).stateDict(), "layers.1.running_var": ops.aten["to_sparse.default"](ones([3])) };
    expectError(() => net.loadStateDict(dict), "ERR_ARGUMENT", /layers\.1\.running_var: expected layout strided, got sparse_coo/);
    expect(state(net)).toEqual(before);
  });

  test("a disposed tensor changes nothing", () => {
    const net = make(0);
    const before = state(net);
    const dict = make(1).stateDict();
    dict["layers.1.running_var"]!.dispose();
    expectError(() => net.loadStateDict(dict), "ERR_DISPOSED", /./);
    expect(state(net)).toEqual(before);
  });

  test.each<[title: string, call: () => unknown, text: RegExp]>([
    ["null", () => new Linear(1, 1).loadStateDict(null as never), /^Linear\.loadStateDict\(dict\): expected an object of Tensors by key, such as stateDict\(\) returns, got null$/],
    ["a Map", () => new Linear(1, 1).loadStateDict(new Map() as never), /^Linear\.loadStateDict\(dict\): expected .* got a Map$/],
    ["a Tensor", () => new Linear(1, 1).loadStateDict(ones([1]) as never), /^Linear\.loadStateDict\(dict\): expected .* got a Tensor$/],
    ["strict of no boolean", () => new ReLU().loadStateDict({}, { strict: 0 as never }), /^ReLU\.loadStateDict: strict: expected a boolean, got the number 0$/],
    ["the name of Sequential", () => new Sequential(new Linear(1, 1)).loadStateDict({}), /^Sequential\.loadStateDict: [^]*missing keys: 0\.weight, 0\.bias$/],
  ])("%s", (_, call, text) => expectError(call, "ERR_ARGUMENT", text));

  test("two fields of one key", () => {
    class Twice extends Module {
      someScale = new Parameter(ones([1]));
      some_scale = new Parameter(ones([1]));
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    expectError(() => new Twice().stateDict(), "ERR_STATE", /^Twice: two tensors have the key "some_scale" in the state dict; rename a field$/);
  });
});
