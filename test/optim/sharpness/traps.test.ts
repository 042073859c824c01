import { Adadelta, Adam, autocast, DGSAM, LBFGS, manualSeed, memoryStats, noGrad, ones, ops, RAdam, randn, SGD, StepLR, tensor, TwoStep, zeros, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { bits, EPS, expectError, linearLoss, quadraticDomains, values, worstError } from "../support.js";
import { FAMILY } from "./family.js";

describe.each(FAMILY)("$name: the traps", ({ Wrapper, options: chosen, passes, plainAscent }) => {
  const make = (params: unknown, options: object = {}) => new Wrapper(params, SGD, { lr: 0.1, rho: 0.1, ...chosen, ...options });
  test("a parameter without a gradient is untouched and counts as zero in the norm", () => {
    const used = tensor([3, 4], { dtype: "float64", requiresGrad: true });
    const unused = ones([2], { requiresGrad: true });
    const frozen = ones([2]);
    const optimizer = make([used, unused, frozen]);
    const result = optimizer.step([linearLoss(used, [3, 4])]);
    expect(unused.toArray()).toEqual([1, 1]);
    expect(unused.grad).toBeNull();
    expect(frozen.grad).toBeNull();
    expect(result.gradNorms).toEqual(Array(passes(1)).fill(5));
  });

  test("a zero gradient makes a zero ascent, not 0/0", () => {
    const param = tensor([1, 2], { dtype: "float64", requiresGrad: true });
    const points: number[][] = [];
    const loss = () => {
      points.push(values(param));
      return ops.aten.dot(param, zeros([2], { dtype: "float64" })) as Tensor;
    };
    make([param]).step([loss, loss]);
    for (const point of points) expect(point).toEqual([1, 2]);
    expect(param.toArray()).toEqual([1, 2]);
  });

  test("a loss that is not finite leaves parameters, gradients and base state as they were", () => {
    for (const bad of [NaN, Infinity]) {
      const { params, closures } = quadraticDomains();
      const optimizer = make(params, { momentum: 0.9 });
      optimizer.step(closures);
      const base = optimizer.base as SGD;
      const before = [bits(params), bits([...base.state.values()].flatMap((state) => Object.values(state)))];
      const poisoned = [closures[0]!, () => ops.aten.mul(closures[1]!(), bad) as Tensor, closures[2]!];
      expectError(() => optimizer.step(poisoned), "ERR_NON_FINITE", /loss of domain 1 .* is (NaN|Infinity|-Infinity); nothing of the step was applied/);
      expect([bits(params), bits([...base.state.values()].flatMap((state) => Object.values(state)))]).toEqual(before);
      for (const param of params) expect(param.grad).toBeNull();
    }
  });

  test("a gradient that is not finite, of a finite loss, is found in any pass", () => {
    // sqrt has gradient Infinity at 0: finite loss, infinite gradient.
    const param = tensor([0, 1], { dtype: "float64", requiresGrad: true });
    let calls = 0;
    const lossAt = (poisoned: number) => () => (calls++ === poisoned ? ops.aten.sum(ops.aten.sqrt(ops.aten.mul(param, 0))) : ops.aten.sum(param)) as Tensor;
    make([param]).step([lossAt(-1)]);
    expect(calls).toBe(passes(1));
    for (let poisoned = 0; poisoned < passes(1); poisoned++) {
      calls = 0;
      const before = bits([param]);
      expectError(() => make([param]).step([lossAt(poisoned)]), "ERR_NON_FINITE", new RegExp(`gradient of domain 0 \\(pass ${poisoned + 1}\\) is (NaN|Infinity)`));
      expect(bits([param])).toEqual(before);
    }
  });

  test("with policy \"skip\" such a step is left out and the next one works", () => {
    const { params, closures } = quadraticDomains();
    const optimizer = make(params, { policy: "skip" });
    const before = bits(params);
    const skipped = optimizer.step([() => ops.aten.mul(closures[0]!(), NaN) as Tensor]);
    expect(skipped).toMatchObject({ skipped: true, nonFiniteDomain: 0 });
    expect(bits(params)).toEqual(before);
    expect(optimizer.step(closures).skipped).toBe(false);
    expect(bits(params)).not.toEqual(before);
  });

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
    expectError(() => optimizer.step([]), "ERR_ARGUMENT", /at least one closure/);
    expectError(() => optimizer.step([1 as never]), "ERR_ARGUMENT", /closure 0: expected a function/);
  });

  test.skipIf(plainAscent === null)("one norm over all groups, and a radius for each", () => {
    const a = tensor([0], { dtype: "float64", requiresGrad: true });
    const b = tensor([0], { dtype: "float64", requiresGrad: true });
    const optimizer = make([{ params: [a], rho: 0.5 }, { params: [b], rho: 0.25, lr: 0 }], plainAscent!);
    const points: number[][] = [];
    const loss = () => {
      points.push([a.item() as number, b.item() as number]);
      return ops.aten.add(ops.aten.sum(ops.aten.mul(a, 3)), ops.aten.sum(ops.aten.mul(b, 4))) as Tensor;
    };
    optimizer.step([loss]);
    expect(points[1]![0]).toBeCloseTo((0.5 * 3) / (5 + EPS), 14);
    expect(points[1]![1]).toBeCloseTo((0.25 * 4) / (5 + EPS), 14);
    expect(b.item()).toBe(0);
    expect(a.item()).not.toBe(0);
  });

  test.skipIf(plainAscent === null)("weight decay never enters the ascent", () => {
    const param = tensor([10], { dtype: "float64", requiresGrad: true });
    const points: number[] = [];
    const loss = () => {
      points.push(param.item() as number);
      return ops.aten.sum(ops.aten.mul(param, 1)) as Tensor;
    };
    make([param], { ...plainAscent, weightDecay: 100 }).step([loss]);
    expect(points[1]).toBeCloseTo(10.1, 12);
  });

  test("clipping acts on what was gathered, and changes no ascent", () => {
    const start = () => tensor([3, 4], { dtype: "float64", requiresGrad: true });
    const points: number[][][] = [];
    const take = (options: object) => {
      const param = start();
      const visited: number[][] = [];
      const loss = () => (visited.push(values(param)), param.square().sum());
      make([param], { ...plainAscent, ...options }).step([loss, loss]);
      points.push(visited);
      return values(param.grad!);
    };
    const whole = take({});
    const norm = Math.hypot(...whole);
    const byNorm = take({ clipGradNorm: 0.5 });
    expect(worstError(byNorm, whole.map((each) => (0.5 * each) / (norm + 1e-6)))).toBeLessThan(1e-14);
    expect(worstError(take({ clipGradNorm: 1e6 }), whole)).toBe(0);
    expect(take({ clipGradValue: 0.25 })).toEqual([0.25, 0.25]);
    for (const visited of points) expect(visited).toEqual(points[0]);
    for (const option of ["clipGradNorm", "clipGradValue"]) expectError(() => make([start()], { [option]: -1 }), "ERR_ARGUMENT", new RegExp(`${option}: expected a number of at least 0`));
  });

  test("a step within autocast computes with the climbed parameters and not with their first casts", () => {
    const run = (whole: boolean) => {
      manualSeed(4);
      const [w, x] = [randn([6, 6], { requiresGrad: true }), randn([3, 6])];
      const loss = () => ops.aten.linear(x, w).float().square().sum();
      const optimizer = make([w]);
      const step = () => optimizer.step([loss, loss].map((each) => () => (whole ? each() : autocast(each))));
      for (let i = 0; i < 3; i++) whole ? autocast(step) : step();
      return bits([w]);
    };
    expect(run(true)).toEqual(run(false));
  });

  test("the version counter moves, so that a stale graph is refused", () => {
    const param = ones([2], { requiresGrad: true });
    const stale = ops.aten.sum(ops.aten.mul(param, param)) as Tensor;
    make([param]).step([() => ops.aten.sum(ops.aten.mul(param, param)) as Tensor]);
    expect(() => stale.backward()).toThrow(/modified by an inplace operation/);
  });

  test("BatchNorm statistics follow each minibatch's first pass only, and come back when the step fails", () => {
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

  test("leaks no handle, and frees what closures make", () => {
    const { params, closures } = quadraticDomains();
    const optimizer = make(params);
    // LookSAM makes its second buffer when it takes the second gradient again.
    for (let i = 0; i < 6; i++) optimizer.step(closures);
    for (const param of params) param.grad = null;
    const { handles } = memoryStats();
    for (let i = 0; i < 10; i++) optimizer.step(closures);
    expect(memoryStats().handles).toBe(handles);
  });

  test("a failing base optimizer undoes the step", () => {
    const { params, closures } = quadraticDomains();
    const optimizer = make([{ params: [params[0]!] }, { params: [params[1]!] }] as never);
    const before = bits(params);
    optimizer.paramGroups[1]!.lr = -1;
    expectError(() => optimizer.step(closures), "ERR_ARGUMENT", /lr: expected a number of at least 0, got the number -1/);
    expect(bits(params)).toEqual(before);
    optimizer.paramGroups[1]!.lr = 0.1;
    optimizer.step(closures);
    expect(bits(params)).not.toEqual(before);
  });

  test("a radius that was changed to no radius is named", () => {
    for (const rho of [-1, NaN, Infinity]) {
      const { params, closures } = quadraticDomains();
      const optimizer = make(params);
      optimizer.paramGroups[0]!.rho = rho;
      const before = bits(params);
      expectError(() => optimizer.step(closures), "ERR_ARGUMENT", new RegExp(`paramGroups: rho: expected a finite number of at least 0, got the number ${rho}`));
      expect(bits(params)).toEqual(before);
    }
  });

  test("groups may be added, with a radius or without, to the wrapper or to its base", () => {
    const [a, b, c] = [1, 2, 3].map((value) => tensor([value], { dtype: "float64", requiresGrad: true })) as [Tensor, Tensor, Tensor];
    const optimizer = make([a], { rho: 0.3 });
    const loss = () => ops.aten.sum(ops.aten.mul(ops.aten.mul(a, b), c)) as Tensor;
    optimizer.step([loss]);
    optimizer.addParamGroup({ params: [b], rho: 0.2 } as never);
    (optimizer.base as SGD).addParamGroup({ params: [c], lr: 0 });
    expect(optimizer.paramGroups.map(({ rho }) => rho)).toEqual([0.3, 0.2, 0.3]);
    const before = values(b)[0]!;
    optimizer.step([loss]);
    expect(values(b)[0]).not.toBe(before);
    expect(c.item()).toBe(3);
    expectError(() => optimizer.addParamGroup({ params: [a] } as never), "ERR_ARGUMENT", /params\[0\] is in the optimizer already/);
    expectError(() => optimizer.addParamGroup({ params: [tensor([1])], rho: -1 } as never), "ERR_ARGUMENT", /rho: expected a finite number of at least 0/);
    expectError(() => optimizer.addParamGroup(null as never), "ERR_ARGUMENT", /addParamGroup\(group\): expected \{ params, \.\.\.options \}, got null/);
  });

  test("Adadelta keeps its own rho beside the radius", () => {
    const { params, closures } = quadraticDomains();
    const optimizer = new Wrapper(params, Adadelta, { rho: 0.1, base: { rho: 0.7 }, ...chosen });
    expect(optimizer.paramGroups[0]).toMatchObject({ rho: 0.7, radius: 0.1 });
    optimizer.addParamGroup({ params: [tensor([1], { dtype: "float64", requiresGrad: true })], rho: 0.3 } as never);
    expect(optimizer.paramGroups[1]).toMatchObject({ rho: 0.7, radius: 0.3 });
    optimizer.step(closures);
    new StepLR(optimizer, { stepSize: 1, gamma: 0.5, target: "rho" }).step();
    expect(optimizer.paramGroups[0]).toMatchObject({ rho: 0.7, radius: 0.05 });
    optimizer.paramGroups[0]!.radius = -1;
    expectError(() => optimizer.step(closures), "ERR_ARGUMENT", /paramGroups: radius: expected a finite number/);
    const plain = new Wrapper(quadraticDomains().params, SGD, { rho: 0.1, ...chosen });
    expect(plain.paramGroups[0]).not.toHaveProperty("radius");
  });

  test("a base optimizer that fails in its second group leaves the first one alone", () => {
    for (const [Base, options] of [[SGD, { momentum: 0.9 }], [Adam, {}], [RAdam, {}]] as const) {
      const [a, b] = [1, 2].map((value) => tensor([value, value], { dtype: "float32", requiresGrad: true })) as [Tensor, Tensor];
      const optimizer = new Wrapper([{ params: [a] }, { params: [b] }], Base, { lr: 0.1, rho: 0.1, ...chosen, ...options });
      const loss = () => a.square().sum().add(b.square().sum().to("float32"));
      optimizer.step([loss]);
      const state = () => bits([...(optimizer.base as SGD).state.values()].flatMap((each) => Object.values(each)));
      const before = [bits([a]), state()];
      b.grad = null;
      ops.aten.set_data(b, b.detach().to("float64"));
      expectError(() => optimizer.step([loss]), "ERR_DTYPE", /states\[\d+\]: expected dtype Double as its parameter, got Float/);
      expect([bits([a]), state()]).toEqual(before);
      ops.aten.set_data(b, b.detach().to("float32"));
      optimizer.step([loss]);
      expect(bits([a])).not.toEqual(before[0]);
    }
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

  test("a graph that two closures share is told with the closure's name", () => {
    const { params, closures } = quadraticDomains();
    const shared = closures[0]!();
    expectError(() => make(params).step([() => shared, () => shared]), "ERR_NATIVE", /closure \d: .*backward through the graph a second time/);
    expectError(() => make(params).step([(async () => closures[0]!()) as never]), "ERR_ARGUMENT", /closure 0: result: expected the loss as a Tensor of one element, not a promise/);
  });

  test("a schedule moves the base optimizer's learning rate, whichever of the two it is given", () => {
    for (const which of ["wrapper", "base"] as const) {
      const { params, closures } = quadraticDomains();
      const optimizer = make(params);
      const schedule = new StepLR(which === "wrapper" ? optimizer : optimizer.base, { stepSize: 1, gamma: 0 });
      optimizer.step(closures);
      schedule.step();
      const before = bits(params);
      optimizer.step(closures);
      expect(bits(params)).toEqual(before);
      expect(optimizer.paramGroups[0]!.lr).toBe(0);
      expect((optimizer.base as SGD).paramGroups[0]!.lr).toBe(0);
    }
  });

  test("LBFGS is no base: it evaluates its closure itself", () => {
    expectError(() => new Wrapper(quadraticDomains().params, LBFGS, chosen), "ERR_ARGUMENT", /expected an optimizer that descends along given gradients, got LBFGS/);
  });

  test("parameters may be converted between steps: the scratch follows", () => {
    const { params, closures } = quadraticDomains({ dtype: "float64" });
    const optimizer = make(params);
    optimizer.step(closures);
    for (const dtype of ["float32", "float64"] as const) {
      for (const param of params) {
        param.grad = null;
        ops.aten.set_data(param, param.detach().to(dtype));
      }
      const loss = () => ops.aten.sum(ops.aten.mul(params[0]!, params[0]!)) as Tensor;
      const before = values(params[0]!);
      optimizer.step([loss, loss]);
      expect(params[0]!.dtype).toBe(dtype);
      expect(values(params[0]!)).not.toEqual(before);
    }
  });

  test("parameters with gaps in their memory are updated, and nothing between them", () => {
    for (const [Base, options] of [[SGD, {}], [SGD, { momentum: 0.9 }], [Adam, { amsgrad: true }]] as const) {
      const whole = tensor(Array.from({ length: 12 }, (_, i) => i / 10), { dtype: "float64", shape: [6, 2] });
      const param = whole.select(1, 0);
      param.requiresGrad = true;
      const dense = param.detach().clone();
      dense.requiresGrad = true;
      const loss = (p: Tensor) => () => ops.aten.sum(ops.aten.pow(p, 3)) as Tensor;
      const optimizers = [param, dense].map((p) => new Wrapper([p], Base, { lr: 0.1, rho: 0.1, ...chosen, ...options }));
      for (let i = 0; i < 3; i++) [param, dense].forEach((p, k) => optimizers[k]!.step([loss(p), loss(p)]));
      // Norms are summed in another order where memory has gaps.
      expect(worstError(values(param), values(dense))).toBeLessThan(1e-14);
      expect(values(whole.select(1, 1))).toEqual([1, 3, 5, 7, 9, 11].map((each) => each / 10));
    }
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
