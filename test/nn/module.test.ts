import {
  AdaptiveAvgPool2d, BatchNorm1d, Buffer, Dropout, Linear, memoryStats, Module, noGrad, ones, ops, Parameter, ReLU, scope, Sequential, Tanh, tensor, zeros,
  type Layer, type Tensor,
} from "dgsam";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { expectError } from "../optim/support.js";

/** Whether two lists hold the same objects: `toEqual` would compare what tensors hold. */
function expectSame(actual: readonly object[], expected: readonly object[]): void {
  expect(actual.map((each) => expected.indexOf(each))).toEqual(expected.map((_, i) => i));
}

/** A module whose forward does not matter. */
abstract class Inert extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

class Net extends Inert {
  inputLayer = new Linear(3, 4);
  lateScale = ones([4], { requiresGrad: true });
  offset = zeros([4]);
  cache = new Buffer(ones([2]), { persistent: false });
  frozen = new Parameter(ones([1]), { requiresGrad: false });
  blocks = [new Linear(4, 4), new BatchNorm1d(4)] as const;
  heads = { mainHead: new Linear(4, 2), weights: [ones([1], { requiresGrad: true })] };
  byDomain = new Map([["artPainting", new Linear(4, 1, { bias: false })]]);
  _conv_stem = new Linear(1, 1, { bias: false });
  A_log = new Parameter(ones([1]));
  #unseen = ones([5]);
  name = "neither tensor nor module";
  classes = ["dog", "house", null, undefined, 3];

  unseen(): Tensor {
    return this.#unseen;
  }
}

const PARAMETERS = [
  "late_scale", "frozen", "heads.weights.0", "A_log", "input_layer.weight", "input_layer.bias", "blocks.0.weight", "blocks.0.bias", "blocks.1.weight",
  "blocks.1.bias", "heads.main_head.weight", "heads.main_head.bias", "by_domain.artPainting.weight", "_conv_stem.weight",
];

describe("fields", () => {
  test("are parameters, buffers and modules, by PyTorch's keys: own tensors first, then those of submodules", () => {
    const net = new Net();
    expect([...net.namedParameters().keys()]).toEqual(PARAMETERS);
    expect([...net.namedBuffers().keys()]).toEqual(["offset", "cache", "blocks.1.running_mean", "blocks.1.running_var", "blocks.1.num_batches_tracked"]);
    expect([...net.namedModules().keys()]).toEqual(["", "input_layer", "blocks.0", "blocks.1", "heads.main_head", "by_domain.artPainting", "_conv_stem"]);
    expect([...net.namedChildren().keys()]).toEqual(["input_layer", "blocks.0", "blocks.1", "heads.main_head", "by_domain.artPainting", "_conv_stem"]);
    expectSame(net.parameters(), [...net.namedParameters().values()]);
    expectSame(net.buffers(), [...net.namedBuffers().values()]);
    expect(net.modules()[0]).toBe(net);
    expect(net.children()[0]).toBe(net.inputLayer);
    expect(net.parameters()).not.toContain(net.unseen());
  });

  test.each([
    ["runningMean", "running_mean"], ["numBatchesTracked", "num_batches_tracked"], ["conv1", "conv1"], ["bn0", "bn0"], ["fc1Weight", "fc1_weight"],
    ["inProjBias", "in_proj_bias"], ["qkNorm2d", "qk_norm2d"], ["mapToRGB", "map_to_rgb"], ["toRGBImage", "to_rgb_image"], ["W", "W"], ["A_log", "A_log"],
    ["_conv_stem", "_conv_stem"], ["already_snake", "already_snake"],
  ])("called %s are %s in PyTorch", (name, key) => {
    class One extends Inert {
      constructor() {
        super();
        Object.assign(this, { [name]: new Parameter(ones([1])) });
      }
    }
    expect(Object.keys(new One().stateDict())).toEqual([key]);
  });

  test("that are plain tensors stay parameters when they are frozen later", () => {
    const net = new Net();
    const before = net.parameters();
    net.requiresGrad_(false);
    expectSame(net.parameters(), before);
    expect(net.parameters().some((each) => each.requiresGrad)).toBe(false);
    net.requiresGrad_();
    expect(net.parameters().every((each) => each.requiresGrad)).toBe(true);
  });

  test("may be replaced: the new value counts", () => {
    const net = new Net();
    net.inputLayer = new Linear(2, 2, { bias: false });
    expect(net.namedParameters().get("input_layer.weight")!.shape).toEqual([2, 2]);
    expect(net.namedParameters().has("input_layer.bias")).toBe(false);
  });

  test("that forward leaves behind are no part of the module: results of recorded operations, and tensors a scope freed", () => {
    class Remembers extends Inert {
      layer = new Linear(2, 2);
      output: Tensor | null = null;
      detached: Tensor | null = null;
      override forward(x: Tensor): Tensor {
        this.output = this.layer.forward(x);
        this.detached = ops.aten["detach.default"](this.output);
        return this.output;
      }
    }
    const net = new Remembers();
    scope(() => {
      net.forward(ones([1, 2]));
      expect([...net.namedBuffers().keys()]).toEqual(["detached"]);
    });
    expect(net.buffers()).toEqual([]);
    expect(Object.keys(net.stateDict())).toEqual(["layer.weight", "layer.bias"]);
  });

  test("that are shared come once in lists, and under every name in state dicts, as in PyTorch", () => {
    class Tied extends Inert {
      first = new Linear(2, 2);
      second = new Linear(2, 2);
      third = this.first;
    }
    const net = new Tied();
    net.second.weight = net.first.weight;
    expect([...net.namedParameters().keys()]).toEqual(["first.weight", "first.bias", "second.bias"]);
    expect([...net.namedModules().keys()]).toEqual(["", "first", "second"]);
    expect([...net.namedChildren().keys()]).toEqual(["first", "second"]);
    expect(Object.keys(net.stateDict())).toEqual(["first.weight", "first.bias", "second.weight", "second.bias", "third.weight", "third.bias"]);
  });

  test("that lead back to the module are not followed without end", () => {
    class Child extends Inert {
      weight = new Parameter(ones([1]));
      constructor(readonly parent: Module) {
        super();
      }
    }
    class Parent extends Inert {
      self: Module = this;
      child = new Child(this);
      list: unknown[] = [];
      constructor() {
        super();
        this.list.push(this.list, this.child);
      }
    }
    const net = new Parent();
    expect([...net.namedModules().keys()]).toEqual(["", "child"]);
    expect(Object.keys(net.stateDict())).toEqual(["child.weight", "list.1.weight"]);
    expect(net.eval().child.training).toBe(false);
    const seen: Module[] = [];
    net.apply((module) => seen.push(module));
    expect(seen).toEqual([net.child, net]);
    expect(net.child.apply(() => {}).train().training).toBe(true);
    expect(net.training).toBe(true);
    net.to("float64").zeroGrad();
    expect(net.child.weight.dtype).toBe("float64");
  });
});

describe("modes", () => {
  test("train and eval reach every module", () => {
    const net = new Sequential(new Linear(2, 2), new Dropout(0.5), new Sequential(new Dropout(0.9)));
    expect(net.modules().map((module) => module.training)).toEqual([true, true, true, true, true]);
    expect(net.eval()).toBe(net);
    expect(net.modules().map((module) => module.training)).toEqual([false, false, false, false, false]);
    expect(net.train()).toBe(net);
    expect(net.modules().map((module) => module.training)).toEqual([true, true, true, true, true]);
  });

  test("an overridden train() of a submodule is called, and may set parts of it otherwise", () => {
    class Backbone extends Inert {
      trunk = new Sequential(new Sequential(new Dropout()));
      override train(mode = true): this {
        super.train(mode);
        this.trunk.eval();
        return this;
      }
    }
    const net = new Sequential(new Backbone(), new Dropout());
    net.train();
    expect(net.modules().map((module) => module.training)).toEqual([true, true, false, false, false, true]);
  });

  test("setRunningStats reaches every module", () => {
    const net = new Sequential(new Sequential(new BatchNorm1d(2)));
    net.setRunningStats("hold");
    expect(net.modules().map((module) => module.runningStats)).toEqual(["hold", "hold", "hold"]);
    net.setRunningStats("update");
    expect(net.modules().map((module) => module.runningStats)).toEqual(["update", "update", "update"]);
  });

  test("apply visits inner modules first", () => {
    const net = new Sequential(new Linear(1, 1), new Sequential(new ReLU()));
    const names: string[] = [];
    expect(net.apply((module) => names.push(module.constructor.name))).toBe(net);
    expect(names).toEqual(["Linear", "ReLU", "Sequential", "Sequential"]);
  });

  test("zeroGrad clears, or fills with zeros", () => {
    const net = new Linear(2, 1);
    const backward = () => ops.aten["sum.default"](net.forward(ones([3, 2]))).backward();
    backward();
    net.zeroGrad(false);
    expect(net.weight.grad!.toArray()).toEqual([[0, 0]]);
    net.zeroGrad();
    expect(net.weight.grad).toBeNull();
  });
});

test("Sequential feeds one layer to the next; layers may be replaced and are read by index, in a loop or with their types", () => {
  const net = new Sequential(new Linear(2, 3), new ReLU(), new Linear(3, 1));
  expect(Object.keys(net.stateDict())).toEqual(["0.weight", "0.bias", "2.weight", "2.bias"]);
  expect([...net]).toEqual([net[0], net[1], net[2]]);
  expect(net.length).toBe(3);
  expect(net.layers[2].outFeatures).toBe(1);
  const x = tensor([[1, 2]]);
  const [first, relu, last] = net.layers;
  expect(net.forward(x).toArray()).toEqual(last.forward(relu.forward(first.forward(x))).toArray());
  net[2] = new Linear(3, 7);
  expect(net.forward(x).shape).toEqual([1, 7]);
  expect(new Sequential().forward(x)).toBe(x);
});

test("modules print as a tree, with what they were made with", () => {
  class Tree extends Inert {
    stem = new Linear(3, 4, { bias: false });
    blocks = [new Sequential(new BatchNorm1d(4), new ReLU()), new Dropout(0.1)];
    self = this;
    width = 4;
  }
  const text = `Tree(
  width: 4
  (stem): Linear(inFeatures: 3, outFeatures: 4)
  (blocks.0): Sequential(
    (0): BatchNorm1d(numFeatures: 4, eps: 0.00001, momentum: 0.1, frozen: false)
    (1): ReLU(inplace: false)
  )
  (blocks.1): Dropout(p: 0.1, inplace: false)
  (self): Tree(...)
)`;
  expect(String(new Tree())).toBe(text);
  expect(String(new AdaptiveAvgPool2d([null, 2]))).toBe("AdaptiveAvgPool2d(outputSize: [ null, 2 ])");
  expect(inspect({ net: new Tanh() })).toBe("{ net: Tanh() }");
});

describe("lifetimes", () => {
  test("parameters and buffers outlive scopes; scopes free everything else that making a module leaves", () => {
    const { handles } = memoryStats();
    const net: { make?: Layer } = {};
    scope(() => {
      net.make = new Sequential(new Linear(2, 2), new BatchNorm1d(2));
    });
    const made = net.make!;
    const run = () => scope(() => made.eval().forward(ones([1, 2])).shape);
    // weight, bias, weight, bias, running mean, running variance, count of batches
    expect(memoryStats().handles).toBe(handles + 7);
    expect(run()).toEqual([1, 2]);
    made.dispose();
    made.dispose();
    expect(memoryStats().handles).toBe(handles);
    expectError(run, "ERR_DISPOSED", /./);
  });

  test("making layers outside scopes leaves only their parameters and buffers", () => {
    const { handles } = memoryStats();
    using net = new Sequential(new Linear(2, 2), new BatchNorm1d(2));
    expect(memoryStats().handles).toBe(handles + net.parameters().length + net.buffers().length);
  });

  test("a plain tensor that was seen as a parameter outlives scopes too", () => {
    class Plain extends Inert {
      scale = ones([2], { requiresGrad: true });
    }
    const box: { net?: Plain } = {};
    scope(() => {
      box.net = new Plain();
      expect(box.net.parameters()).toHaveLength(1);
    });
    expect(box.net!.scale.toArray()).toEqual([1, 1]);
  });

  test("a parameter shares the memory of the tensor it was made from, and outlives it", () => {
    const source = zeros([2]);
    const parameter = new Parameter(source);
    noGrad(() => ops.aten["add_.Scalar"](source, 3));
    source.dispose();
    expect(parameter.toArray()).toEqual([3, 3]);
    expect(parameter.requiresGrad).toBe(true);
    const result = ops.aten["mul.Tensor"](parameter, 2);
    expect(new Buffer(result).requiresGrad).toBe(false);
    expect(new Parameter(result).isLeaf).toBe(true);
  });
});

describe("errors", () => {
  test.each<[title: string, call: () => unknown, code: string, text: RegExp]>([
    ["a parameter of no tensor", () => new Parameter([1] as never), "ERR_ARGUMENT", /^new Parameter\(tensor\): expected a Tensor, got an array of length 1$/],
    ["a buffer of no tensor", () => new Buffer("x" as never), "ERR_ARGUMENT", /^new Buffer\(tensor\): expected a Tensor, got the string "x"$/],
    ["an integer parameter", () => new Parameter(tensor([1n])), "ERR_DTYPE", /expected a floating-point or complex dtype for a gradient, got int64/],
    ["train of no boolean", () => new ReLU().train("yes" as never), "ERR_ARGUMENT", /^train\(mode\): expected a boolean, got the string "yes"$/],
    ["an unknown mode of statistics", () => new ReLU().setRunningStats("freeze" as never), "ERR_ARGUMENT", /^setRunningStats\(mode\): expected "update" or "hold", got the string "freeze"$/],
    ["apply of no function", () => new ReLU().apply(1 as never), "ERR_ARGUMENT", /^apply\(fn\): expected a function of a module, got the number 1$/],
    ["an integer dtype", () => new ReLU().to("int64"), "ERR_ARGUMENT", /^to\(target\): dtype: expected a floating or complex dtype such as "float64", got the string "int64"$/],
    ["an unknown dtype", () => new ReLU().to({ dtype: "double" as never }), "ERR_ARGUMENT", /^to\(target\): dtype: .* got the string "double"$/],
    ["an unknown key", () => new ReLU().to({ dType: "float64" } as never), "ERR_ARGUMENT", /^to\(target\): expected a dtype, a device or \{ dtype, device, nonBlocking, memoryFormat \}, got an object with keys \{dType\}$/],
    ["an unknown memory format", () => new ReLU().to({ memoryFormat: "nhwc" as never }), "ERR_ARGUMENT", /^to\(target\): memoryFormat: expected "contiguous_format" or .*"channels_last_3d", got the string "nhwc"$/],
    ["nonBlocking that is no boolean", () => new ReLU().to({ nonBlocking: 1 as never }), "ERR_ARGUMENT", /^to\(target\): nonBlocking: expected a boolean, got the number 1$/],
    ["an unknown device", () => new Linear(1, 1).to("float"), "ERR_DEVICE", /float/],
    ["an unknown device, of a module without tensors", () => new ReLU().to("flot64" as never), "ERR_ARGUMENT", /aten::to.*argument 'device'.*flot64/],
    ["the meta device", () => new Linear(1, 1).to("meta"), "ERR_DEVICE", /^to\(target\): tensors that hold data cannot .* make the module there instead, with the option device: "meta"$/],
    ["a layer that is none", () => new Sequential({} as never), "ERR_ARGUMENT", /^Sequential: layers\[0\]: expected a Module with a forward\(\), got an object/],
  ])("%s", (_, call, code, text) => expectError(call, code, text));
});
