import { LBFGS, memoryStats, noGrad, ones, ops, SGD, tensor, zeros, type LBFGSOptions, type LBFGSStateDict, type OptimizerLike, type Tensor } from "dgsam";
import * as reference from "dgsam/reference";
import { describe, expect, test } from "vitest";
import { MLP, CASES, PROBLEMS, QUADRATIC, STEPS, titleOf, twinProblem, type ProblemName } from "../../reference/lbfgs-problems.js";
import { bits, expectError, values, worstError } from "../support.js";

const DTYPE = { dtype: "float64" } as const;

/** The loss of a problem over flat parameters. */
function lossOver(name: ProblemName, params: readonly Tensor[]): () => Tensor {
  const constant = (data: readonly number[], shape: number[]) => tensor([...data], { ...DTYPE, shape });
  if (name === "QUADRATIC") {
    const matrix = constant(QUADRATIC.matrix.flat(), [10, 10]);
    const vector = constant(QUADRATIC.vector, [10]);
    return () => {
      const x = ops.aten.cat(params);
      return x.dot(ops.aten.mv(matrix, x).mul(0.5).sub(vector));
    };
  }
  if (name === "ROSENBROCK") {
    return () => {
      const x = ops.aten.cat(params);
      const [head, tail] = [x.narrow(0, 0, 5), x.narrow(0, 1, 5)];
      return tail.sub(head.square()).square().mul(100).add(head.mul(-1).add(1).square()).sum();
    };
  }
  const batches = MLP.batches.map(([x, y]) => ({ x: constant(x as number[], [16, 8]), y: tensor(y as number[], { dtype: "int64" }) }));
  const shapes = reference.parameterShapes(reference.PROBLEM_SIZES);
  return () => {
    const losses = batches.map(({ x, y }) => {
      let output = x as Tensor;
      for (let i = 0; i < params.length; i += 2) {
        if (i > 0) output = output.tanh();
        output = ops.aten.linear(output, params[i]!.reshape(shapes[i]!), params[i + 1]!);
      }
      return ops.aten.cross_entropy_loss(output, y);
    });
    return losses.reduce((sum, loss) => sum.add(loss)).div(losses.length);
  };
}

function problem(name: ProblemName): { params: Tensor[]; closure: () => Tensor } {
  const params = PROBLEMS[name].params.map((each) => tensor([...each], { ...DTYPE, requiresGrad: true }) as Tensor);
  return { params, closure: lossOver(name, params) };
}

const flat = (params: readonly Tensor[]) => params.flatMap(values);
const BOTH = [null, "strong_wolfe"] as const;

describe(`equals its float64 twin over ${STEPS} steps`, () => {
  test.each(CASES.map((each) => [titleOf(each), each] as const))("%s", (_, { problem: name, options }) => {
    const { params, closure } = problem(name);
    const twin = twinProblem(name);
    const [native, reference_] = [new LBFGS(params, options), new reference.LBFGS(twin.params, options)];
    for (let step = 0; step < STEPS; step++) {
      const [loss, expected] = [native.step(closure), reference_.step(twin.closure)];
      expect(Math.abs(loss - expected)).toBeLessThanOrEqual(1e-8 * Math.max(1, Math.abs(expected)));
      expect(worstError(flat(params), twin.params.flatMap((each) => [...each])), `step ${step + 1}`).toBeLessThanOrEqual(1e-8);
      expect(native.stateDict().state).toMatchObject({ funcEvals: reference_.funcEvals, nIter: reference_.nIter });
    }
  });
});

test("parameters of several dtypes, complex ones too, are minimised together", () => {
  const [single, double, complex] = [zeros([2, 3], { requiresGrad: true }), zeros([2], { ...DTYPE, requiresGrad: true }), zeros([2], { dtype: "complex128", requiresGrad: true })];
  const squared = (x: Tensor, at: number) => x.sub(at).square().sum();
  const closure = () => squared(single, 1).add(squared(double, 2)).add(squared(ops.aten.view_as_real(complex), 3));
  const optimizer = new LBFGS([single, double, complex], { lineSearchFn: "strong_wolfe" });
  for (let step = 0; step < 3; step++) optimizer.step(closure);
  expect(worstError(values(single), Array(6).fill(1))).toBeLessThan(1e-5);
  expect(worstError(values(double), [2, 2])).toBeLessThan(1e-5);
  expect(worstError(values(ops.aten.view_as_real(complex.detach())), [3, 3, 3, 3])).toBeLessThan(1e-5);
});

test("takes gradients that are sparse, and that lie in another memory order", () => {
  const weight = ones([4, 2], { ...DTYPE, requiresGrad: true });
  const turned = ones([2, 4], { ...DTYPE, requiresGrad: true });
  const pick = tensor([1n, 3n]);
  const closure = (rows: Tensor, other: Tensor) => rows.square().sum().add(other.square().sum());
  const step = (sparse: boolean) => {
    noGrad(() => [weight, turned].forEach((each) => each.fill_(1)));
    new LBFGS([weight, turned], { maxIter: 2, lr: 0.1 }).step(() => closure(ops.aten.embedding(weight, pick, { sparse }), ops.aten.t(turned)));
    return flat([weight, turned]);
  };
  const dense = step(false);
  expect(step(true)).toEqual(dense);
  expect(dense[0]).toBe(1);
  expect(dense[2]).not.toBe(1);
});

describe("a parameter without a gradient", () => {
  test("counts as zero and keeps every bit, minus zero too; its gradient stays none", () => {
    const { params, closure } = problem("ROSENBROCK");
    const unused = tensor([-0, 1], { ...DTYPE, requiresGrad: true });
    const frozen = tensor([-0, 1], DTYPE);
    const before = bits([unused, frozen]);
    const alone = problem("ROSENBROCK");
    const [mixed, plain] = [new LBFGS([unused, ...params, frozen]), new LBFGS(alone.params)];
    for (let step = 0; step < 3; step++) {
      mixed.step(closure);
      plain.step(alone.closure);
    }
    expect(worstError(flat(params), flat(alone.params))).toBeLessThan(1e-9);
    expect(bits([unused, frozen])).toEqual(before);
    expect(unused.grad).toBeNull();
  });

  test("stays also when it had one before, as one that was frozen in mid-run, and goes on when it has one again", () => {
    const { params, closure } = problem("ROSENBROCK");
    const twin = twinProblem("ROSENBROCK");
    const [optimizer, other] = [new LBFGS(params, { lr: 0.01 }), new reference.LBFGS(twin.params, { lr: 0.01 })];
    optimizer.step(closure);
    other.step(twin.closure);
    for (const frozen of [true, true, false, false]) {
      params[0]!.requiresGrad = !frozen;
      const before = bits([params[0]!]);
      optimizer.step(closure);
      other.step(() => ({ ...twin.closure(), grads: [frozen ? null : twin.closure().grads[0]!, twin.closure().grads[1]!] }));
      expect(bits([params[0]!]).join() === before.join()).toBe(frozen);
      expect(worstError(flat(params), twin.params.flatMap((each) => [...each]))).toBeLessThan(1e-8);
    }
  });
});

/** A state dict's tensors copied, as a file would have them. */
function copied(dict: LBFGSStateDict): LBFGSStateDict {
  const copy = (value: unknown): unknown => (value instanceof Array ? value.map(copy) : typeof value === "object" && value !== null && "clone" in value ? (value as Tensor).clone() : value);
  return { state: Object.fromEntries(Object.entries(dict.state).map(([key, value]) => [key, copy(value)])) as never, paramGroups: dict.paramGroups };
}

/** Everything that a state dict holds, to compare. */
const contents = ({ state, paramGroups }: LBFGSStateDict) =>
  JSON.stringify([state, paramGroups], (_, value: unknown) => (typeof value === "object" && value !== null && "toBytes" in value ? bits([value as Tensor]) : value));

describe.each(BOTH)("with line search %s", (lineSearchFn) => {
  const options: LBFGSOptions | object = { lineSearchFn, maxIter: 3, historySize: 4, lr: 0.3 };

  test.each([0, 1, 3])("goes on bit for bit from the state dict after %d steps", (steps) => {
    const first = problem("MLP");
    const original = new LBFGS(first.params, options);
    for (let step = 0; step < steps; step++) original.step(first.closure);
    const second = problem("MLP");
    noGrad(() => second.params.forEach((param, i) => param.copy_(first.params[i]!)));
    const resumed = new LBFGS(second.params, { lr: 7 });
    // As a file would have it: numbers through JSON.
    const dict = copied(original.stateDict());
    resumed.loadStateDict({ ...dict, paramGroups: JSON.parse(JSON.stringify(dict.paramGroups)) as never });
    for (let step = 0; step < 4; step++) {
      expect(resumed.step(second.closure)).toBe(original.step(first.closure));
      expect(bits(second.params)).toEqual(bits(first.params));
    }
    expect(contents(resumed.stateDict())).toBe(contents(original.stateDict()));
  });

  test.each([
    ["a loss of NaN", (closure: () => Tensor) => closure().mul(NaN), "ERR_NON_FINITE", /^LBFGS: the loss of evaluation \d of the step is NaN; nothing of the step was applied/],
    ["an infinite gradient", (closure: () => Tensor, [param]: Tensor[]) => closure().add(param!.sub(param!.detach()).abs().sqrt().sum()), "ERR_NON_FINITE", /^LBFGS: the gradient of evaluation \d of the step is (NaN|Infinity); nothing/],
    ["a call of backward()", (closure: () => Tensor) => (closure().backward(), closure()), "ERR_STATE", /called backward\(\)/],
    ["a loss of two elements", () => zeros([2], DTYPE), "ERR_SHAPE", /^LBFGS\.step: the closure: expected a loss of one element, got shape \[2\]/],
    ["no loss", () => 3 as never, "ERR_ARGUMENT", /^LBFGS\.step: the closure: result: expected the loss as a Tensor of one element, got the number 3/],
  ] as const)("is undone bit for bit by %s, whichever evaluation it comes in", (_, bad, code, text) => {
    for (const failing of [1, 2, 3]) {
      const [one, other] = [problem("ROSENBROCK"), problem("ROSENBROCK")];
      const [optimizer, undisturbed] = [new LBFGS(one.params, { lineSearchFn, lr: 0.01 }), new LBFGS(other.params, { lineSearchFn, lr: 0.01 })];
      optimizer.step(one.closure);
      const before = [bits(one.params), contents(optimizer.stateDict())];
      const { handles } = memoryStats();
      let calls = 0;
      expectError(() => optimizer.step(() => (++calls < failing ? one.closure() : bad(one.closure, one.params))), code, text);
      expect([bits(one.params), contents(optimizer.stateDict())]).toEqual(before);
      expect(one.params.map((param) => param.grad)).toEqual([null, null]);
      // The gradients that the step before left are gone.
      expect(memoryStats().handles).toBeLessThanOrEqual(handles);
      optimizer.step(one.closure);
      for (let step = 0; step < 2; step++) undisturbed.step(other.closure);
      expect(bits(one.params)).toEqual(bits(other.params));
    }
  });

  test("is undone by an exception, which is passed on", () => {
    const { params, closure } = problem("ROSENBROCK");
    const optimizer = new LBFGS(params, { lineSearchFn, lr: 0.01 });
    const before = [bits(params), contents(optimizer.stateDict())];
    const mine = new Error("mine");
    let calls = 0;
    expect(() => optimizer.step(() => { if (++calls === 3) throw mine; return closure(); })).toThrow(mine);
    expect([bits(params), contents(optimizer.stateDict())]).toEqual(before);
  });

  test("leaks no handle: exactly two tensors a pair and two more are kept", () => {
    const { params, closure } = problem("ROSENBROCK");
    const optimizer = new LBFGS(params, { lineSearchFn, historySize: 3, maxIter: 5, lr: 0.01 });
    const { handles } = memoryStats();
    optimizer.step(closure);
    for (let step = 0; step < 5; step++) {
      optimizer.step(closure);
      expect(optimizer.stateDict().state.oldDirs).toHaveLength(3);
      expect(memoryStats().handles - handles).toBe(2 * 3 + 2);
    }
    const dict = optimizer.stateDict();
    for (let i = 0; i < 3; i++) optimizer.loadStateDict(i === 0 ? dict : optimizer.stateDict());
    // The given dict's own tensors are its caller's.
    for (const each of [dict.state.d!, dict.state.prevFlatGrad!, ...dict.state.oldDirs!, ...dict.state.oldStps!]) each.dispose();
    expect(memoryStats().handles - handles).toBeLessThanOrEqual(3 * (2 * 3 + 2));
  });

  test("bumps the version counter, so that a stale graph is refused", () => {
    const { params, closure } = problem("ROSENBROCK");
    const loss = params[0]!.square().sum();
    new LBFGS(params, { lineSearchFn, maxIter: 1, lr: 0.01 }).step(closure);
    expect(() => loss.backward()).toThrow(/modified by an inplace operation/);
  });
});

test("a step holds two more tensors after each of its iterations, a pair", () => {
  const { params, closure } = problem("ROSENBROCK");
  const held: number[] = [];
  new LBFGS(params, { maxIter: 8, lr: 0.01 }).step(() => {
    held.push(memoryStats().handles);
    return closure();
  });
  expect(held.slice(3).map((handles, i) => handles - held[i + 2]!)).toEqual([2, 2, 2, 2, 2]);
});

test("a gradient whose square overflows gives no direction, and undoes the step", () => {
  const param = ones([2], { requiresGrad: true });
  const optimizer = new LBFGS([param]);
  expectError(() => optimizer.step(() => param.sum().mul(1e25)), "ERR_NON_FINITE", /^LBFGS: the search direction of evaluation 1 of the step is -Infinity/);
  expect(values(param)).toEqual([1, 1]);
  expect(optimizer.stateDict().state).toEqual({ funcEvals: 0, nIter: 0 });
});

test("ends a step where the gradient is small, having counted the evaluation only", () => {
  const { params, closure } = problem("ROSENBROCK");
  noGrad(() => params.forEach((param) => param.fill_(1)));
  const before = bits(params);
  const optimizer = new LBFGS(params);
  expect(optimizer.step(closure)).toBe(0);
  expect(bits(params)).toEqual(before);
  expect(optimizer.stateDict().state).toEqual({ funcEvals: 1, nIter: 0 });
});

test("schedulers may change lr between steps, and a group keeps what they leave there", () => {
  const { params, closure } = problem("ROSENBROCK");
  const optimizer = new LBFGS([{ params, lr: 0.02 }], { lr: 0.01, maxIter: 1 });
  expect(optimizer.paramGroups[0]!.lr).toBe(0.02);
  optimizer.paramGroups[0]!.lr = 0;
  Object.assign(optimizer.paramGroups[0]!, { initialLr: 0.5 });
  const before = bits(params);
  optimizer.step(closure);
  expect(bits(params)).toEqual(before);
  const other = new LBFGS(problem("ROSENBROCK").params);
  other.loadStateDict(optimizer.stateDict());
  expect(other.paramGroups[0]).toMatchObject({ lr: 0, initialLr: 0.5, maxIter: 1 });
});

test("maxEval is 5/4 of maxIter where it is not given", () => {
  const { params } = problem("ROSENBROCK");
  expect(new LBFGS(params).paramGroups[0]).toMatchObject({ lr: 1, maxIter: 20, maxEval: 25, toleranceGrad: 1e-7, toleranceChange: 1e-9, historySize: 100, lineSearchFn: null });
  expect(new LBFGS(params, { maxIter: 7 }).paramGroups[0]!.maxEval).toBe(8);
  expect(new LBFGS([{ params, maxIter: 4 }], { maxIter: 7 }).paramGroups[0]!.maxEval).toBe(5);
});

test("tells wrappers that it evaluates a closure itself, and their types refuse it", () => {
  const { params } = problem("ROSENBROCK");
  expect(new LBFGS(params).needsClosure).toBe(true);
  // @ts-expect-error: it is no OptimizerLike
  const optimizer: OptimizerLike = new LBFGS(params);
  expect(optimizer.paramGroups).toHaveLength(1);
});

describe("errors", () => {
  const param = () => ones([2], { ...DTYPE, requiresGrad: true });

  test.each<[title: string, call: () => unknown, text: RegExp]>([
    ["no parameters", () => new LBFGS([]), /at least one parameter, got an array of length 0/],
    ["a group without any", () => new LBFGS([{ params: [] }]), /at least one parameter/],
    ["a tensor in place of a list", () => new LBFGS(param() as never), /an array of Tensors or of one group/],
    ["two groups", () => new LBFGS([{ params: [param()] }, { params: [param()] }]), /^new LBFGS\(params\): expected one parameter group, got 2; LBFGS treats all parameters as one vector/],
    ["a group later", () => new LBFGS([param()]).addParamGroup({ params: [param()] }), /^LBFGS\.addParamGroup\(\): expected one parameter group/],
    ["a parameter twice", () => { const twice = param(); return new LBFGS([twice, twice]); }, /params\[1\] is in the optimizer already/],
    ["no leaf", () => new LBFGS([param().mul(2)]), /params\[0\]: expected a leaf tensor/],
    ["a negative lr", () => new LBFGS([param()], { lr: -1 }), /^LBFGS: lr: expected a number of at least 0, got the number -1$/],
    ["half an iteration", () => new LBFGS([param()], { maxIter: 0.5 }), /^LBFGS: maxIter: expected an integer of at least 1/],
    ["no evaluation", () => new LBFGS([param()], { maxEval: 0 }), /^LBFGS: maxEval: expected an integer of at least 1/],
    ["no history", () => new LBFGS([param()], { historySize: 0 }), /^LBFGS: historySize: expected an integer of at least 1/],
    ["another line search", () => new LBFGS([param()], { lineSearchFn: "armijo" as never }), /^LBFGS: lineSearchFn \(or null\): expected "strong_wolfe", got the string "armijo"$/],
    ["a misspelt option", () => new LBFGS([param()], { max_iter: 3 } as never), /unknown option 'max_iter'; the options are lr, maxIter/],
    ["a step without a closure", () => new LBFGS([param()]).step(undefined as never), /^LBFGS\.step\(closure\): expected a function that returns a loss, got undefined$/],
    ["an lr set out of range", () => { const optimizer = new LBFGS([param()]); optimizer.paramGroups[0]!.lr = NaN; optimizer.step(() => param().sum()); }, /^LBFGS: lr/],
  ])("%s", (_, call, text) => expectError(call, "ERR_ARGUMENT", text));

  test("of damaged state dicts name what is wrong and change nothing", () => {
    const { params, closure } = problem("ROSENBROCK");
    const optimizer = new LBFGS(params, { lr: 0.01 });
    optimizer.step(closure);
    const dict = optimizer.stateDict();
    const before = contents(dict);
    const withState = (changes: object) => ({ ...dict, state: { ...dict.state, ...changes } });
    for (const [damaged, text] of [
      [null, /expected \{ state, paramGroups \} from stateDict\(\), with one group, got null/],
      [new SGD([param()], { lr: 1 }).stateDict(), /group 0: params: expected the numbers of 2 parameters, got an array of length 1/],
      [{ ...dict, paramGroups: [...dict.paramGroups, ...dict.paramGroups] }, /with one group/],
      [{ ...dict, paramGroups: [{ ...dict.paramGroups[0], lr: -1 }] }, /lr: expected a number of at least 0/],
      [withState({ nIter: "3" }), /state\.nIter: expected an integer of at least 0, got the string "3"/],
      [withState({ d: undefined }), /state\.d: expected a Tensor, got undefined/],
      [withState({ prevFlatGrad: ones([3]) }), /state\.prevFlatGrad: expected shape \[6\], one number per element of the parameters, got \[3\]/],
      [withState({ ro: [] }), /oldDirs, oldStps, ro: expected three arrays of one length/],
      [withState({ oldDirs: dict.state.oldDirs!.map(() => 1) }), /state\.oldDirs\[0\]: expected a Tensor, got the number 1/],
      [withState({ t: null }), /state\.t: expected a finite number, got null/],
    ] as const)
      expectError(() => optimizer.loadStateDict(damaged as never), "ERR_ARGUMENT", text);
    expect(contents(optimizer.stateDict())).toBe(before);
  });
});
