import { Adam, AdamW, memoryStats, noGrad, ones, ops, SGD, tensor, zeros, type Tensor } from "dgsam";
import * as reference from "dgsam/reference";
import { describe, expect, test } from "vitest";
import { bits, expectError, values, worstError } from "../support.js";

/** Deterministic gradients: parameter `p` at step `t`; null where it has none. Some appear late, some vanish. */
function gradientAt(step: number, param: number, size: number): number[] | null {
  if (param === 1 && step < 7) return null;
  if (param === 2 && step % 3 === 1) return null;
  if (param === 3) return null;
  return Array.from({ length: size }, (_, i) => Math.sin(1 + 0.7 * step + 1.3 * i + param) * (1 + i));
}

const SIZES = [4, 3, 1, 2];

type Options = Record<string, unknown>;

/** All combinations of the choices. */
function combinations(choices: Record<string, readonly unknown[]>): Options[] {
  return Object.entries(choices).reduce<Options[]>(
    (all, [name, options]) => all.flatMap((each) => options.map((option) => ({ ...each, [name]: option }))),
    [{}],
  );
}

const CASES = [
  { name: "SGD", Native: SGD, Reference: reference.SGD, options: combinations({ momentum: [0, 0.9], dampening: [0, 0.3], nesterov: [false, true], weightDecay: [0, 0.1], maximize: [false, true] }).filter((each) => each["nesterov"] !== true || (each["momentum"] !== 0 && each["dampening"] === 0)) },
  { name: "Adam", Native: Adam, Reference: reference.Adam, options: combinations({ amsgrad: [false, true], weightDecay: [0, 0.1], maximize: [false, true], betas: [[0.9, 0.999], [0.5, 0.8]] }) },
  { name: "AdamW", Native: AdamW, Reference: reference.AdamW, options: combinations({ amsgrad: [false, true], weightDecay: [0, 0.1], maximize: [false, true], eps: [1e-8, 1e-3] }) },
] as const;

describe.each(CASES)("$name", ({ Native, Reference, options }) => {
  test.each(options)("equals its float64 twin over 50 steps: %j", (choice) => {
    const start = SIZES.map((size, p) => Array.from({ length: size }, (_, i) => Math.cos(2 * i + p)));
    const params = start.map((each) => tensor(each, { dtype: "float64", requiresGrad: true }));
    const twins = start.map((each) => Float64Array.from(each));
    const native = new (Native as new (params: unknown, options: unknown) => SGD)([{ params: params.slice(0, 2) }, { params: params.slice(2), lr: 0.03 }], { lr: 0.05, ...choice });
    const twin = new (Reference as new (params: unknown, options: unknown) => reference.SGD)([{ params: twins.slice(0, 2) }, { params: twins.slice(2), lr: 0.03 }], { lr: 0.05, ...choice });
    for (let step = 0; step < 50; step++) {
      const gradients = SIZES.map((size, p) => gradientAt(step, p, size));
      params.forEach((param, p) => (param.grad = gradients[p] === null ? null : tensor(gradients[p]!, { dtype: "float64" })));
      native.step();
      twin.step(gradients.map((each) => (each === null ? null : Float64Array.from(each))));
      params.forEach((param, p) => expect(worstError(values(param), twins[p]!)).toBeLessThanOrEqual(1e-12));
    }
    // A parameter that never had a gradient is untouched.
    expect(values(params[3]!)).toEqual(start[3]);
  });

  test("goes on bit for bit from a state dict", () => {
    const make = () => tensor([1, -2, 3], { dtype: "float64", requiresGrad: true });
    const create = (param: Tensor) => new (Native as new (params: unknown, options: unknown) => SGD)([param], { lr: 0.05, ...(Native === SGD ? { momentum: 0.9 } : { amsgrad: true }) });
    const run = (optimizer: SGD, param: Tensor, from: number, to: number) => {
      for (let step = from; step < to; step++) {
        param.grad = tensor(gradientAt(step, 0, 3)!, { dtype: "float64" });
        optimizer.step();
      }
    };
    const first = make();
    const original = create(first);
    run(original, first, 0, 5);
    const second = ops.aten.detach(ops.aten.clone(first)) as Tensor;
    second.requiresGrad = true;
    const resumed = create(second);
    resumed.paramGroups[0]!.lr = 99;
    resumed.loadStateDict(original.stateDict());
    expect(resumed.paramGroups[0]!.lr).toBe(0.05);
    run(original, first, 5, 12);
    run(resumed, second, 5, 12);
    expect(bits([second])).toEqual(bits([first]));
  });

  test("bumps the version counter, so that a stale graph is refused", () => {
    const param = ones([2], { requiresGrad: true });
    const loss = ops.aten.sum(ops.aten.mul(param, param)) as Tensor;
    param.grad = ones([2]);
    const { version } = param;
    new (Native as new (params: unknown, options: unknown) => SGD)([param], { lr: 0.1 }).step();
    expect(param.version).toBeGreaterThan(version);
    expect(() => loss.backward()).toThrow(/modified by an inplace operation/);
  });

  test("updates float32, bfloat16 and complex parameters in one call of step", () => {
    const params = [zeros([2], { dtype: "float32" }), zeros([2], { dtype: "bfloat16" }), zeros([2], { dtype: "complex128" })];
    params.forEach((param) => {
      param.requiresGrad = true;
      param.grad = ops.aten.ones_like(param) as Tensor;
    });
    new (Native as new (params: unknown, options: unknown) => SGD)(params, { lr: 0.5 }).step();
    for (const param of params) expect(JSON.stringify(param.toArray())).not.toContain("[0,0]");
    expect((params[2]!.toArray() as { re: number; im: number }[])[0]!.re).toBeCloseTo(-0.5, 6);
  });

  test("takes a gradient that lies in another memory order", () => {
    const start = ops.aten.reshape(ops.aten.arange(6, { dtype: "float64" }), [2, 3]) as Tensor;
    const gradient = ops.aten.reshape(ops.aten.arange(6, { dtype: "float64" }), [3, 2]) as Tensor;
    const one = ops.aten.clone(start) as Tensor;
    const two = ops.aten.clone(start) as Tensor;
    for (const param of [one, two]) param.requiresGrad = true;
    one.grad = ops.aten.t(gradient) as Tensor;
    two.grad = ops.aten.contiguous(ops.aten.t(gradient)) as Tensor;
    for (const param of [one, two]) new (Native as new (params: unknown, options: unknown) => SGD)([param], { lr: 0.1 }).step();
    expect(one.toArray()).toEqual(two.toArray());
    expect(one.toArray()).not.toEqual(start.toArray());
  });

  test("leaks no handle", () => {
    const param = ones([8], { requiresGrad: true });
    const optimizer = new (Native as new (params: unknown, options: unknown) => SGD)([param], { lr: 0.1 });
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

describe("errors", () => {
  const param = () => ones([2], { requiresGrad: true });

  test("of parameters", () => {
    expectError(() => new SGD([]), "ERR_ARGUMENT", /at least one parameter/);
    expectError(() => new SGD(param() as never), "ERR_ARGUMENT", /an array of Tensors/);
    expectError(() => new SGD([1] as never), "ERR_ARGUMENT", /params\[0\]: expected a Tensor, got the number 1/);
    const twice = param();
    expectError(() => new Adam([twice, twice]), "ERR_ARGUMENT", /params\[1\] is in the optimizer already/);
    expectError(() => new Adam([{ params: [twice] }, { params: [twice] }]), "ERR_ARGUMENT", /in the optimizer already/);
    expectError(() => new Adam([ops.aten.mul(param(), 2) as Tensor]), "ERR_ARGUMENT", /expected a leaf tensor/);
  });

  test("of options", () => {
    expectError(() => new SGD([param()], { lr: -1 }), "ERR_ARGUMENT", /SGD: lr: expected a number of at least 0, got the number -1/);
    expectError(() => new SGD([param()], { lr: NaN }), "ERR_ARGUMENT", /lr/);
    expectError(() => new SGD([param()], { nesterov: true }), "ERR_ARGUMENT", /momentum > 0/);
    expectError(() => new Adam([param()], { betas: [0.9, 1] }), "ERR_ARGUMENT", /betas\[1\]: expected a number from 0 to below 1/);
    expectError(() => new Adam([param()], { weight_decay: 1 } as never), "ERR_ARGUMENT", /unknown option 'weight_decay'; the options are lr, betas/);
    expectError(() => new AdamW([{ params: [param()], eps: -1 }]), "ERR_ARGUMENT", /eps/);
    const optimizer = new Adam([param()]);
    optimizer.paramGroups[0]!.lr = -1;
    expectError(() => optimizer.step(), "ERR_ARGUMENT", /lr/);
  });

  test("of state dicts change nothing", () => {
    const one = param();
    one.grad = ones([2]);
    const optimizer = new Adam([one]);
    optimizer.step();
    const before = bits(Object.values(optimizer.stateDict().state[0]!));
    const other = ones([3], { requiresGrad: true });
    other.grad = ones([3]);
    const misfit = new Adam([other]);
    misfit.step();
    expectError(() => optimizer.loadStateDict(misfit.stateDict()), "ERR_ARGUMENT", /state\[0\]\.expAvg: expected shape \[2\], got \[3\]/);
    expectError(() => optimizer.loadStateDict(new Adam([{ params: [param()] }, { params: [param()] }]).stateDict()), "ERR_ARGUMENT", /expected 1 parameter groups, got 2/);
    expectError(() => optimizer.loadStateDict(null as never), "ERR_ARGUMENT", /expected \{ state, paramGroups \}/);
    expect(bits(Object.values(optimizer.stateDict().state[0]!))).toEqual(before);
  });

  test("of damaged state dicts name what is wrong and change nothing", () => {
    const make = (Base: typeof Adam, options = {}) => {
      const one = param();
      one.grad = ones([2]);
      const optimizer = new Base([one], options);
      optimizer.step();
      return optimizer;
    };
    const adam = make(Adam);
    const before = bits(Object.values(adam.stateDict().state[0]!));
    const dict = adam.stateDict();
    const withState = (state: unknown) => ({ ...dict, state }) as never;
    const { expAvg: _, ...lacking } = dict.state[0]!;
    for (const [damaged, text] of [
      [{ ...dict, state: null }, /expected \{ state, paramGroups \} from stateDict\(\)/],
      [{ ...dict, paramGroups: [null] }, /group 0: expected \{ params, \.\.\.options \} from stateDict\(\), got null/],
      [{ ...dict, paramGroups: [{}] }, /group 0: expected \{ params, \.\.\.options \}/],
      [{ ...dict, paramGroups: [{ ...dict.paramGroups[0], lr: -1 }] }, /lr: expected a number of at least 0/],
      [withState({ 0: null }), /state\[0\]: expected the tensors step, expAvg, expAvgSq, got null/],
      [withState({ 0: lacking }), /state\[0\]: expected the tensors step, expAvg, expAvgSq, got step, expAvgSq; is it of another optimizer\?/],
      [withState({ 0: { ...dict.state[0], step: ones([3]) } }), /state\[0\]\.step: expected one number, got shape \[3\]/],
      [withState({ 0: { ...dict.state[0], expAvg: 1 } }), /state\[0\]\.expAvg: expected a Tensor, got the number 1/],
      [withState({ 7: dict.state[0] }), /state of parameter 7, which is in no group/],
      [make(SGD as never, { momentum: 0.9 }).stateDict(), /got momentumBuffer; is it of another optimizer\?/],
      [make(Adam, { amsgrad: true }).stateDict().paramGroups.map((group) => ({ ...dict, paramGroups: [group] }))[0], /expected the tensors step, expAvg, expAvgSq, maxExpAvgSq/],
    ] as const)
      expectError(() => adam.loadStateDict(damaged as never), "ERR_ARGUMENT", text);
    expect(bits(Object.values(adam.stateDict().state[0]!))).toEqual(before);
  });

  test("of groups and options that are none", () => {
    expectError(() => new Adam([param()], null as never), "ERR_ARGUMENT", /params, options\): expected an object of options, got null/);
    const optimizer = new Adam([param()]);
    expectError(() => optimizer.addParamGroup({ params: 5 as never }), "ERR_ARGUMENT", /group: params: expected a Tensor or an array of Tensors, got the number 5/);
    expectError(() => optimizer.addParamGroup(null as never), "ERR_ARGUMENT", /group: expected \{ params, \.\.\.options \}, got null/);
    expectError(() => new SGD("abc" as never), "ERR_ARGUMENT", /an array of Tensors or of groups/);
  });

  test("in the options of one group leave every group as it was", () => {
    const params = [param(), param()];
    const optimizer = new SGD(params.map((each) => ({ params: [each] })), { lr: 0.1 });
    for (const each of params) each.grad = ones([2]);
    optimizer.paramGroups[1]!.lr = -1;
    expectError(() => optimizer.step(), "ERR_ARGUMENT", /lr/);
    expect(params.map((each) => each.toArray())).toEqual([[1, 1], [1, 1]]);
  });

  test("of a disposed parameter", () => {
    const one = param();
    const optimizer = new SGD([one]);
    one.dispose();
    expectError(() => optimizer.step(), "ERR_DISPOSED", /disposed/);
  });
});

test("step counts of any dtype are taken over as float32 scalars", () => {
  const params = [0, 1].map(() => ones([2], { dtype: "float64", requiresGrad: true }));
  const [one, two] = params.map((each) => new Adam([each], { lr: 0.1 }));
  const step = (...indices: number[]) => indices.forEach((i) => {
    params[i]!.grad = ones([2], { dtype: "float64" });
    [one!, two!][i]!.step();
  });
  step(0);
  const dict = one!.stateDict();
  two!.loadStateDict({ ...dict, state: { 0: { ...dict.state[0]!, step: tensor([1n]) } } });
  noGrad(() => params[1]!.copy_(params[0]!));
  step(0, 1);
  expect(two!.stateDict().state[0]!.step!.dtype).toBe("float32");
  expect(bits([params[1]!])).toEqual(bits([params[0]!]));
});

test("amsgrad may be switched on in mid-run", () => {
  const param = ones([2], { requiresGrad: true });
  const optimizer = new Adam([param]);
  for (const amsgrad of [false, true, true]) {
    optimizer.paramGroups[0]!.amsgrad = amsgrad;
    param.grad = ones([2]);
    optimizer.step();
  }
  const { maxExpAvgSq, expAvgSq } = optimizer.stateDict().state[0]!;
  expect(maxExpAvgSq!.toArray()).toEqual(expAvgSq!.toArray());
});

test("loading a state dict again and again leaves no handle behind, also the optimizer's own", () => {
  const param = ones([2], { requiresGrad: true });
  param.grad = ones([2]);
  const optimizer = new Adam([param]);
  optimizer.step();
  const dict = optimizer.stateDict();
  optimizer.loadStateDict(dict);
  const { handles } = memoryStats();
  for (let i = 0; i < 5; i++) optimizer.loadStateDict(dict);
  expect(memoryStats().handles).toBe(handles);
});

test("zeroGrad clears, or fills with zeros", () => {
  const param = ones([2], { requiresGrad: true });
  const optimizer = new SGD([param]);
  param.grad = ones([2]);
  optimizer.zeroGrad(false);
  expect(param.grad!.toArray()).toEqual([0, 0]);
  optimizer.zeroGrad();
  expect(param.grad).toBeNull();
});
