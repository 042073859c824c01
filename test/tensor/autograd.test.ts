import {
  enableGrad, grad, inferenceMode, isGradEnabled, isInferenceModeEnabled, manualSeed, memoryStats, noGrad, ones, ops, randn, scope, tensor,
  zeroGrad, zeros, type Tensor,
} from "dgsam";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gradients, gradientStamp, setGradients } from "../../lib/tensor/internal.js";
import { expectError } from "../data/errors.js";
import { hasTorch } from "../reference/oracle.js";
import { encode, evaluatedByPytorch } from "./pytorch.js";

function inScope(body: () => void): () => void {
  return () => scope(body);
}

const leaf = (data: number[]): Tensor => tensor(data, { dtype: "float64", requiresGrad: true });

describe("backward", () => {
  test("sums gradients into leaves", inScope(() => {
    const x = leaf([1, 2]);
    expect(x.grad).toBeNull();
    x.square().sum().backward();
    expect(x.grad!.toArray()).toEqual([2, 4]);
    x.square().sum().backward();
    expect([x.grad!.toArray(), x.grad!.dtype, x.grad!.requiresGrad]).toEqual([[4, 8], "float64", false]);
  }));

  test("weighs by a gradient, may be run again with retainGraph, and into chosen inputs only", inScope(() => {
    const x = leaf([1, 2]);
    const w = leaf([3, 4]);
    const y = x.mul(w);
    y.backward(tensor([1, 10], { dtype: "float64" }), { retainGraph: true, inputs: [x] });
    expect([x.grad!.toArray(), w.grad]).toEqual([[3, 40], null]);
    y.backward(tensor([1, 1], { dtype: "float64" }));
    expect([x.grad!.toArray(), w.grad!.toArray()]).toEqual([[6, 44], [1, 2]]);
    expectError(() => y.backward(tensor([1, 1], { dtype: "float64" })), "ERR_NATIVE", /backward through the graph a second time.*Specify retainGraph: true if you need/);
  }));

  test("takes its options alone, the gradient among them", inScope(() => {
    const x = leaf([1, 2]);
    const y = x.square();
    y.sum().backward({ retainGraph: true });
    y.backward({ gradient: tensor([1, 10], { dtype: "float64" }), inputs: x });
    expect(x.grad!.toArray()).toEqual([4, 44]);
    x.pow(3).sum().backward({ createGraph: true, inputs: null });
    expect(x.grad!.requiresGrad).toBe(true);
    x.sum().backward(undefined, undefined);
  }));

  test("with createGraph can be differentiated again", inScope(() => {
    const x = leaf([2]);
    x.pow(3).sum().backward(null, { createGraph: true });
    const first = x.grad!;
    expect([first.toArray(), first.requiresGrad]).toEqual([[12], true]);
    expect(grad(first.sum(), x).map((each) => each!.toArray())).toEqual([[12]]);
  }));

  test("retainGrad keeps what is no leaf's", inScope(() => {
    const x = leaf([1, 2]);
    const y = x.mul(2);
    y.retainGrad();
    y.square().sum().backward();
    expect([y.grad!.toArray(), y.isLeaf]).toEqual([[4, 8], false]);
  }));

  test("refuses what it cannot differentiate", inScope(() => {
    expectError(() => tensor([1]).backward(), "ERR_NATIVE", /does not require grad/);
    expectError(() => leaf([1, 2]).mul(2).backward(), "ERR_NATIVE", /grad can be implicitly created only for scalar outputs/);
    expectError(() => leaf([1, 2]).mul(2).backward(zeros([3], { dtype: "float64" })), "ERR_SHAPE", /invalid gradient at index 0 - got \[3\] but expected shape compatible with \[2\]/);
    expectError(() => leaf([1]).sum().backward(3 as never), "ERR_ARGUMENT", /^backward: gradient: expected a Tensor or null, got the number 3$/);
    expectError(() => leaf([1]).sum().backward(null, { retainGraph: 1 as never }), "ERR_ARGUMENT", /^backward: retainGraph: expected a boolean, got the number 1$/);
    expectError(() => leaf([1]).sum().backward(null, { inputs: [null as never] }), "ERR_ARGUMENT", /./);
    expectError(() => leaf([1]).sum().backward({ inputs: [] }), "ERR_ARGUMENT", /^backward: inputs cannot be empty; leave it out for all leaves$/);
    expectError(() => leaf([1]).sum().backward({ retain_graph: true } as never), "ERR_ARGUMENT", /^backward: unknown option 'retain_graph'; the options are gradient, retainGraph, createGraph, inputs$/);
    expectError(() => leaf([1]).sum().backward(null, { gradient: null } as never), "ERR_ARGUMENT", /^backward: unknown option 'gradient'; the options are retainGraph, createGraph, inputs$/);
    expectError(() => leaf([1]).sum().backward(null, null as never), "ERR_ARGUMENT", /^backward: options: expected an object .*, got null$/);
    expectError(() => leaf([1]).sum().backward({} as never, {}), "ERR_ARGUMENT", /^backward\(gradient, options\): gradient: expected a Tensor or null, got an object/);
  }));

  test("on a tensor changed in place since is refused: the gradient would be wrong", inScope(() => {
    const x = leaf([1, 2]);
    const y = x.mul(1);
    const loss = y.square().sum();
    y.add_(1);
    expectError(() => loss.backward(), "ERR_NATIVE", /modified by an inplace operation/);
    expect([y.version, x.version]).toEqual([1, 0]);
  }));
});

describe("grad", () => {
  test("gives an array, null where unused, and touches no grad", inScope(() => {
    const x = leaf([1, 2]);
    const unused = leaf([3]);
    const [dx, none] = grad(x.square().sum(), [x, unused], { allowUnused: true });
    expect([dx!.toArray(), none, x.grad]).toEqual([[2, 4], null, null]);
  }));

  test("takes several outputs with their gradOutputs", inScope(() => {
    const x = leaf([1, 2]);
    const [dx] = grad([x.mul(2), x.sum()], [x], { gradOutputs: [tensor([1, 10], { dtype: "float64" }), null] });
    expect(dx!.toArray()).toEqual([3, 21]);
  }));

  test("higher derivatives by createGraph", inScope(() => {
    let y: Tensor = leaf([1.5]);
    const x = y;
    y = y.pow(4).sum();
    const derivatives = [1, 2, 3].map(() => {
      [y] = grad(y.sum(), x, { createGraph: true }) as [Tensor];
      return y.item();
    });
    expect(derivatives).toEqual([4 * 1.5 ** 3, 12 * 1.5 ** 2, 24 * 1.5]);
  }));

  test("refuses", inScope(() => {
    const x = leaf([1]);
    expectError(() => grad(x.sum(), leaf([2])), "ERR_NATIVE", /^grad: element 0 of the differentiated Tensors appears to not have been used in the graph\. Set allowUnused: true if this/);
    expectError(() => grad(x.sum(), []), "ERR_ARGUMENT", /inputs is empty/);
    expectError(() => grad([x.sum(), x.sum()], x, { gradOutputs: [null] }), "ERR_ARGUMENT", /expected 2 gradOutputs, one per output, got 1/);
    expectError(() => grad(3 as never, x), "ERR_ARGUMENT", /grad\(outputs\): expected a Tensor or null, got the number 3/);
    expectError(() => grad(x.sum(), x, { allowUnused: "yes" as never }), "ERR_ARGUMENT", /grad: allowUnused: expected a boolean/);
    expectError(() => grad(x.sum(), x, { allow_unused: true } as never), "ERR_ARGUMENT", /^grad: unknown option 'allow_unused'; the options are gradOutputs, retainGraph, createGraph, allowUnused$/);
  }));

  test("equals the difference quotient", () => {
    const point = fc.array(fc.double({ noNaN: true, min: -2, max: 2 }), { minLength: 1, maxLength: 5 });
    const f = (x: Tensor): Tensor => x.sin().mul(x).add(x.square().mul(0.5)).tanh().sum();
    fc.assert(fc.property(point, (values) => {
      scope(() => {
        const x = leaf(values);
        const [dx] = grad(f(x), x);
        const numeric = values.map((_, i) => {
          const at = (h: number): number => f(tensor(values.map((value, k) => (k === i ? value + h : value)), { dtype: "float64" })).item() as number;
          return (at(1e-5) - at(-1e-5)) / 2e-5;
        });
        (dx!.toArray() as number[]).forEach((value, i) => expect(Math.abs(value - numeric[i]!)).toBeLessThan(1e-7));
      });
    }), { numRuns: 30 });
  });
});

describe.skipIf(!hasTorch)("as PyTorch", { timeout: 60_000 }, () => {
  test("gradients of a small network to the bit", inScope(() => {
    manualSeed(6);
    const inputs = { x: randn([5, 4]), w: randn([3, 4]), b: randn([3]), y: tensor([0n, 2n, 1n, 0n, 2n]) };
    const [theirs] = evaluatedByPytorch([[
      "w.requires_grad_(); b.requires_grad_(); F.nll_loss(F.log_softmax(F.gelu(F.linear(x, w, b)), 1), y).backward()", "[w.grad, b.grad]",
    ]], inputs);
    const w = inputs.w.requiresGrad_();
    const b = inputs.b.requiresGrad_();
    ops.aten.nll_loss(ops.aten.linear(inputs.x, w, b).gelu().logSoftmax(1), inputs.y).backward();
    expect(encode([w.grad, b.grad])).toEqual(theirs);
  }));
});

describe("requiresGrad and grad", () => {
  test("requiresGrad can be read and set on leaves of a floating or complex dtype", inScope(() => {
    const x = tensor([1]);
    x.requiresGrad = true;
    expect([x.requiresGrad, x.isLeaf, x.mul(2).requiresGrad, x.mul(2).isLeaf]).toEqual([true, true, true, false]);
    x.requiresGrad = false;
    expect(x.mul(2).requiresGrad).toBe(false);
    expectError(() => { tensor([1n]).requiresGrad = true; }, "ERR_DTYPE", /^requiresGrad: expected a floating-point or complex dtype for a gradient, got int64$/);
    expectError(() => { leaf([1]).mul(2).requiresGrad = false; }, "ERR_ARGUMENT", /can only be turned off on leaf tensors; use detach\(\)/);
    expectError(() => { x.requiresGrad = 1 as never; }, "ERR_ARGUMENT", /^requiresGrad: expected a boolean, got the number 1$/);
  }));

  test("grad can be set and cleared, and must fit", inScope(() => {
    const x = leaf([1, 2]);
    x.grad = tensor([5, 6], { dtype: "float64" });
    x.sum().backward();
    expect(x.grad!.toArray()).toEqual([6, 7]);
    x.grad = null;
    expect(x.grad).toBeNull();
    expectError(() => { x.grad = zeros([3], { dtype: "float64" }); }, "ERR_SHAPE", /expected a gradient of shape \[2\] as its tensor's, got \[3\]/);
    expectError(() => { x.grad = zeros([2]); }, "ERR_DTYPE", /expected a gradient of dtype/);
    expectError(() => { x.grad = x; }, "ERR_ARGUMENT", /a tensor cannot be its own gradient/);
    expectError(() => { x.grad = 3 as never; }, "ERR_ARGUMENT", /grad: expected a Tensor or null, got the number 3/);
  }));

  test("of many tensors in one call", inScope(() => {
    const many = Array.from({ length: 5000 }, () => ones([1], { requiresGrad: true }));
    ops.aten.stack(many.slice(0, 2500)).sum().backward();
    const count = () => gradients(many).filter((each) => each !== null).length;
    expect(count()).toBe(2500);
    zeroGrad(many, { setToNone: false });
    expect([count(), many[0]!.grad!.item()]).toEqual([2500, 0]);
    zeroGrad(many);
    expect(count()).toBe(0);
    setGradients(many, many.map((_, i) => (i % 2 === 0 ? zeros([1]) : null)));
    expect(count()).toBe(2500);
    expectError(() => setGradients(many, [null]), "ERR_ARGUMENT", /expected as many gradients as tensors/);
  }));

  test("their stamp changes when something is summed into one of them, and is 0 without any", inScope(() => {
    const [a, b] = [leaf([1, 2]), leaf([3])];
    const stamps = [gradientStamp([a, b])];
    for (const each of [a, b, b]) {
      each.sum().backward();
      stamps.push(gradientStamp([a, b]));
    }
    expect(stamps[0]).toBe(0);
    expect(new Set(stamps).size).toBe(4);
    zeroGrad([a, b]);
    expect(gradientStamp([a, b])).toBe(0);
  }));

  test("detach leaves the graph and shares memory", inScope(() => {
    const x = leaf([1, 2]);
    const d = x.mul(2).detach();
    expect([d.requiresGrad, d.isLeaf]).toEqual([false, true]);
    x.detach().fill_(9);
    expect(x.toArray()).toEqual([9, 9]);
  }));
});

const MODES = [["noGrad", noGrad, false], ["enableGrad", enableGrad, true], ["inferenceMode", inferenceMode, false]] as const;

describe("modes", () => {
  test.each(MODES)("%s sets recording, returns fn's result and restores", (_, mode, enabled) => {
    expect(isGradEnabled()).toBe(true);
    expect(mode(() => isGradEnabled())).toBe(enabled);
    expect(isGradEnabled()).toBe(true);
  });

  test.each(MODES)("%s restores when fn throws", (_, mode) => {
    const error = new Error("mine");
    expect(() => mode(() => { throw error; })).toThrow(error);
    expect([isGradEnabled(), isInferenceModeEnabled(), scope(() => ones([1]).isInference)]).toEqual([true, false, false]);
  });

  test.each(MODES)("%s refuses a promise and anything but a function", (name, mode) => {
    // @ts-expect-error the types refuse a promise too
    expectError(() => mode(async () => 1), "ERR_ARGUMENT", new RegExp(`^${name}\\(fn\\): fn returned a promise`));
    expectError(() => mode(Promise.reject.bind(Promise) as never), "ERR_ARGUMENT", /fn returned a promise/);
    expectError(() => mode(3 as never), "ERR_ARGUMENT", new RegExp(`^${name}\\(fn\\): expected a function, got the number 3`));
    expect(isGradEnabled()).toBe(true);
  });

  test("nest", () => {
    expect(noGrad(() => [isGradEnabled(), enableGrad(() => [isGradEnabled(), noGrad(() => isGradEnabled())]), isGradEnabled()])).toEqual([false, [true, false], false]);
    expect(inferenceMode(() => inferenceMode(() => isGradEnabled()) || isGradEnabled())).toBe(false);
    const told = inferenceMode(() => [isInferenceModeEnabled(), inferenceMode(isInferenceModeEnabled), noGrad(isInferenceModeEnabled), isInferenceModeEnabled()]);
    expect([told, isInferenceModeEnabled(), noGrad(isInferenceModeEnabled)]).toEqual([[true, true, true, true], false, false]);
  });

  test("noGrad records nothing; inferenceMode's tensors cannot be differentiated", inScope(() => {
    const x = leaf([1]);
    expect(noGrad(() => x.mul(2)).requiresGrad).toBe(false);
    expect(noGrad(() => enableGrad(() => x.mul(2))).requiresGrad).toBe(true);
    const y = inferenceMode(() => x.mul(2));
    expect([y.isInference, y.requiresGrad]).toEqual([true, false]);
    expectError(() => y.mul(x), "ERR_NATIVE", /Inference tensors cannot be saved for backward/);
    expectError(() => y.version, "ERR_ARGUMENT", /no version counter/);
  }));
});

describe("memory", () => {
  test("a graph lives while a tensor needs it and goes with its scope", () => {
    const before = memoryStats().handles;
    scope(() => {
      const x = leaf([1]);
      let y = x;
      for (let i = 0; i < 2000; i++) y = y.mul(1.0001);
      y.backward(ones([1], { dtype: "float64" }));
    });
    expect(memoryStats().handles).toBe(before);
  });
});
