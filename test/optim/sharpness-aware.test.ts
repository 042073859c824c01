import { Adam, AdamW, DGSAM, memoryStats, noGrad, ones, ops, SAM, SGD, tensor, zeros, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { bits, expectError, linearLoss, quadraticDomains, values, worstError } from "./support.js";

/** What the rules add to every norm that divides. */
const EPS = 1e-12;

/** One step of each algorithm over the domains' closures: SAM takes their mean. */
const ALGORITHMS = [
  {
    name: "SAM",
    make: (params: Tensor[], options: object = {}) => new SAM(params, SGD, { lr: 0.1, rho: 0.1, ...options } as never),
    step: (optimizer: unknown, closures: (() => Tensor)[]) =>
      (optimizer as SAM).step(() => ops.aten.div(closures.map((each) => each()).reduce((sum, each) => ops.aten.add(sum, each) as Tensor), closures.length) as Tensor),
  },
  {
    name: "DGSAM",
    make: (params: Tensor[], options: object = {}) => new DGSAM(params, SGD, { lr: 0.1, rho: 0.1, ...options } as never),
    step: (optimizer: unknown, closures: (() => Tensor)[]) => (optimizer as DGSAM).step(closures),
  },
] as const;

describe.each(ALGORITHMS)("$name: the traps", ({ make, step }) => {
  test("a parameter without a gradient is untouched and counts as zero in the norm", () => {
    const used = tensor([3, 4], { dtype: "float64", requiresGrad: true });
    const unused = ones([2], { requiresGrad: true });
    const frozen = ones([2]);
    const optimizer = make([used, unused, frozen]);
    const result = step(optimizer, [linearLoss(used, [3, 4])]);
    expect(unused.toArray()).toEqual([1, 1]);
    expect(unused.grad).toBeNull();
    expect(frozen.grad).toBeNull();
    expect("gradNorm" in result ? result.gradNorm : result.gradNorms[0]).toBe(5);
  });

  test("a zero gradient makes a zero ascent, not 0/0", () => {
    const param = tensor([1, 2], { dtype: "float64", requiresGrad: true });
    const points: number[][] = [];
    const loss = () => {
      points.push(values(param));
      return ops.aten.dot(param, zeros([2], { dtype: "float64" })) as Tensor;
    };
    step(make([param]), [loss, loss]);
    for (const point of points) expect(point).toEqual([1, 2]);
    expect(param.toArray()).toEqual([1, 2]);
  });

  test("a loss that is not finite leaves parameters, gradients and base state as they were", () => {
    for (const bad of [NaN, Infinity]) {
      const { params, closures } = quadraticDomains();
      const optimizer = make(params, { momentum: 0.9 });
      step(optimizer, closures);
      const base = optimizer.base as SGD;
      const before = [bits(params), bits([...base.state.values()].flatMap((state) => Object.values(state)))];
      const poisoned = [closures[0]!, () => ops.aten.mul(closures[1]!(), bad) as Tensor, closures[2]!];
      expectError(() => step(optimizer, poisoned), "ERR_NON_FINITE", /loss of .* is (NaN|Infinity|-Infinity); nothing of the step was applied/);
      expect([bits(params), bits([...base.state.values()].flatMap((state) => Object.values(state)))]).toEqual(before);
      for (const param of params) expect(param.grad).toBeNull();
    }
  });

  test("a gradient that is not finite, of a finite loss, is found in any pass", () => {
    // sqrt has gradient Infinity at 0: finite loss, infinite gradient.
    const param = tensor([0, 1], { dtype: "float64", requiresGrad: true });
    let calls = 0;
    const lossAt = (poisoned: number) => () => (calls++ === poisoned ? ops.aten.sum(ops.aten.sqrt(ops.aten.mul(param, 0))) : ops.aten.sum(param)) as Tensor;
    const passes = (() => {
      step(make([param]), [lossAt(-1)]);
      return calls;
    })();
    expect(passes).toBe(2);
    for (let poisoned = 0; poisoned < passes; poisoned++) {
      calls = 0;
      const before = bits([param]);
      expectError(() => step(make([param]), [lossAt(poisoned)]), "ERR_NON_FINITE", /gradient of .* is (NaN|Infinity)/);
      expect(bits([param])).toEqual(before);
    }
  });

  test("with policy \"skip\" such a step is left out and the next one works", () => {
    const { params, closures } = quadraticDomains();
    const optimizer = make(params, { policy: "skip" });
    const before = bits(params);
    const skipped = step(optimizer, [() => ops.aten.mul(closures[0]!(), NaN) as Tensor]);
    expect(skipped.skipped).toBe(true);
    expect(bits(params)).toEqual(before);
    expect(step(optimizer, closures).skipped).toBe(false);
    expect(bits(params)).not.toEqual(before);
  });

  test("a closure that throws, in any pass, leaves everything as it was and its error is rethrown", () => {
    const { params, closures } = quadraticDomains();
    const optimizer = make(params);
    let calls = 0;
    const total = 2 * closures.length;
    for (let failing = 0; failing < total; failing++) {
      calls = 0;
      const before = bits(params);
      const failure = new Error("the disk is full");
      const throwing = closures.map((closure) => () => {
        if (calls++ === failing) throw failure;
        return closure();
      });
      let thrown: unknown;
      try {
        step(optimizer, throwing);
      } catch (error) {
        thrown = error;
      }
      if (thrown === undefined) break; // fewer passes than that
      expect(thrown).toBe(failure);
      expect(bits(params)).toEqual(before);
    }
    expect(calls).toBeGreaterThan(closures.length);
  });

  test("a closure that calls backward itself is told so", () => {
    const { params, closures } = quadraticDomains();
    const before = bits(params);
    const eager = closures.map((closure) => () => {
      const loss = closure();
      loss.backward();
      return loss;
    });
    expectError(() => step(make(params), eager), "ERR_STATE", /called backward\(\); return the loss instead/);
    expect(bits(params)).toEqual(before);
  });

  test("what a closure must not return is named", () => {
    const { params, w } = quadraticDomains();
    const optimizer = new DGSAM(params, SGD, { lr: 0.1 });
    expectError(() => optimizer.step([() => 1 as never]), "ERR_ARGUMENT", /closure 0: result: expected the loss as a Tensor/);
    expectError(() => optimizer.step([() => ops.aten.mul(w, 2) as Tensor]), "ERR_SHAPE", /loss of one element, got shape \[5\]/);
    expectError(() => optimizer.step([() => ones([])]), "ERR_ARGUMENT", /does not depend on any parameter/);
    expectError(() => optimizer.step([() => noGrad(() => ops.aten.sum(w) as Tensor)]), "ERR_ARGUMENT", /does not depend on any parameter/);
    expectError(() => optimizer.step([]), "ERR_ARGUMENT", /at least one closure/);
    expectError(() => optimizer.step([1 as never]), "ERR_ARGUMENT", /closure 0: expected a function/);
  });

  test("one norm over all groups, and a radius for each", () => {
    const a = tensor([0], { dtype: "float64", requiresGrad: true });
    const b = tensor([0], { dtype: "float64", requiresGrad: true });
    const optimizer = make([{ params: [a], rho: 0.5 }, { params: [b], rho: 0.25, lr: 0 }] as never);
    const points: number[][] = [];
    const loss = () => {
      points.push([a.item() as number, b.item() as number]);
      return ops.aten.add(ops.aten.sum(ops.aten.mul(a, 3)), ops.aten.sum(ops.aten.mul(b, 4))) as Tensor;
    };
    step(optimizer, [loss]);
    expect(points[1]![0]).toBeCloseTo((0.5 * 3) / (5 + EPS), 14);
    expect(points[1]![1]).toBeCloseTo((0.25 * 4) / (5 + EPS), 14);
    expect(b.item()).toBe(0);
    expect(a.item()).not.toBe(0);
  });

  test("weight decay never enters the ascent", () => {
    const param = tensor([10], { dtype: "float64", requiresGrad: true });
    const points: number[] = [];
    const loss = () => {
      points.push(param.item() as number);
      return ops.aten.sum(ops.aten.mul(param, 1)) as Tensor;
    };
    step(make([param], { weightDecay: 100 }), [loss]);
    expect(points[1]).toBeCloseTo(10.1, 12);
  });

  test("the version counter moves, so that a stale graph is refused", () => {
    const param = ones([2], { requiresGrad: true });
    const stale = ops.aten.sum(ops.aten.mul(param, param)) as Tensor;
    step(make([param]), [() => ops.aten.sum(ops.aten.mul(param, param)) as Tensor]);
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
      step(make([param], { model, ...options }), domains);
      return running.item();
    };
    expect(count({})).toBe(2);
    expect(count({ runningStats: "all" })).toBe(make([param]) instanceof SAM ? 4 : 3);
    expect(count({ runningStats: "frozen" })).toBe(0);
    expect(mode).toBe("update");
    noGrad(() => ops.aten.fill_(running, 7));
    expectError(() => step(make([param], { model }), [domains[0]!, moving(() => ops.aten.mul(linearLoss(param, [1])(), NaN) as Tensor)]), "ERR_NON_FINITE", /nothing of the step/);
    expect(running.item()).toBe(7);
    expect(mode).toBe("update");
  });

  test("leaks no handle, and frees what closures make", () => {
    const { params, closures } = quadraticDomains();
    const optimizer = make(params);
    step(optimizer, closures);
    for (const param of params) param.grad = null;
    const { handles } = memoryStats();
    for (let i = 0; i < 10; i++) step(optimizer, closures);
    expect(memoryStats().handles).toBe(handles);
  });
});

describe("SAM", () => {
  test("descends along the gradient at the perturbed parameters", () => {
    const { params, closures, w } = quadraticDomains({ domains: 1 });
    const start = values(w);
    const twin = quadraticDomains({ domains: 1 });
    const rho = 0.1;
    twin.closures[0]!().backward();
    const g = twin.params.map((param) => values(param.grad!));
    const norm = Math.hypot(...g.flat());
    noGrad(() => twin.params.forEach((param, p) => ops.aten.add_(param, tensor(g[p]!.map((each) => (rho * each) / (norm + EPS)), { dtype: "float64", shape: param.shape }))));
    twin.params.forEach((param) => (param.grad = null));
    twin.closures[0]!().backward();
    const expected = start.map((each, i) => each - 0.1 * values(twin.w.grad!)[i]!);
    const result = new SAM(params, SGD, { lr: 0.1, rho }).step(closures[0]!);
    expect(worstError(values(w), expected)).toBeLessThan(1e-14);
    expect(worstError(values(w.grad!), values(twin.w.grad!))).toBeLessThan(1e-14);
    expect(result.gradNorm).toBeCloseTo(norm, 12);
    expect(result.losses).toHaveLength(1);
    expect(result.perturbedLoss).toBeGreaterThan(result.losses[0]!);
  });

  test("the two-step form gives the same bits as step(closure)", () => {
    const one = quadraticDomains({ domains: 1 });
    const two = quadraticDomains({ domains: 1 });
    const whole = new SAM(one.params, Adam, { lr: 0.1, rho: 0.1 });
    const halves = new SAM(two.params, Adam, { lr: 0.1, rho: 0.1 });
    for (let i = 0; i < 5; i++) {
      whole.step(one.closures[0]!);
      halves.zeroGrad();
      two.closures[0]!().backward();
      halves.firstStep({ zeroGrad: true });
      two.closures[0]!().backward();
      halves.secondStep(true);
      expect(bits(two.params)).toEqual(bits(one.params));
      expect(two.w.grad).toBeNull();
    }
  });

  test("the two-step form out of turn", () => {
    const { params, closures } = quadraticDomains({ domains: 1 });
    const optimizer = new SAM(params, SGD, { lr: 0.1 });
    expectError(() => optimizer.secondStep(), "ERR_STATE", /call firstStep\(\) first/);
    closures[0]!().backward();
    optimizer.firstStep();
    expectError(() => optimizer.firstStep(), "ERR_STATE", /parameters are perturbed/);
    expectError(() => optimizer.step(closures[0]!), "ERR_STATE", /parameters are perturbed/);
    const before = bits(params);
    params[0]!.grad = ops.aten.full_like(params[0]!, NaN) as Tensor;
    expectError(() => optimizer.secondStep(), "ERR_NON_FINITE", /second pass/);
    expect(bits(params)).not.toEqual(before); // back from the perturbed point
  });

  test("adaptive: the elementwise form of ASAM", () => {
    const param = tensor([1, -2, 0.5], { dtype: "float64", requiresGrad: true });
    const points: number[][] = [];
    const g = [0.3, 0.2, -1];
    const loss = () => {
      points.push(values(param));
      return linearLoss(param, g)();
    };
    new SAM([param], SGD, { lr: 0.1, rho: 0.7, adaptive: true }).step(loss);
    const norm = Math.hypot(...g.map((each, i) => each * points[0]![i]!));
    const expected = points[0]!.map((p, i) => p + (0.7 * p * p * g[i]!) / (norm + EPS));
    expect(worstError(points[1]!, expected)).toBeLessThan(1e-14);
  });
});

describe("DGSAM", () => {
  test("G is S/(S+1) times the sum of the gradients along the path, the first domain twice", () => {
    const param = tensor([0, 0], { dtype: "float64", requiresGrad: true });
    // Losses |p - c|^2 / 2 have gradient p - c, so the path can be written down.
    const centres = [[1, 0], [0, 2], [-1, -1]];
    const losses = centres.map((centre) => () => ops.aten.mul(ops.aten.sum(ops.aten.pow(ops.aten.sub(param, tensor(centre, { dtype: "float64" })), 2)), 0.5) as Tensor);
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
    const losses = [1, 2].map((centre) => () => ops.aten.mul(ops.aten.sum(ops.aten.pow(ops.aten.sub(param, centre), 2)), 0.5) as Tensor);
    const result = new DGSAM([param], SGD, { lr: 0, rho: 0.1, order: "fixed", reuse: false }).step(losses);
    // Climbs: 0 - 1 < 0, so p_1 = -0.1, h_1 = -1.1; then p_2 = -0.2, h_2 = -2.2.
    expect(values(param.grad!)[0]).toBeCloseTo(-3.3, 11);
    expect(result.order).toEqual([0, 0, 1, 1]);
  });

  test("one domain is legal", () => {
    const param = tensor([1], { dtype: "float64", requiresGrad: true });
    new DGSAM([param], SGD, { lr: 0, rho: 0.1 }).step([() => ops.aten.mul(ops.aten.sum(ops.aten.pow(param, 2)), 0.5) as Tensor]);
    expect(values(param.grad!)[0]).toBeCloseTo((1 + 1.1) / 2, 12);
  });

  test("a gradient that appears in some passes only is gathered; one that never does stays absent", () => {
    const shared = tensor([1], { dtype: "float64", requiresGrad: true });
    const heads = [0, 1, 2].map(() => tensor([1], { dtype: "float64", requiresGrad: true }));
    const losses = [0, 1].map((d) => () => ops.aten.sum(ops.aten.mul(shared, heads[d]!)) as Tensor);
    const optimizer = new DGSAM([shared, ...heads], SGD, { lr: 0, rho: 0, order: "fixed" });
    for (let step = 0; step < 2; step++) {
      optimizer.step(losses);
      expect(values(heads[0]!.grad!)[0]).toBeCloseTo((2 / 3) * 2, 14);
      expect(values(heads[1]!.grad!)[0]).toBeCloseTo(2 / 3, 14);
      expect(heads[2]!.grad).toBeNull();
    }
  });

  test("the open form gives the same bits as step(closures)", () => {
    const one = quadraticDomains();
    const two = quadraticDomains();
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
    const { params, closures } = quadraticDomains();
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
    expectError(() => optimizer.ascend(), "ERR_NON_FINITE", new RegExp(`domain ${order[1]!} \\(pass 2 of 3\\)`));
    expect(bits(params)).toEqual(before);
    expect(optimizer.order(2)).toHaveLength(3);
  });

  test("the open form with policy \"skip\" lets the loop run out and applies nothing", () => {
    const { params, closures } = quadraticDomains();
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

  test("names the domain whose loss is not finite", () => {
    const { params, closures } = quadraticDomains();
    const bad = [closures[0]!, closures[1]!, () => ops.aten.mul(closures[2]!(), NaN) as Tensor];
    expectError(() => new DGSAM(params, SGD, { lr: 0.1, order: "fixed" }).step(bad), "ERR_NON_FINITE", /domain 2 \(pass 3 of 4\)/);
  });

  test("the order is drawn from its own seeded generator, and is part of the state", () => {
    const orders = (optimizer: DGSAM, steps: number) => Array.from({ length: steps }, () => optimizer.step(quadraticDomains().closures.map((_, d) => linearLoss(optimizer.paramGroups[0]!.params[0]!, [d + 1]))).order.join(""));
    const make = (seed: number) => new DGSAM([tensor([0], { requiresGrad: true })], SGD, { lr: 0.1, seed }) as DGSAM;
    const first = make(3);
    expect(orders(first, 6)).toEqual(orders(make(3), 6));
    expect(new Set(orders(make(3), 20)).size).toBeGreaterThan(3);
    const resumed = make(4);
    resumed.loadStateDict(first.stateDict());
    expect(orders(resumed, 6)).toEqual(orders(first, 6));
  });

  test("options that are not the wrapper's go to the base optimizer, `base` where a name exists twice", () => {
    const { params } = quadraticDomains();
    const optimizer = new DGSAM(params, Adam, { rho: 0.2, lr: 0.01, amsgrad: true, base: { eps: 1e-3 } });
    expect(optimizer.base).toBeInstanceOf(Adam);
    expect(optimizer.paramGroups[0]).toMatchObject({ lr: 0.01, amsgrad: true, eps: 1e-3, rho: 0.2 });
    expect(optimizer.paramGroups).toBe(optimizer.base.paramGroups);
    expectError(() => new DGSAM(params, Adam, { momentum: 0.9 } as never), "ERR_ARGUMENT", /Adam: unknown option 'momentum'/);
    expectError(() => new DGSAM(params, Adam, { rho: -1 }), "ERR_ARGUMENT", /DGSAM: rho: expected a number >= 0/);
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
    const loss = () => ops.aten.sum(ops.aten.mul(param, param)) as Tensor;
    for (let i = 0; i < 3; i++) optimizer.step([loss, loss]);
    expect(bytes() - before).toBe(2 * 4000);
  });
});
