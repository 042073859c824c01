/** What optimizers hold is freed by dispose(), not when the garbage collector comes to it: it sees little of that memory. */
import {
  Adadelta, Adagrad, Adam, Adamax, AdamW, BatchNorm1d, DGSAM, LBFGS, memoryStats, NAdam, RAdam, RMSprop, SAM, scope, SGD, type Tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { FAMILY } from "./sharpness/family.js";
import { bits, expectError, quadraticDomains } from "./support.js";

const BASES = { SGD, Adam, AdamW, RMSprop, Adagrad, Adadelta, NAdam, RAdam, Adamax };
type AnyBase = new (params: Tensor[], options: object) => Adam;

const MESSAGE = /: the optimizer was disposed; make a new one/;

/** Live handles and bytes without what the parameters' gradients take. */
function held(params: readonly Tensor[]): { handles: number; bytes: number } {
  for (const each of params) each.grad = null;
  const { handles, bytes } = memoryStats();
  return { handles, bytes: (bytes as Record<string, number>)["cpu"] ?? 0 };
}

function gradientBits(params: readonly Tensor[]): string[] {
  return scope(() => bits(params.map((each) => each.grad!)));
}

describe.each(Object.keys(BASES))("%s", (name) => {
  const Base = BASES[name as keyof typeof BASES] as unknown as AnyBase;

  test("frees its state, at once and once; parameters and gradients stay", () => {
    const { params, closures } = quadraticDomains();
    const before = held(params);
    const optimizer = new Base(params, { lr: 0.01, ...(name === "SGD" ? { momentum: 0.9 } : {}) });
    scope(() => closures[0]!().backward());
    optimizer.step();
    const values = bits(params);
    const gradients = gradientBits(params);
    expect(memoryStats().handles).toBeGreaterThan(before.handles);
    optimizer.dispose();
    optimizer.dispose();
    expect(bits(params)).toEqual(values);
    expect(gradientBits(params)).toEqual(gradients);
    expect(held(params)).toEqual(before);
  });

  test("is of no use afterwards", () => {
    const { params } = quadraticDomains();
    const optimizer = new Base(params, {});
    const dict = optimizer.stateDict();
    { using closed = optimizer; void closed; }
    const uses = { step: () => optimizer.step(), zeroGrad: () => optimizer.zeroGrad(), stateDict: () => optimizer.stateDict(), loadStateDict: () => optimizer.loadStateDict(dict), addParamGroup: () => optimizer.addParamGroup({ params: [] }) };
    for (const [method, use] of Object.entries(uses)) expectError(use, "ERR_DISPOSED", new RegExp(`^${name}\\.${method}\\(\\)${MESSAGE.source}`));
    expectError(() => new (SAM as never as new (p: unknown, b: unknown) => SAM)(params, class { constructor() { return optimizer; } }).step(() => params[0]!.sum()), "ERR_DISPOSED", MESSAGE);
  });
});

test("LBFGS frees its history, and is of no use afterwards", () => {
  const { params, closures } = quadraticDomains();
  const before = held(params);
  const optimizer = new LBFGS(params, { maxIter: 5 });
  const dict = optimizer.stateDict();
  optimizer.step(closures[0]!);
  expect(memoryStats().handles).toBeGreaterThan(before.handles);
  expectError(() => optimizer.step(() => (optimizer.dispose(), closures[0]!())), "ERR_STATE", /^LBFGS\.dispose\(\): called from a closure of this optimizer's own step$/);
  optimizer.step(closures[0]!);
  { using closed = optimizer; void closed; }
  optimizer.dispose();
  expect(held(params)).toEqual(before);
  for (const use of [() => optimizer.step(closures[0]!), () => optimizer.zeroGrad(), () => optimizer.stateDict(), () => optimizer.loadStateDict(dict)]) expectError(use, "ERR_DISPOSED", MESSAGE);
});

describe.each(FAMILY)("$name", ({ Wrapper, options }) => {
  test.each(["eager", "captured"] as const)("frees scratch, state and the base's state after %s steps, early and late; parameters and gradients stay", (mode) => {
    for (const check of ["sync", "late"]) {
      const { params, closures } = quadraticDomains({ mode });
      const model = new BatchNorm1d(3);
      const step = (): { optimizer: InstanceType<typeof Wrapper>; losses: number[] } => {
        const optimizer = new Wrapper(params, Adam, { ...options, model, check });
        let losses: number[] = [];
        for (let i = 0; i < 3; i++) losses = [...optimizer.step(closures).losses];
        return { optimizer, losses };
      };
      // What captured functions record stays.
      step().optimizer.dispose();
      const before = held(params);
      const { optimizer, losses } = step();
      const values = bits(params);
      const gradients = gradientBits(params);
      expect(losses.every(Number.isFinite)).toBe(true);
      expect(memoryStats().handles).toBeGreaterThan(before.handles);
      optimizer.dispose();
      optimizer.dispose();
      expect(bits(params)).toEqual(values);
      expect(gradientBits(params)).toEqual(gradients);
      expect(held(params)).toEqual(before);
    }
  });

  test("is of no use afterwards", () => {
    const { params, closures } = quadraticDomains();
    const optimizer = new Wrapper(params, Adam, options) as InstanceType<typeof Wrapper> & Record<string, (...args: unknown[]) => unknown>;
    const dict = optimizer.stateDict();
    { using closed = optimizer; void closed; }
    const uses: Record<string, unknown[]> = {
      step: [closures], stepScaled: [2, closures], finishScaled: [1], zeroGrad: [], stateDict: [], loadStateDict: [dict], addParamGroup: [{ params: [] }],
      firstStep: [], secondStep: [], order: [3], ascend: [], descend: [],
    };
    for (const [method, args] of Object.entries(uses)) {
      if (["order", "ascend", "descend"].includes(method) && !(optimizer instanceof DGSAM && optimizer.reuse)) continue;
      if (typeof optimizer[method] === "function") expectError(() => optimizer[method]!(...args), "ERR_DISPOSED", MESSAGE);
    }
    expect(optimizer.paramGroups.length).toBe(1);
  });
});

test("a step that was begun by hand is given up: parameters are what they were", () => {
  const { params, closures } = quadraticDomains();
  const sam = new SAM(params, SGD, { lr: 0.1, rho: 1 });
  const dgsam = new DGSAM(params, SGD, { lr: 0.1, rho: 1 });
  const values = bits(params);
  for (const [optimizer, begin] of [[sam, () => sam.firstStep()], [dgsam, () => { dgsam.order(3); closures[0]!().backward(); dgsam.ascend(); }]] as const) {
    scope(() => closures[0]!().backward());
    begin();
    expect(bits(params)).not.toEqual(values);
    optimizer.dispose();
    expect(bits(params)).toEqual(values);
  }
});

test("in a closure of the optimizer's own step it is an error, and the step goes on undone", () => {
  const { params, closures } = quadraticDomains();
  const optimizer = new SAM(params, Adam, { lr: 0.1 });
  const values = bits(params);
  expectError(() => optimizer.step(() => { optimizer.dispose(); return closures[0]!(); }), "ERR_STATE", /^SAM\.dispose\(\): called from a closure/);
  expect(bits(params)).toEqual(values);
  optimizer.step(closures[0]!);
});

test("the result of a late step can be read afterwards, the finite and the other", () => {
  const { params, closures, spoilt } = quadraticDomains();
  for (const [closure, losses] of [[closures[0]!, 1], [spoilt(0, NaN), 0]] as const) {
    const optimizer = new DGSAM(params, Adam, { check: "late", policy: "skip" });
    const result = optimizer.step([closure, closures[1]!]);
    optimizer.dispose();
    expect(result.skipped).toBe(losses === 0);
  }
});

test("a base optimizer without dispose() does no harm", () => {
  const { params, closures } = quadraticDomains();
  const plain = { paramGroups: [{ params, lr: 1 }], step() {}, zeroGrad() { for (const each of params) each.grad = null; }, addParamGroup() {}, stateDict: () => ({}), loadStateDict() {} };
  const optimizer = new SAM(params, class { constructor() { return plain; } } as never);
  optimizer.step(closures[0]!);
  optimizer.dispose();
  expectError(() => optimizer.step(closures[0]!), "ERR_DISPOSED", /^SAM\.step\(\): /);
});

