import { memoryStats, noGrad, ones, ops, tensor, zeros, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { CASES, FULL, OPTIMIZERS } from "../../reference/cases.js";
import { bits, values, worstError } from "../support.js";
import { native, twin, type AnyOptimizer } from "./make.js";

/** Deterministic gradients: parameter `p` at step `t`; null where it has none. Some appear late, some vanish. */
function gradientAt(step: number, param: number, size: number): number[] | null {
  if (param === 1 && step < 7) return null;
  if (param === 2 && step % 3 === 1) return null;
  if (param === 3) return null;
  return Array.from({ length: size }, (_, i) => Math.sin(1 + 0.7 * step + 1.3 * i + param) * (1 + i));
}

const SIZES = [4, 3, 5, 2];
const STEPS = 200;
const GRADS = Array.from({ length: STEPS }, (_, step) => SIZES.map((size, p) => gradientAt(step, p, size)));

test.each(CASES)(`$name equals its float64 twin over ${STEPS} steps: $options`, ({ name, options }) => {
  const start = SIZES.map((size, p) => Array.from({ length: size }, (_, i) => Math.cos(2 * i + p)));
  const params = start.map((each) => tensor(each, { dtype: "float64", requiresGrad: true }));
  const twins = start.map((each) => Float64Array.from(each));
  const ours = native(name, [{ params: params.slice(0, 2) }, { params: params.slice(2), lr: 0.03 }], options);
  const theirs = twin(name, [{ params: twins.slice(0, 2) }, { params: twins.slice(2), lr: 0.03 }], options);
  let worst = 0;
  for (const gradients of GRADS) {
    params.forEach((param, p) => (param.grad = gradients[p] === null ? null : tensor(gradients[p]!, { dtype: "float64" })));
    ours.step();
    theirs.step(gradients.map((each) => (each === null ? null : Float64Array.from(each))));
    params.forEach((param, p) => (worst = Math.max(worst, worstError(values(param), twins[p]!))));
  }
  expect(worst).toBeLessThanOrEqual(1e-12);
  // A parameter that never had a gradient is untouched.
  expect(values(params[3]!)).toEqual(start[3]);
});

describe.each(OPTIMIZERS)("%s", (name) => {
  test("goes on bit for bit from a state dict", () => {
    const run = (optimizer: AnyOptimizer, param: Tensor, from: number, to: number) => {
      for (let step = from; step < to; step++) {
        param.grad = tensor(gradientAt(step, 0, 3)!, { dtype: "float64" });
        optimizer.step();
      }
    };
    const first = tensor([1, -2, 3], { dtype: "float64", requiresGrad: true });
    const original = native(name, [first]);
    const { lr } = original.paramGroups[0]!;
    run(original, first, 0, 5);
    const second = ops.aten.detach(ops.aten.clone(first)) as Tensor;
    second.requiresGrad = true;
    const resumed = native(name, [second]);
    resumed.paramGroups[0]!.lr = 99;
    resumed.loadStateDict(original.stateDict());
    expect(resumed.paramGroups[0]!.lr).toBe(lr);
    run(original, first, 5, 12);
    run(resumed, second, 5, 12);
    expect(bits([second])).toEqual(bits([first]));
  });

  test("calls a closure before, with gradients on, and gives what it returns", () => {
    const [one, other] = [1, 2].map(() => tensor([1, -2, 3], { dtype: "float64", requiresGrad: true })) as [Tensor, Tensor];
    const [optimizer, without] = [native(name, [one]), native(name, [other])];
    for (let i = 0; i < 5; i++) {
      const backward = (param: Tensor): Tensor => {
        param.grad = null;
        const loss = param.pow(2).sum();
        loss.backward();
        return loss;
      };
      const loss = backward(other);
      without.step();
      expect(noGrad(() => optimizer.step(() => backward(one))).item()).toBe(loss.item());
      expect(bits([one])).toEqual(bits([other]));
    }
    expect(values(one)).not.toEqual([1, -2, 3]);
  });

  test("bumps the version counter once, so that a stale graph is refused", () => {
    const param = ones([2], { requiresGrad: true });
    const loss = ops.aten.sum(ops.aten.mul(param, param)) as Tensor;
    param.grad = ones([2]);
    const { version } = param;
    native(name, [param]).step();
    expect(param.version).toBe(version + 1);
    expect(() => loss.backward()).toThrow(/modified by an inplace operation/);
  });

  test("updates float32, bfloat16 and complex parameters in one call of step", () => {
    const params = (["float32", "bfloat16", "complex128"] as const).map((dtype) => ones([2], { dtype }));
    params.forEach((param) => {
      param.requiresGrad = true;
      param.grad = ops.aten.ones_like(param) as Tensor;
    });
    native(name, params, { lr: 0.5 }).step();
    const [single, half] = params.map((param) => param.toArray());
    const complex = params[2]!.toArray() as { re: number; im: number }[];
    for (const i of [0, 1]) {
      expect((single as number[])[i]).toBeLessThan(1);
      expect((half as number[])[i]).toBeCloseTo((single as number[])[i]!, 2);
      expect(complex[i]!.re).toBeCloseTo((single as number[])[i]!, 5);
      expect(complex[i]!.im).toBe(0);
    }
  });

  test.each(["bfloat16", "float16"] as const)("updates every element of %s parameters, of any size, as those of float32", (dtype) => {
    for (const size of [1, 7, 33, 100, 1000]) {
      const values = Array.from({ length: size }, (_, i) => Math.sin(i + 1));
      const run = (kind: "float32" | typeof dtype) => {
        // The numbers are what 16 bits can hold.
        const param = tensor(values, { dtype }).to(kind);
        param.requiresGrad = true;
        // Adadelta begins with steps of a thousandth of its rate.
        const optimizer = native(name, [param], { ...FULL[name], lr: name === "Adadelta" ? 10 : 0.1 });
        const start = Array.from(param.detach().float().data() as Float32Array);
        for (let step = 0; step < 3; step++) {
          param.grad = tensor(values.map((each) => 1 + 0.25 * each * step), { dtype }).to(kind);
          optimizer.step();
        }
        return Array.from(param.detach().float().data() as Float32Array, (each, i) => each - start[i]!);
      };
      const [sixteen, single] = [run(dtype), run("float32")];
      for (const [i, moved] of sixteen.entries()) {
        expect(Math.abs(single[i]!)).toBeGreaterThan(0.01);
        expect(Math.abs(moved - single[i]!), `element ${i} of ${size}`).toBeLessThan(0.03);
      }
    }
  });

  test("takes a gradient that lies in another memory order", () => {
    const start = ops.aten.reshape(ops.aten.arange(6, { dtype: "float64" }), [2, 3]) as Tensor;
    const gradient = ops.aten.reshape(ops.aten.arange(6, { dtype: "float64" }), [3, 2]) as Tensor;
    const one = ops.aten.clone(start) as Tensor;
    const two = ops.aten.clone(start) as Tensor;
    for (const param of [one, two]) param.requiresGrad = true;
    one.grad = ops.aten.t(gradient) as Tensor;
    two.grad = ops.aten.contiguous(ops.aten.t(gradient)) as Tensor;
    for (const param of [one, two]) native(name, [param]).step();
    expect(one.toArray()).toEqual(two.toArray());
    expect(one.toArray()).not.toEqual(start.toArray());
  });

  test("updates a parameter with gaps in its memory, and nothing between", () => {
    const whole = zeros([4, 2], { dtype: "float64" });
    const gapped = (ops.aten.select(whole, 1, 0) as Tensor).detach();
    const dense = zeros([4], { dtype: "float64" });
    for (const param of [gapped, dense]) {
      param.requiresGrad = true;
      const optimizer = native(name, [param]);
      for (let step = 0; step < 3; step++) {
        param.grad = tensor(gradientAt(step, 0, 4)!, { dtype: "float64" });
        optimizer.step();
      }
    }
    expect(gapped.toArray()).toEqual(dense.toArray());
    expect((whole.toArray() as number[][]).map(([, between]) => between)).toEqual([0, 0, 0, 0]);
  });

  test("leaks no handle", () => {
    const param = ones([8], { requiresGrad: true });
    const optimizer = native(name, [param]);
    const gradient = ones([8]);
    const step = () => {
      param.grad = gradient;
      optimizer.step();
    };
    step();
    const { handles } = memoryStats();
    for (let i = 0; i < 20; i++) step();
    expect(memoryStats().handles).toBe(handles);
  });
});
