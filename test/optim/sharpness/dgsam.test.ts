import { Adam, AdamW, DGSAM, memoryStats, noGrad, ones, ops, SAM, SGD, tensor, zeros, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { closuresIn, MODES } from "../modes.js";
import { bits, EPS, expectError, linearLoss, quadraticDomains, statisticsModel, values, worstError } from "../support.js";

describe.each(MODES)("DGSAM, %s", (mode) => {
  test("G is S/(S+1) times the sum of the gradients along the path, the first domain twice", () => {
    const param = tensor([0, 0], { dtype: "float64", requiresGrad: true });
    // Losses |p - c|^2 / 2 have gradient p - c, so the path can be written down.
    const centres = [[1, 0], [0, 2], [-1, -1]];
    const closureOf = closuresIn(mode, (centre: Tensor) => ops.aten.mul(ops.aten.sum(ops.aten.pow(ops.aten.sub(param, centre), 2)), 0.5) as Tensor);
    const losses = centres.map((centre) => closureOf(tensor(centre, { dtype: "float64" })));
    const rho = 0.3;
    let p = [0, 0];
    const sum = [0, 0];
    for (const d of [0, 1, 2, 0]) {
      const g = p.map((each, i) => each - centres[d]![i]!);
      g.forEach((each, i) => (sum[i]! += each));
      const norm = Math.hypot(...g);
      p = p.map((each, i) => each + (rho * g[i]!) / (norm + EPS));
    }
    for (const [reduction, scale] of [["sum", 3 / 4], ["mean", 1 / 4]] as const) {
      noGrad(() => ops.aten.zero_(param));
      const result = new DGSAM([param], SGD, { lr: 0, rho, order: "fixed", reduction }).step(losses);
      expect(worstError(values(param.grad!), sum.map((each) => scale * each))).toBeLessThan(1e-14);
      expect(result.order).toEqual([0, 1, 2, 0]);
      expect(result.gradNorms).toHaveLength(4);
      expect(param.toArray()).toEqual([0, 0]); // lr 0: restored exactly
    }
  });

  test("without reuse G is the sum of the gradients after each climb", () => {
    const param = tensor([0], { dtype: "float64", requiresGrad: true });
    const losses = [1, 2].map((centre) => closuresIn(mode, () => ops.aten.mul(ops.aten.sum(ops.aten.pow(ops.aten.sub(param, centre), 2)), 0.5) as Tensor)());
    const result = new DGSAM([param], SGD, { lr: 0, rho: 0.1, order: "fixed", reuse: false }).step(losses);
    // Climbs: 0 - 1 < 0, so p_1 = -0.1, h_1 = -1.1; then p_2 = -0.2, h_2 = -2.2.
    expect(values(param.grad!)[0]).toBeCloseTo(-3.3, 11);
    expect(result.order).toEqual([0, 0, 1, 1]);
  });

  test("one domain is legal", () => {
    const param = tensor([1], { dtype: "float64", requiresGrad: true });
    new DGSAM([param], SGD, { lr: 0, rho: 0.1 }).step([closuresIn(mode, () => ops.aten.mul(ops.aten.sum(ops.aten.pow(param, 2)), 0.5) as Tensor)()]);
    expect(values(param.grad!)[0]).toBeCloseTo((1 + 1.1) / 2, 12);
  });

  test("a gradient that appears in some passes only is gathered; one that never does stays absent", () => {
    const shared = tensor([1], { dtype: "float64", requiresGrad: true });
    const heads = [0, 1, 2].map(() => tensor([1], { dtype: "float64", requiresGrad: true }));
    const losses = [0, 1].map((d) => closuresIn(mode, () => ops.aten.sum(ops.aten.mul(shared, heads[d]!)) as Tensor)());
    const optimizer = new DGSAM([shared, ...heads], SGD, { lr: 0, rho: 0, order: "fixed" });
    for (let step = 0; step < 2; step++) {
      optimizer.step(losses);
      expect(values(heads[0]!.grad!)[0]).toBeCloseTo((2 / 3) * 2, 14);
      expect(values(heads[1]!.grad!)[0]).toBeCloseTo(2 / 3, 14);
      expect(heads[2]!.grad).toBeNull();
    }
  });

  test("the open form gives the same bits as step(closures)", () => {
    const one = quadraticDomains({ mode });
    const two = quadraticDomains({ mode });
    const whole = new DGSAM(one.params, AdamW, { lr: 0.1, rho: 0.1, seed: 5 });
    const open = new DGSAM(two.params, AdamW, { lr: 0.1, rho: 0.1, seed: 5 });
    for (let i = 0; i < 5; i++) {
      whole.step(one.closures);
      const order = i === 0 ? open.order(3) : open.order();
      order.forEach((domain, j) => {
        two.closures[domain]!().backward();
        if (j < 3) open.ascend();
      });
      open.descend();
      expect(bits(two.params)).toEqual(bits(one.params));
      expect(bits([two.w.grad!])).toEqual(bits([one.w.grad!]));
    }
  });

  test("the open form out of turn", () => {
    const { params, closures } = quadraticDomains({ mode });
    const optimizer = new DGSAM(params, SGD, { lr: 0.1 });
    expectError(() => optimizer.order(), "ERR_ARGUMENT", /the number of source domains/);
    expectError(() => optimizer.ascend(), "ERR_STATE", /begin the step with order\(\)/);
    expectError(() => optimizer.descend(), "ERR_STATE", /begin the step with order\(\)/);
    const before = bits(params);
    const order = optimizer.order(2);
    closures[order[0]!]!().backward();
    optimizer.ascend();
    expectError(() => optimizer.descend(), "ERR_STATE", /1 more ascent is due/);
    expectError(() => optimizer.order(2), "ERR_STATE", /parameters are perturbed/);
    params[0]!.grad = ops.aten.full_like(params[0]!, NaN) as Tensor;
    expectError(() => optimizer.ascend(), "ERR_NON_FINITE", new RegExp(`domain ${order[1]!} \\(pass 2\\)`));
    expect(bits(params)).toEqual(before);
    expect(optimizer.order(2)).toHaveLength(3);
  });

  test("the open form with policy \"skip\" lets the loop run out and applies nothing", () => {
    const { params, closures } = quadraticDomains({ mode });
    const optimizer = new DGSAM(params, SGD, { lr: 0.1, policy: "skip" });
    const before = bits(params);
    const order = optimizer.order(3);
    order.forEach((domain, j) => {
      (j === 1 ? (ops.aten.mul(closures[domain]!(), NaN) as Tensor) : closures[domain]!()).backward();
      if (j < 3) optimizer.ascend();
    });
    optimizer.descend();
    expect(bits(params)).toEqual(before);
    expect(optimizer.order(3)).toHaveLength(4);
  });

  test("the open form asks for a gradient at each of its calls, and may go on when there is one", () => {
    const { params, closures } = quadraticDomains({ mode });
    const optimizer = new DGSAM(params, SGD, { lr: 0.1, order: "fixed" });
    const order = optimizer.order(3);
    order.forEach((domain, j) => {
      const call = j < 3 ? "ascend" : "descend";
      expectError(() => optimizer[call](), "ERR_STATE", new RegExp(`^DGSAM\\.${call}\\(\\): no parameter has a gradient; call backward\\(\\)`));
      closures[domain]!().backward();
      optimizer[call]();
    });
    const whole = quadraticDomains({ mode });
    new DGSAM(whole.params, SGD, { lr: 0.1, order: "fixed" }).step(whole.closures);
    expect(bits(params)).toEqual(bits(whole.params));
  });

  test("names the domain whose loss is not finite", () => {
    const { params, closures, spoilt } = quadraticDomains({ mode });
    const bad = [closures[0]!, closures[1]!, spoilt(2, NaN)];
    expectError(() => new DGSAM(params, SGD, { lr: 0.1, order: "fixed" }).step(bad), "ERR_NON_FINITE", /domain 2 \(pass 3\)/);
  });

  test("the order is drawn from its own seeded generator, and is part of the state", () => {
    const orders = (optimizer: DGSAM, steps: number) => Array.from({ length: steps }, () => optimizer.step([0, 1, 2].map((d) => linearLoss(optimizer.paramGroups[0]!.params[0]!, [d + 1], mode))).order.join(""));
    const make = (seed: number) => new DGSAM([tensor([0], { requiresGrad: true })], SGD, { lr: 0.1, seed }) as DGSAM;
    const first = make(3);
    expect(orders(first, 6)).toEqual(orders(make(3), 6));
    expect(new Set(orders(make(3), 20)).size).toBeGreaterThan(3);
    const resumed = make(4);
    resumed.loadStateDict(first.stateDict());
    expect(orders(resumed, 6)).toEqual(orders(first, 6));
  });

  test("options that are not the wrapper's go to the base optimizer, `base` where a name exists twice", () => {
    const { params } = quadraticDomains({ mode });
    const optimizer = new DGSAM(params, Adam, { rho: 0.2, lr: 0.01, amsgrad: true, base: { eps: 1e-3 } });
    expect(optimizer.base).toBeInstanceOf(Adam);
    expect(optimizer.paramGroups[0]).toMatchObject({ lr: 0.01, amsgrad: true, eps: 1e-3, rho: 0.2 });
    expect(optimizer.paramGroups).toBe(optimizer.base.paramGroups);
    expectError(() => new DGSAM(params, Adam, { momentum: 0.9 } as never), "ERR_ARGUMENT", /Adam: unknown option 'momentum'/);
    expectError(() => new DGSAM(params, Adam, { rho: -1 }), "ERR_ARGUMENT", /DGSAM: rho: expected a finite number of at least 0/);
    expectError(() => new DGSAM(params, Adam, { order: "sorted" } as never), "ERR_ARGUMENT", /order: expected "random" or "fixed"/);
    expectError(() => new DGSAM(params, Adam, { reduction: "max" } as never), "ERR_ARGUMENT", /reduction: expected "sum" or "mean"/);
    expectError(() => new DGSAM(params, {} as never), "ERR_ARGUMENT", /an optimizer class such as Adam/);
    expectError(() => new SAM(params, Adam, { model: {} as never }), "ERR_ARGUMENT", /buffers\(\) and setRunningStats/);
  });

  test("keeps one copy of the parameters and one sum beyond the base optimizer's state", () => {
    const param = zeros([1000], { requiresGrad: true });
    const bytes = () => memoryStats().bytes["cpu"]!;
    const before = bytes();
    const optimizer = new DGSAM([param], SGD, { lr: 0.1 });
    const loss = closuresIn(mode, () => ops.aten.sum(ops.aten.mul(param, param)) as Tensor)();
    for (let i = 0; i < 3; i++) optimizer.step([loss, loss]);
    expect(bytes() - before).toBe(2 * 4000);
  });

  test("without reuse one domain has G = h_1", () => {
    const param = tensor([3, 4], { dtype: "float64", requiresGrad: true });
    const optimizer = new DGSAM([param], SGD, { lr: 0, rho: 0, reuse: false });
    const loss = closuresIn(mode, () => param.sum())();
    for (let i = 0; i < 2; i++) {
      optimizer.step([loss]);
      expect(param.grad!.toArray()).toEqual([1, 1]);
    }
  });

  test("a sum of gradients that overflows is not applied, though no gradient does", () => {
    for (const [dtype, slope] of [["float16", 4e4], ["float32", 3e38]] as const) {
      const param = ones([3], { dtype, requiresGrad: true });
      const domains = [0, 1].map(() => closuresIn(mode, () => param.mul(slope).select(0, 1))());
      expectError(() => new DGSAM([param], SGD, { lr: 1e-4, rho: 0, order: "fixed" }).step(domains), "ERR_NON_FINITE", /sum of gradients with that of domain 0 \(pass 3\) is Infinity/);
      expect(param.toArray()).toEqual([1, 1, 1]);
      expect(new DGSAM([param], SGD, { lr: 1e-4, rho: 0, policy: "skip" }).step(domains).skipped).toBe(true);
      expect(param.toArray()).toEqual([1, 1, 1]);
    }
  });

  test("a step that was not applied leaves the order's generator as it was", () => {
    const { params, closures, spoilt } = quadraticDomains({ mode });
    const bad = [closures[0]!, spoilt(1, NaN), closures[2]!];
    const throwing = [closures[0]!, () => { throw new Error("no data"); }, closures[2]!];
    const optimizer = new DGSAM(params, SGD, { lr: 0.1 });
    const skipping = new DGSAM(params, SGD, { lr: 0.1, policy: "skip" });
    const before = optimizer.stateDict().generator;
    expect(() => optimizer.step(bad)).toThrow(/not applied|nothing of the step/);
    expect(() => optimizer.step(throwing)).toThrow("no data");
    expect(optimizer.stateDict().generator).toEqual(before);
    expect(skipping.step(bad).skipped).toBe(true);
    expect(skipping.stateDict().generator).toEqual(before);
    optimizer.step(closures);
    expect(optimizer.stateDict().generator).not.toEqual(before);
  });

  test("the open form moves BatchNorm statistics in each minibatch's first pass only, and brings them back when it fails", () => {
    for (const [runningStats, expected] of [["first", 3], ["all", 4], ["frozen", 0]] as const) {
      const { model, closure, tracked } = statisticsModel(mode);
      const optimizer = new DGSAM([closure.param], SGD, { lr: 0.1, model, runningStats });
      optimizer.order(3).forEach((_, pass) => {
        closure().backward();
        if (pass < 3) optimizer.ascend();
      });
      optimizer.descend();
      expect(tracked(), runningStats).toBe(expected);
    }
    for (const policy of ["throw", "skip"] as const) {
      const { model, closure, tracked } = statisticsModel(mode);
      const optimizer = new DGSAM([closure.param], SGD, { lr: 0.1, model, policy });
      const generator = optimizer.stateDict().generator;
      closure();
      const run = () => {
        optimizer.order(2).forEach((_, pass) => {
          closure().mul(pass === 1 ? NaN : 1).backward();
          if (pass < 2) optimizer.ascend();
        });
        optimizer.descend();
      };
      if (policy === "throw") expectError(run, "ERR_NON_FINITE", /\(pass 2\)/);
      else run();
      expect(tracked(), policy).toBe(1);
      expect(optimizer.stateDict().generator).toEqual(generator);
    }
  });

  test("takes no parameters while a step is open", () => {
    const [a, b] = [ones([1], { requiresGrad: true }), ones([1], { requiresGrad: true })];
    const dgsam = new DGSAM([a], SGD, { lr: 0.1 });
    dgsam.order(1);
    expectError(() => dgsam.addParamGroup({ params: [b] }), "ERR_STATE", /^DGSAM\.addParamGroup\(\): a step was begun by hand; finish it, or give it up by abort\(\), first$/);
    dgsam.abort();
    dgsam.addParamGroup({ params: [b] });
    expect(dgsam.paramGroups).toHaveLength(2);
  });

  test("abort() gives up a step in the open form; step() ends one that had not climbed yet", () => {
    const { params, closures } = quadraticDomains({ mode });
    const optimizer = new DGSAM(params, SGD, { lr: 0.1 });
    const before = bits(params);
    const generator = optimizer.stateDict().generator;
    optimizer.abort();
    const order = optimizer.order(3);
    closures[order[0]!]!().backward();
    optimizer.ascend();
    optimizer.abort();
    expect(bits(params)).toEqual(before);
    expect(optimizer.stateDict().generator).toEqual(generator);
    expectError(() => optimizer.ascend(), "ERR_STATE", /begin the step with order\(\)/);
    optimizer.order(3);
    optimizer.step(closures);
    expectError(() => optimizer.ascend(), "ERR_STATE", /begin the step with order\(\)/);
  });
});
