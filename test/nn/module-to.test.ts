import {
  Adam, BatchNorm1d, BatchNorm2d, Conv2d, DgsamError, Linear, manualSeed, memoryStats, Module, noGrad, ones, ops, Parameter, randn, Sequential, zeros,
  type Tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { bits } from "../optim/support.js";

describe("to", () => {
  test("converts in place, gradients along, so that an optimizer made before, but not used, goes on", () => {
    manualSeed(0);
    const net = new Linear(2, 2);
    const optimizer = new Adam(net.parameters(), { lr: 0.1 });
    const { weight } = net;
    const sum = (dtype: "float32" | "float64") => ops.aten["sum.default"](net.forward(ones([1, 2], { dtype })));
    sum("float32").backward();
    expect(net.to("float64")).toBe(net);
    expect(net.weight).toBe(weight);
    expect(weight.dtype).toBe("float64");
    expect([weight.requiresGrad, weight.isLeaf]).toEqual([true, true]);
    expect(weight.grad!.dtype).toBe("float64");
    expect(weight.grad!.toArray()).toEqual([[1, 1], [1, 1]]);
    sum("float64").backward();
    expect(weight.grad!.toArray()).toEqual([[2, 2], [2, 2]]);
    const before = bits([weight]);
    optimizer.step();
    expect(bits([weight])).not.toEqual(before);
  });

  test("leaves what an optimizer has stored of earlier steps: Adam refuses to go on with it, as torch.optim does", () => {
    const net = new Linear(2, 2);
    const optimizer = new Adam(net.parameters(), { lr: 0.1 });
    const backward = () => ops.aten["sum.default"](net.forward(ones([1, 2], { dtype: net.weight.dtype }))).backward();
    backward();
    optimizer.step();
    net.to("float64").zeroGrad();
    backward();
    expect(() => optimizer.step()).toThrow(DgsamError);
  });

  test("converts buffers of floating dtypes only", () => {
    const norm = new BatchNorm1d(2).to({ dtype: "float64", device: "cpu" });
    expect(norm.runningMean!.dtype).toBe("float64");
    expect(norm.numBatchesTracked!.dtype).toBe("int64");
  });

  test("a device alone leaves dtypes as they are", () => {
    const net = new Linear(2, 2, { dtype: "float64" });
    const before = bits(net.parameters());
    net.to("cpu");
    expect(net.weight.dtype).toBe("float64");
    expect(bits(net.parameters())).toEqual(before);
  });

  describe("a memory format", () => {
    const net = () => new Sequential(new Conv2d(3, 8, 3), new BatchNorm2d(8), new Conv2d(8, 4, 1));
    const strides = (tensors: Tensor[]) => tensors.map((each) => each.strides);

    test("channels_last rearranges tensors of four dimensions, gradients too, and no values", () => {
      const model = net();
      model.forward(randn([2, 3, 8, 8])).sum().backward();
      const before = { values: bits(model.parameters()), gradients: bits(model.parameters().map((each) => each.grad!)) };
      const [weight] = model.parameters() as [Tensor];
      expect(model.to({ memoryFormat: "channels_last" })).toBe(model);
      expect(model.parameters()[0]).toBe(weight);
      expect([weight.strides, weight.grad!.strides]).toEqual([[27, 1, 9, 3], [27, 1, 9, 3]]);
      expect(model.parameters()[1]!.strides).toEqual([1]);
      expect({ values: bits(model.parameters()), gradients: bits(model.parameters().map((each) => each.grad!)) }).toEqual(before);
      model.to({ memoryFormat: "contiguous_format" });
      expect(strides([weight, weight.grad!])).toEqual([[27, 9, 3, 1], [27, 9, 3, 1]]);
      expect(bits(model.parameters())).toEqual(before.values);
    });

    test("a model and input in channels_last give what they give in row-major order, in channels_last", () => {
      const model = net().eval();
      const x = randn([2, 3, 8, 8]);
      const expected = noGrad(() => model.forward(x));
      model.to({ memoryFormat: "channels_last", dtype: "float32", nonBlocking: true });
      const y = noGrad(() => model.forward(x.to({ memoryFormat: "channels_last" })));
      expect(y.isContiguous("channels_last")).toBe(true);
      expect(y.sub(expected).abs().max().item()).toBeLessThan(1e-5);
    });

    test("channels_last_3d is for five dimensions; other tensors stay as they are", () => {
      class Odd extends Module {
        four = new Parameter(zeros([2, 3, 4, 5]));
        five = new Parameter(zeros([2, 3, 4, 5, 6]));
        forward(): void {}
      }
      const odd = new Odd();
      const [four, five] = strides([odd.four, odd.five]);
      odd.to({ memoryFormat: "channels_last" });
      expect(strides([odd.four, odd.five])).toEqual([[60, 1, 15, 3], five]);
      odd.to({ memoryFormat: "contiguous_format" }).to({ memoryFormat: "channels_last_3d" });
      expect(strides([odd.four, odd.five])).toEqual([four, [360, 1, 90, 18, 3]]);
      odd.to({ memoryFormat: "preserve_format", dtype: "float64" });
      expect(strides([odd.four, odd.five])).toEqual([four, [360, 1, 90, 18, 3]]);
    });
  });

  test("leaves no handles behind", () => {
    const net = new Sequential(new Linear(2, 2), new BatchNorm1d(2));
    ops.aten["sum.default"](net.forward(randn([4, 2]))).backward();
    const { handles } = memoryStats();
    net.to("float64");
    expect(memoryStats().handles).toBe(handles);
  });
});
