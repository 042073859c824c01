import { Adagrad, Adam, memoryStats, NAdam, noGrad, ones, RMSprop, scope, SGD, tensor, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { FULL, OPTIMIZERS, type Options, type OptimizerName } from "../../reference/cases.js";
import { bits, expectError, values } from "../support.js";
import { native, type AnyOptimizer } from "./make.js";

const param = () => ones([2], { dtype: "float64", requiresGrad: true });

function step(optimizer: AnyOptimizer, options: Options = {}): void {
  Object.assign(optimizer.paramGroups[0]!, options);
  for (const each of optimizer.paramGroups[0]!.params) each.grad = tensor([1, -0.5], { dtype: "float64" });
  optimizer.step();
}

const WITH_STEPS = OPTIMIZERS.filter((name) => name !== "SGD");

describe.each(WITH_STEPS)("%s", (name) => {
  test("takes over step counts of any dtype as float32 scalars", () => {
    const [one, two] = [param(), param()];
    const [first, second] = [native(name, [one]), native(name, [two])];
    step(first);
    const dict = first.stateDict();
    second.loadStateDict({ ...dict, state: { 0: { ...dict.state[0]!, step: tensor([1n]) } } });
    noGrad(() => two.copy_(one));
    step(first);
    step(second);
    expect(second.stateDict().state[0]!.step!.dtype).toBe("float32");
    expect(second.stateDict().state[0]!.step!.shape).toEqual([]);
    expect(bits([two])).toEqual(bits([one]));
  });

  test("counts steps in float32 for 16-bit parameters, too: bfloat16 would stop at 256", () => {
    const half = ones([2], { dtype: "bfloat16", requiresGrad: true });
    const optimizer = native(name, [half], { ...FULL[name], lr: 1e-6 });
    half.grad = ones([2], { dtype: "bfloat16" });
    for (let i = 0; i < 259; i++) optimizer.step();
    const { step: count, muProduct: _, ...rest } = optimizer.stateDict().state[0]!;
    expect(count!.item()).toBe(259);
    expect(new Set(Object.values(rest).map((each) => each.dtype))).toEqual(new Set(["bfloat16"]));
  });
});

test("loads a state of its own only", () => {
  const dicts = new Map(OPTIMIZERS.map((name) => {
    const optimizer = native(name, [param()]);
    step(optimizer);
    return [name, optimizer.stateDict()] as const;
  }));
  for (const name of OPTIMIZERS)
    for (const other of OPTIMIZERS) {
      const { state } = dicts.get(other)!;
      const optimizer = native(name, [param()]);
      const load = () => optimizer.loadStateDict({ ...dicts.get(name)!, state });
      const lacking = Object.keys(dicts.get(name)!.state[0]!).some((key) => !(key in state[0]!));
      if (lacking) expectError(load, "ERR_ARGUMENT", new RegExp(`${name}.loadStateDict: state\\[0\\]: expected the tensors .*; is it of another optimizer\\?`));
      else load();
    }
});

describe("options that change between steps", () => {
  /** State that an option brings, made when it is switched on, and kept when it is off. */
  const SWITCHED: [OptimizerName, Options, Options, string][] = [
    ["SGD", { momentum: 0 }, { momentum: 0.9 }, "momentumBuffer"],
    ["Adam", { amsgrad: false }, { amsgrad: true }, "maxExpAvgSq"],
    ["AdamW", { amsgrad: false }, { amsgrad: true }, "maxExpAvgSq"],
    ["RMSprop", { centered: false }, { centered: true }, "gradAvg"],
    ["RMSprop", { momentum: 0 }, { momentum: 0.9 }, "momentumBuffer"],
  ];
  test.each(SWITCHED)("%s: from %j to %j and back", (name, off, on, key) => {
    const one = param();
    const optimizer = native(name, [one], off);
    step(optimizer);
    expect(Object.keys(optimizer.stateDict().state[0] ?? {})).not.toContain(key);
    step(optimizer, on);
    const made = values(optimizer.stateDict().state[0]![key]!);
    expect(made.every((each) => each !== 0 && Number.isFinite(each))).toBe(true);
    step(optimizer, off);
    expect(values(optimizer.stateDict().state[0]![key]!)).toEqual(made);
    step(optimizer, on);
    expect(values(optimizer.stateDict().state[0]![key]!)).not.toEqual(made);
    expect(values(one).every(Number.isFinite)).toBe(true);
  });

  test("RMSprop's buffers start from zero, whenever that is", () => {
    const [late, early] = [param(), param()];
    const [switched, always] = [new RMSprop([late], { alpha: 0 }), new RMSprop([early], { alpha: 0, momentum: 0.5 })] as unknown as AnyOptimizer[];
    // With alpha 0 squares are those of the last gradient: only the buffer tells the two apart.
    step(switched!);
    step(switched!, { momentum: 0.5 });
    step(always!);
    expect(bits([switched!.stateDict().state[0]!.momentumBuffer!])).toEqual(bits([always!.stateDict().state[0]!.momentumBuffer!]));
  });

  test("Adam's amsgrad in mid-run", () => {
    const one = param();
    const optimizer = new Adam([one]) as unknown as AnyOptimizer;
    for (const amsgrad of [false, true, true]) step(optimizer, { amsgrad });
    const { maxExpAvgSq, expAvgSq } = optimizer.stateDict().state[0]!;
    expect(maxExpAvgSq!.toArray()).toEqual(expAvgSq!.toArray());
  });
});

describe("Adagrad's state", () => {
  const sumsOf = (optimizer: Adagrad) => Object.values(optimizer.stateDict().state).map((state) => state.sum!.toArray());

  test("exists from the start, also of groups that come later and parameters without a gradient", () => {
    const optimizer = new Adagrad([param()], { initialAccumulatorValue: 0.5 });
    optimizer.addParamGroup({ params: [ones([1], { requiresGrad: true })], lr: 1 });
    expect(sumsOf(optimizer)).toEqual([[0.5, 0.5], [0.5]]);
    optimizer.step();
    expect(Object.values(optimizer.stateDict().state).map((state) => state.step!.item())).toEqual([0, 0]);
  });

  test("is loaded before the first step, too", () => {
    const one = param();
    const optimizer = new Adagrad([one]);
    optimizer.loadStateDict(new Adagrad([param()], { initialAccumulatorValue: 3 }).stateDict());
    one.grad = ones([2], { dtype: "float64" });
    optimizer.step();
    expect(sumsOf(optimizer)).toEqual([[4, 4]]);
  });

  test("outlives the scope in which the optimizer was made", () => {
    const one = param();
    let optimizer: Adagrad | undefined;
    scope(() => void (optimizer = new Adagrad([one], { initialAccumulatorValue: 0.5 })));
    expect(sumsOf(optimizer!)).toEqual([[0.5, 0.5]]);
  });

  test("fills both parts of complex numbers", () => {
    const one = ones([1], { dtype: "complex64" });
    one.requiresGrad = true;
    expect(sumsOf(new Adagrad([one], { initialAccumulatorValue: 0.5 }))).toEqual([[expect.objectContaining({ re: 0.5, im: 0.5 })]]);
  });
});

test("NAdam's product of momenta is a float32 scalar that starts at 1 and falls", () => {
  const one = param();
  const optimizer = new NAdam([one], { momentumDecay: 0 });
  step(optimizer as unknown as AnyOptimizer);
  const { muProduct } = optimizer.stateDict().state[0]!;
  expect([muProduct!.dtype, muProduct!.shape]).toEqual(["float32", []]);
  expect(muProduct!.item()).toBe(Math.fround(0.45));
});

test("loading a state dict again and again leaves no handle behind, also the optimizer's own", () => {
  for (const name of OPTIMIZERS) {
    const optimizer = native(name, [param()]);
    step(optimizer);
    const dict = optimizer.stateDict();
    optimizer.loadStateDict(dict);
    const { handles } = memoryStats();
    for (let i = 0; i < 5; i++) optimizer.loadStateDict(dict);
    expect(memoryStats().handles).toBe(handles);
  }
});

test("zeroGrad clears, or fills with zeros", () => {
  const one = param();
  const optimizer = new SGD([one]);
  one.grad = ones([2], { dtype: "float64" });
  optimizer.zeroGrad(false);
  expect((one.grad as Tensor).toArray()).toEqual([0, 0]);
  optimizer.zeroGrad();
  expect(one.grad).toBeNull();
});

describe("SGD's momentum", () => {
  test("begins with the gradient after a first step that failed, too", () => {
    const one = param();
    const optimizer = new SGD([one], { lr: 1, momentum: 0.9 });
    one.grad = tensor([1, 1], { dtype: "float64" }).toSparse();
    expectError(() => optimizer.step(), "ERR_ARGUMENT", /dense/);
    expect(optimizer.stateDict().state).toEqual({});
    one.grad = tensor([1, -0.5], { dtype: "float64" });
    optimizer.step();
    expect(values(one)).toEqual([0, 1.5]);
  });

  test("may be switched on after a state without it was loaded", () => {
    const one = param();
    const optimizer = new SGD([one], { lr: 1 });
    optimizer.loadStateDict({ ...optimizer.stateDict(), state: { 0: {} } });
    optimizer.paramGroups[0]!.momentum = 0.9;
    one.grad = tensor([1, -0.5], { dtype: "float64" });
    optimizer.step();
    optimizer.step();
    expect(values(one)).toEqual([1 - 1 - 1.9, 1 + 0.5 + 0.95]);
  });
});

test("damaged state dicts are refused", () => {
  const optimizer = new Adam([param(), param()], { lr: 1 });
  for (const each of optimizer.paramGroups[0]!.params) each.grad = tensor([1, -0.5], { dtype: "float64" });
  optimizer.step();
  const dict = optimizer.stateDict();
  expectError(() => optimizer.loadStateDict({ ...dict, state: { 0: { ...dict.state[0]!, step: tensor(NaN) } } }), "ERR_ARGUMENT", /state\[0\]\.step: expected a finite number, got NaN/);
  expectError(() => optimizer.loadStateDict({ ...dict, paramGroups: [{ ...dict.paramGroups[0]!, params: [0, 0] }] }), "ERR_ARGUMENT", /params: the number 0 comes twice/);
});
