/**
 * What closures of JavaScript's may do, and must not. Captured functions have no part in it: they throw, count, call
 * `backward()` and dispose of tensors only while they run as they are.
 */
import { DGSAM, LBFGS, noGrad, ones, ops, SGD, tensor, TwoStep, zeros, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { bits, expectError, linearLoss, quadraticDomains } from "../support.js";
import { FAMILY } from "./family.js";

describe.each(FAMILY)("$name: closures of JavaScript's", ({ Wrapper, options: chosen, passes }) => {
  const make = (params: unknown, options: object = {}) => new Wrapper(params, SGD, { lr: 0.1, rho: 0.1, ...chosen, ...options });

  test("a closure that throws, in any pass, leaves everything as it was and its error is rethrown", () => {
    const { params, closures } = quadraticDomains();
    const optimizer = make(params);
    let calls = 0;
    for (let failing = 0; failing < passes(closures.length); failing++) {
      calls = 0;
      const before = bits(params);
      const failure = new Error("the disk is full");
      const throwing = closures.map((closure) => () => {
        if (calls++ === failing) throw failure;
        return closure();
      });
      expect(() => optimizer.step(throwing)).toThrow(failure);
      expect(bits(params)).toEqual(before);
    }
    calls = 0;
    optimizer.step(closures.map((closure) => () => (calls++, closure())));
    expect(calls).toBe(passes(closures.length));
  });

  test("a closure that calls backward itself is told so", () => {
    const { params, closures } = quadraticDomains();
    const before = bits(params);
    const eager = closures.map((closure) => () => {
      const loss = closure();
      loss.backward();
      return loss;
    });
    for (const misled of [eager, [closures[0]!, eager[1]!, closures[2]!]])
      expectError(() => make(params).step(misled), "ERR_STATE", /called backward\(\), or cleared or set gradients; return the loss instead/);
    expect(bits(params)).toEqual(before);
  });

  test("what a closure must not return is named", () => {
    const { params, w } = quadraticDomains();
    const optimizer = make(params);
    expectError(() => optimizer.step([() => 1 as never]), "ERR_ARGUMENT", /closure 0: result: expected the loss as a Tensor/);
    expectError(() => optimizer.step([() => ops.aten.mul(w, 2) as Tensor]), "ERR_SHAPE", /loss of one element, got shape \[5\]/);
    expectError(() => optimizer.step([() => ones([])]), "ERR_ARGUMENT", /does not depend on any parameter/);
    expectError(() => optimizer.step([() => noGrad(() => ops.aten.sum(w) as Tensor)]), "ERR_ARGUMENT", /does not depend on any parameter/);
    const another = ones([2], { requiresGrad: true });
    expectError(() => optimizer.step([() => ops.aten.sum(another) as Tensor]), "ERR_ARGUMENT", /does not depend on any of the optimizer's parameters \(are they another model's\?\)/);
    expectError(() => optimizer.step([]), "ERR_ARGUMENT", /at least one closure/);
    expectError(() => optimizer.step([1 as never]), "ERR_ARGUMENT", /closure 0: expected a function/);
  });

  test("a step cannot be taken, begun or changed from within a closure of its own", () => {
    const { params, closures } = quadraticDomains();
    const optimizer = make(params);
    optimizer.step(closures);
    const dict = optimizer.stateDict();
    const before = bits(params);
    const calls: (() => unknown)[] = [() => optimizer.step(closures), () => optimizer.stepScaled(2, closures), () => optimizer.loadStateDict(dict), () => optimizer.addParamGroup({ params: [] } as never)];
    if (optimizer instanceof TwoStep) calls.push(() => optimizer.firstStep());
    if (optimizer instanceof DGSAM && optimizer.reuse) calls.push(() => optimizer.order(3));
    for (const call of calls) {
      expectError(() => optimizer.step([() => (call(), closures[0]!())]), "ERR_STATE", /called from a closure of this optimizer's own step/);
      expect(bits(params)).toEqual(before);
    }
    expect(optimizer.step(closures).skipped).toBe(false);
  });

  test("a parameter that is disposed of in mid-step does not keep the others from coming back", () => {
    const [a, b] = [tensor([1, 2], { dtype: "float64", requiresGrad: true }), tensor([3], { dtype: "float64", requiresGrad: true })];
    const before = bits([a]);
    let calls = 0;
    const loss = () => {
      if (calls++ === passes(1) - 1) b.dispose();
      return a.square().sum().add(b.square().sum());
    };
    expectError(() => make([a, b]).step([loss]), "ERR_DISPOSED", /./);
    expect(bits([a])).toEqual(before);
  });

  test("a promise is told from a loss", () => {
    const { params, closures } = quadraticDomains();
    expectError(() => make(params).step([(async () => closures[0]!()) as never]), "ERR_ARGUMENT", /closure 0: result: expected the loss as a Tensor of one element, not a promise/);
  });

  test("a model may be anything that has buffers and holds them when told so", () => {
    const param = ones([1], { dtype: "float64", requiresGrad: true });
    const running = zeros([1]);
    let mode = "update";
    const model = { buffers: () => [running], setRunningStats: (next: "update" | "hold") => void (mode = next) };
    const moving = (loss: () => Tensor) => () => {
      if (mode === "update") noGrad(() => ops.aten.add_(running, 1));
      return loss();
    };
    const domains = [moving(linearLoss(param, [1])), moving(linearLoss(param, [2]))];
    const count = (options: object) => {
      noGrad(() => ops.aten.zero_(running));
      make([param], { model, ...options }).step(domains);
      return running.item();
    };
    expect(count({})).toBe(2);
    expect(count({ runningStats: "all" })).toBe(passes(2));
    expect(count({ runningStats: "frozen" })).toBe(0);
    expect(mode).toBe("hold");
    mode = "update";
    noGrad(() => ops.aten.fill_(running, 7));
    expectError(() => make([param], { model }).step([domains[0]!, moving(() => ops.aten.mul(linearLoss(param, [1])(), NaN) as Tensor)]), "ERR_NON_FINITE", /nothing of the step/);
    expect(running.item()).toBe(7);
    expect(mode).toBe("update");
  });

  test("LBFGS is no base: it evaluates its closure itself", () => {
    expectError(() => new Wrapper(quadraticDomains().params, LBFGS, chosen), "ERR_ARGUMENT", /expected an optimizer that descends along given gradients, got LBFGS/);
  });

  test("options that are no object, and runningStats without a model, are named", () => {
    const { params } = quadraticDomains();
    expectError(() => make(params, { runningStats: "frozen" }), "ERR_ARGUMENT", /runningStats: expected the option "model" beside it/);
    expectError(() => new Wrapper(params, SGD, null as never), "ERR_ARGUMENT", /params, Base, options\): expected an object of options, got null/);
    expectError(() => new Wrapper(params, SGD, { base: 3 as never }), "ERR_ARGUMENT", /base: expected an object of options, got the number 3/);
    expectError(() => new Wrapper(5 as never, SGD), "ERR_ARGUMENT", /an array of Tensors or of groups/);
    expectError(() => make(params).loadStateDict(null as never), "ERR_ARGUMENT", /from stateDict\(\), got null/);
  });
});
