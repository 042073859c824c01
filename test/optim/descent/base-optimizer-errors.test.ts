import { Adam, ones, ops, SGD, tensor, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { OPTIMIZERS, type OptimizerName } from "../../reference/cases.js";
import { bits, expectError } from "../support.js";
import { native } from "./make.js";

const NO_NUMBER = [NaN, "1", null];
const AT_LEAST_0 = [-1, ...NO_NUMBER];
const NO_BOOLEAN = [1, "true", null];
const BETAS = [[-0.1, 0.9], [1, 0.9], [0.9, 1], [0.9, NaN], [0.9], [0.9, 0.9, 0.9], 0.9, null];
const ADAM = { lr: AT_LEAST_0, betas: BETAS, eps: AT_LEAST_0, weightDecay: AT_LEAST_0, maximize: NO_BOOLEAN };

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

  const RANGES: Record<OptimizerName, Record<string, readonly unknown[]>> = {
    SGD: { lr: AT_LEAST_0, momentum: AT_LEAST_0, weightDecay: AT_LEAST_0, dampening: NO_NUMBER, nesterov: NO_BOOLEAN, maximize: NO_BOOLEAN },
    Adam: { ...ADAM, amsgrad: NO_BOOLEAN },
    AdamW: { ...ADAM, amsgrad: NO_BOOLEAN },
    RMSprop: {
      lr: AT_LEAST_0, alpha: AT_LEAST_0, eps: AT_LEAST_0, weightDecay: AT_LEAST_0, momentum: AT_LEAST_0, centered: NO_BOOLEAN, maximize: NO_BOOLEAN,
    },
    Adagrad: {
      lr: AT_LEAST_0, lrDecay: AT_LEAST_0, weightDecay: AT_LEAST_0, initialAccumulatorValue: AT_LEAST_0, eps: AT_LEAST_0, maximize: NO_BOOLEAN,
    },
    Adadelta: { lr: AT_LEAST_0, rho: [...AT_LEAST_0, 1.1], eps: AT_LEAST_0, weightDecay: AT_LEAST_0, maximize: NO_BOOLEAN },
    NAdam: { ...ADAM, momentumDecay: AT_LEAST_0, decoupledWeightDecay: NO_BOOLEAN },
    RAdam: { ...ADAM, decoupledWeightDecay: NO_BOOLEAN },
    Adamax: ADAM,
  };

  test.each(OPTIMIZERS)("of every option of %s: when made, of a group, and between steps", (name) => {
    expect(Object.keys(RANGES[name]).sort()).toEqual(Object.keys(native(name, [param()], {}).defaults).sort());
    for (const [option, refused] of Object.entries(RANGES[name]))
      for (const value of refused) {
        const text = new RegExp(`^${name}: ${option}`);
        expectError(() => native(name, [param()], { [option]: value }), "ERR_ARGUMENT", text);
        expectError(() => native(name, [{ params: [param()], [option]: value }], {}), "ERR_ARGUMENT", text);
        const one = param();
        const optimizer = native(name, [one], {});
        one.grad = ones([2]);
        optimizer.paramGroups[0]![option] = value;
        expectError(() => optimizer.step(), "ERR_ARGUMENT", text);
        expect(one.toArray()).toEqual([1, 1]);
      }
  });

  test.each(OPTIMIZERS)("of closures of %s that give no gradient, are none, or are awaited", (name) => {
    const one = param();
    const optimizer = native(name, [one], {}) as unknown as { step(closure: unknown): unknown };
    expectError(() => optimizer.step(() => one.sum()), "ERR_STATE", new RegExp(`^${name}\\.step\\(closure\\): it left no gradient in any parameter; call backward\\(\\)`));
    expectError(() => optimizer.step([() => one.sum()]), "ERR_ARGUMENT", /expected a function that calls backward\(\), or nothing; .* go to ERM, SAM, DGSAM, got an array of length 1$/);
    expectError(() => optimizer.step(async () => { throw new Error("never seen"); }), "ERR_ARGUMENT", /returned a promise/);
    expect(() => optimizer.step(() => { throw new Error("mine"); })).toThrow(/^mine$/);
    expect(one.toArray()).toEqual([1, 1]);
  });

  test.each(OPTIMIZERS)("of options that %s does not know", (name) => {
    expectError(() => native(name, [param()], { weight_decay: 1 }), "ERR_ARGUMENT", /unknown option 'weight_decay'; the options are lr, /);
  });

  test("of options that do not go together", () => {
    expectError(() => new SGD([param()], { nesterov: true }), "ERR_ARGUMENT", /momentum > 0/);
    expectError(() => new SGD([param()], { nesterov: true, momentum: 0.9, dampening: 0.1 }), "ERR_ARGUMENT", /dampening 0/);
    const own = { params: [param()], initialAccumulatorValue: 0.5 };
    expectError(() => native("Adagrad", [own], {}), "ERR_ARGUMENT", /Adagrad: group: initialAccumulatorValue: expected 0 as the optimizer's, got 0.5; give it to the constructor/);
    const adagrad = native("Adagrad", [param()], {});
    expectError(() => adagrad.addParamGroup(own), "ERR_ARGUMENT", /initialAccumulatorValue/);
    expect(adagrad.paramGroups).toHaveLength(1);
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

  // What is loaded may say nothing of a parameter that had no momentum.
  test.each([["that nothing is known of", false], ["that a loaded state says nothing of", true]])("of the first gradient of a parameter %s leave the others as they were", (_, loaded) => {
    const [one, late] = [param(), ones([3, 2], { requiresGrad: true })];
    const optimizer = new SGD([one, late], { lr: 0.5, momentum: 0.9 });
    one.grad = ones([2]);
    optimizer.step();
    if (loaded) {
      const dict = optimizer.stateDict();
      optimizer.loadStateDict({ state: { ...dict.state, 1: {} }, paramGroups: dict.paramGroups.map((group) => ({ ...group, momentum: 0 })) });
      optimizer.paramGroups[0]!.momentum = 0.9;
    }
    const state = () => bits([one, optimizer.stateDict().state[0]!.momentumBuffer!]);
    const before = state();
    (ops.aten.embedding(late, tensor([0n, 1n]), { sparse: true }) as Tensor).sum().backward();
    for (let i = 0; i < 2; i++) expectError(() => optimizer.step(), "ERR_ARGUMENT", /gradients of params\[1\]: expected a dense tensor, got layout Sparse/);
    expect(state()).toEqual(before);
    late.grad = ones([3, 2]);
    optimizer.step();
    expect(state()).not.toEqual(before);
    expect(late.toArray()).toEqual(Array(3).fill([0.5, 0.5]));
  });

  test("of a disposed parameter", () => {
    const one = param();
    const optimizer = new SGD([one]);
    one.dispose();
    expectError(() => optimizer.step(), "ERR_DISPOSED", /disposed/);
  });
});
