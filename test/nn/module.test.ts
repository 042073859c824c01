import {
  Adam, BatchNorm1d, Buffer, Dropout, Linear, manualSeed, memoryStats, MLP, MnistCnn, Module, ones, ops, Parameter, randn, scope, Sequential, ReLU, tensor, zeros, type Tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { bits, expectError } from "../optim/support.js";

class Net extends Module {
  conv1 = new Linear(3, 4);
  lateScale = ones([4], { requiresGrad: true });
  offset = zeros([4]);
  hidden = new Buffer(ones([2]), { persistent: false });
  frozen = new Parameter(ones([1]), { requiresGrad: false });
  blocks = [new Linear(4, 4), new BatchNorm1d(4)];
  name = "a string is nothing";
  override forward(x: Tensor): Tensor {
    return ops.aten.mul(this.blocks[1]!.forward(this.blocks[0]!.forward(this.conv1.forward(x) as never)) as Tensor, this.lateScale);
  }
}

describe("fields", () => {
  test("are parameters, buffers and submodules, under PyTorch's keys and in its order", () => {
    const net = new Net();
    expect([...net.namedParameters().keys()]).toEqual(["late_scale", "frozen", "conv1.weight", "conv1.bias", "blocks.0.weight", "blocks.0.bias", "blocks.1.weight", "blocks.1.bias"]);
    expect([...net.namedBuffers().keys()]).toEqual(["offset", "hidden", "blocks.1.running_mean", "blocks.1.running_var", "blocks.1.num_batches_tracked"]);
    expect([...net.namedModules().keys()]).toEqual(["", "conv1", "blocks.0", "blocks.1"]);
    expect(Object.keys(net.stateDict())).toEqual([
      "late_scale", "frozen", "offset", "conv1.weight", "conv1.bias", "blocks.0.weight", "blocks.0.bias", "blocks.1.weight", "blocks.1.bias",
      "blocks.1.running_mean", "blocks.1.running_var", "blocks.1.num_batches_tracked",
    ]);
    expect(net.children()).toEqual([net.conv1, ...net.blocks]);
  });

  test("stay parameters when they are frozen later", () => {
    const net = new Net();
    const before = net.parameters();
    net.requiresGrad_(false);
    expect(net.parameters()).toEqual(before);
    expect(net.parameters().every((parameter) => !parameter.requiresGrad)).toBe(true);
  });

  test("that are shared come once, and a cycle ends", () => {
    class Tied extends Module {
      first = new Linear(2, 2);
      second = new Linear(2, 2);
      self: Module = this;
      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    const net = new Tied();
    net.second.weight = net.first.weight;
    expect([...net.namedParameters().keys()]).toEqual(["first.weight", "first.bias", "second.bias"]);
    expect(Object.keys(net.stateDict())).toHaveLength(4);
    expect(net.modules()).toHaveLength(3);
  });

  test("survive the scope they are made in, and are freed with dispose", () => {
    const { handles } = memoryStats();
    const net = scope(() => new Linear(2, 2));
    expect(net.weight.shape).toEqual([2, 2]);
    const kept = scope(() => {
      const inner = new Linear(2, 2);
      return () => inner.weight.shape;
    });
    expect(kept()).toEqual([2, 2]);
    for (const parameter of net.parameters()) parameter.dispose();
    expect(memoryStats().handles).toBe(handles + 2);
  });
});

describe("modes", () => {
  test("train and eval reach every module", () => {
    const net = new Sequential(new Linear(2, 2), new Dropout(0.5), new Sequential(new Dropout(0.9)));
    expect(net.training).toBe(true);
    net.eval();
    expect(net.modules().map((module) => module.training)).toEqual([false, false, false, false, false]);
    const x = ones([64, 2]);
    expect(bits([net.forward(x)])).toEqual(bits([net.forward(x)]));
    net.train();
    manualSeed(0);
    expect(bits([net.forward(x)])).not.toEqual(bits([net.forward(x)]));
  });

  test("held running statistics do not move, but the batch's are used", () => {
    const norm = new BatchNorm1d(3);
    const x = randn([8, 3]);
    const moving = norm.forward(x);
    const statistics = bits(norm.buffers());
    norm.setRunningStats("hold");
    expect(bits([norm.forward(x)])).toEqual(bits([moving]));
    expect(bits(norm.buffers())).toEqual(statistics);
    norm.setRunningStats("update");
    norm.forward(x);
    expect(bits(norm.buffers())).not.toEqual(statistics);
  });

  test("frozen BatchNorm uses and keeps the running statistics also in training, and trains its affine part", () => {
    const norm = new BatchNorm1d(3, { frozen: true });
    const before = bits(norm.buffers());
    const x = randn([8, 3]);
    const trained = norm.forward(x);
    expect(bits([trained])).toEqual(bits([norm.eval().forward(x)]));
    expect(bits(norm.buffers())).toEqual(before);
    (ops.aten.sum(trained) as Tensor).backward();
    expect(norm.weight!.grad).not.toBeNull();
  });
});

describe("state dicts", () => {
  test("go back and forth", () => {
    manualSeed(1);
    const one = new Net();
    const two = new Net();
    expect(bits(one.parameters())).not.toEqual(bits(two.parameters()));
    expect(two.loadStateDict(one.stateDict())).toEqual({ missing: [], unexpected: [] });
    expect(bits(two.parameters())).toEqual(bits(one.parameters()));
    expect(bits(two.buffers())).toEqual(bits(one.buffers()));
  });

  test("that do not fit are refused whole, with every reason", () => {
    const net = new Linear(2, 3);
    const before = bits(net.parameters());
    const dict = { weight: ones([4, 2]), extra: ones([1]) };
    expectError(() => net.loadStateDict(dict), "ERR_ARGUMENT", /missing keys: bias[^]*unexpected keys: extra[^]*weight: expected shape \[3, 2\], got \[4, 2\]/);
    expect(bits(net.parameters())).toEqual(before);
    expectError(() => net.loadStateDict({ weight: 1 } as never, { strict: false }), "ERR_ARGUMENT", /weight: expected a Tensor/);
    expect(net.loadStateDict({ bias: ones([3]), extra: ones([1]) }, { strict: false })).toEqual({ missing: ["weight"], unexpected: ["extra"] });
    expect(net.bias!.toArray()).toEqual([1, 1, 1]);
  });

  test("to(dtype) converts in place, so that an optimizer made before still works", () => {
    const net = new Linear(2, 2);
    const optimizer = new Adam(net.parameters(), { lr: 0.1 });
    const { weight } = net;
    net.to("float64");
    expect(net.weight).toBe(weight);
    expect(net.weight.dtype).toBe("float64");
    const before = bits([weight]);
    (ops.aten.sum(net.forward(ones([1, 2], { dtype: "float64" }))) as Tensor).backward();
    optimizer.step();
    expect(bits([weight])).not.toEqual(before);
    expect(new BatchNorm1d(2).to("float64").numBatchesTracked!.dtype).toBe("int64");
  });
});

describe("errors", () => {
  test("of constructors and inputs", () => {
    expectError(() => new Linear(0, 1), "ERR_ARGUMENT", /Linear: inFeatures: expected an integer >= 1, got the number 0/);
    expectError(() => new Dropout(1.5), "ERR_ARGUMENT", /Dropout: p/);
    expectError(() => new BatchNorm1d(2).forward(ones([2, 2, 2, 2])), "ERR_SHAPE", /BatchNorm1d: expected an input of 2 or 3 dimensions, got shape \[2, 2, 2, 2\]/);
    expectError(() => new Linear(2, 2).forward(ones([1, 3])), "ERR_SHAPE", /aten::linear/);
    expectError(() => new Sequential({} as never), "ERR_ARGUMENT", /layer 0: expected a Module/);
    expectError(() => new Sequential(new ReLU()).at(3), "ERR_ARGUMENT", /below 1, got 3/);
    expectError(() => new Parameter(1 as never), "ERR_ARGUMENT", /expected a Tensor/);
    expectError(() => new MLP([3]), "ERR_ARGUMENT", /at least two sizes/);
    expectError(() => new MnistCnn({ width: 12 }), "ERR_ARGUMENT", /multiple of 8/);
  });
});

test("MnistCnn has DomainBed's keys and shapes", () => {
  const net = new MnistCnn({ inChannels: 2, numClasses: 3, width: 8 });
  const dict = net.stateDict();
  expect(Object.keys(dict)).toEqual(["conv1", "conv2", "conv3", "conv4", "bn0", "bn1", "bn2", "bn3", "classifier"].flatMap((name) => [`${name}.weight`, `${name}.bias`]));
  expect(dict["conv2.weight"]!.shape).toEqual([16, 8, 3, 3]);
  expect(net.forward(randn([2, 2, 14, 14])).shape).toEqual([2, 3]);
  expect(net.features(randn([2, 2, 28, 28])).shape).toEqual([2, 16]);
});

test("Sequential's keys are numbers", () => {
  const net = new Sequential(new Linear(2, 3), new ReLU(), new Linear(3, 1));
  expect(Object.keys(net.stateDict())).toEqual(["0.weight", "0.bias", "2.weight", "2.bias"]);
  expect([...net]).toHaveLength(3);
  expect(net.at(-1)).toBe(net[2]);
  expect(net.forward(tensor([[1, 2]])).shape).toEqual([1, 1]);
});
