/** The traps of the family, in both modes; those that only closures of JavaScript's can spring are in closures.test.ts. */
import {
  Adadelta, Adam, autocast, BatchNorm1d, Buffer, cat, crossEntropy, Dropout, inferenceMode, Linear, manualSeed, memoryStats, noGrad, ones, ops, RAdam, rand, randint, randn, Sequential, SGD, StepLR,
  tensor, zeros, type Tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { closuresIn, inBothModes, Visits, type Mode } from "../modes.js";
import { bits, EPS, expectError, linearLoss, quadraticDomains, stateBits, values, worstError } from "../support.js";
import { FAMILY } from "./family.js";

describe.each(inBothModes(FAMILY))("$name, $mode: the traps", ({ Wrapper, options: chosen, passes, plainAscent, mode }) => {
  const make = (params: unknown, options: object = {}) => new Wrapper(params, SGD, { lr: 0.1, rho: 0.1, ...chosen, ...options });

  test("a parameter without a gradient is untouched and counts as zero in the norm", () => {
    const used = tensor([3, 4], { dtype: "float64", requiresGrad: true });
    const unused = ones([2], { requiresGrad: true });
    const frozen = ones([2]);
    const optimizer = make([used, unused, frozen]);
    const result = optimizer.step([linearLoss(used, [3, 4], mode)]);
    expect(unused.toArray()).toEqual([1, 1]);
    expect(unused.grad).toBeNull();
    expect(frozen.grad).toBeNull();
    expect(result.gradNorms).toEqual(Array(passes(1)).fill(5));
  });

  test("a zero gradient makes a zero ascent, not 0/0", () => {
    const param = tensor([1, 2], { dtype: "float64", requiresGrad: true });
    const visits = new Visits(2);
    const loss = closuresIn(mode, (slopes: Tensor) => (visits.note(param), ops.aten.dot(param, slopes) as Tensor))(zeros([2], { dtype: "float64" }));
    visits.reset();
    make([param]).step([loss, loss]);
    expect(visits.points).toEqual(Array(passes(2)).fill([1, 2]));
    expect(param.toArray()).toEqual([1, 2]);
  });

  test("a loss that is not finite leaves parameters, gradients and base state as they were", () => {
    for (const bad of [NaN, Infinity]) {
      const { params, closures, spoilt } = quadraticDomains({ mode });
      const optimizer = make(params, { momentum: 0.9 });
      optimizer.step(closures);
      const base = optimizer.base as SGD;
      const before = [bits(params), bits([...base.state.values()].flatMap((state) => Object.values(state)))];
      const poisoned = [closures[0]!, spoilt(1, bad), closures[2]!];
      expectError(() => optimizer.step(poisoned), "ERR_NON_FINITE", /loss of domain 1 .* is (NaN|Infinity|-Infinity); nothing of the step was applied/);
      expect([bits(params), bits([...base.state.values()].flatMap((state) => Object.values(state)))]).toEqual(before);
      for (const param of params) expect(param.grad).toBeNull();
    }
  });

  test("a gradient that is not finite, of a finite loss, is found in any pass", () => {
    // sqrt has gradient Infinity at 0: finite loss, infinite gradient.
    const param = tensor([1, 4], { dtype: "float64", requiresGrad: true });
    const [calls, poisoned] = [zeros([1]), zeros([1])];
    const closureOf = closuresIn(mode, (poison: Tensor) => {
      const alive = calls.ne(poison).to("float64");
      noGrad(() => calls.add_(1));
      return param.mul(alive).sqrt().sum();
    });
    const loss = closureOf(poisoned);
    const poison = (pass: number) => noGrad(() => (calls.zero_(), poisoned.fill_(pass)));
    poison(-1);
    make([param]).step([loss]);
    expect(calls.item()).toBe(passes(1));
    for (let pass = 0; pass < passes(1); pass++) {
      poison(pass);
      const before = bits([param]);
      expectError(() => make([param]).step([loss]), "ERR_NON_FINITE", new RegExp(`gradient of domain 0 \\(pass ${pass + 1}\\) is (NaN|Infinity)`));
      expect(bits([param])).toEqual(before);
    }
  });

  test("with policy \"skip\" such a step is left out and the next one works", () => {
    const { params, closures, spoilt } = quadraticDomains({ mode });
    const optimizer = make(params, { policy: "skip" });
    const before = bits(params);
    const skipped = optimizer.step([spoilt(0, NaN)]);
    expect(skipped).toMatchObject({ skipped: true, nonFiniteDomain: 0 });
    expect(bits(params)).toEqual(before);
    expect(optimizer.step(closures).skipped).toBe(false);
    expect(bits(params)).not.toEqual(before);
  });

  test("an operator that fails in a domain's pass leaves everything as it was", () => {
    manualSeed(3);
    const model = new Sequential(new BatchNorm1d(4), new Dropout(0.5), new Linear(4, 3));
    const closureOf = closuresIn(mode, (x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y));
    const batches = Array.from({ length: 3 }, () => ({ x: randn([6, 4]), y: randint(3, [6]) }));
    const closuresOf = () => (["hold", "update"] as const).map((how) => (model.setRunningStats(how), batches.map(({ x, y }) => closureOf(x, y))))[1]!;
    const closures = closuresOf();
    const optimizer = make(model.parameters(), { model, momentum: 0.9 });
    optimizer.step(closures);
    const everything = () => [bits([...model.parameters(), ...model.buffers()]), stateBits(optimizer.stateDict())];
    const before = everything();
    batches[1]!.y.fill_(3);
    expectError(() => optimizer.step(closures), "ERR_ARGUMENT", /(cross_entropy_loss|nll_loss_forward).*Target 3 is out of bounds/);
    expect(everything()).toEqual(before);
    expect(model.parameters().every(({ grad }) => grad === null)).toBe(true);
    batches[1]!.y.fill_(2);
    expect(optimizer.step(closures).skipped).toBe(false);
  });

  test.skipIf(plainAscent === null)("one norm over all groups, and a radius for each", () => {
    const a = tensor([0], { dtype: "float64", requiresGrad: true });
    const b = tensor([0], { dtype: "float64", requiresGrad: true });
    const optimizer = make([{ params: [a], rho: 0.5 }, { params: [b], rho: 0.25, lr: 0 }], plainAscent!);
    const visits = new Visits(2);
    const loss = closuresIn(mode, () => {
      visits.note(noGrad(() => cat([a, b])));
      return ops.aten.add(ops.aten.sum(ops.aten.mul(a, 3)), ops.aten.sum(ops.aten.mul(b, 4))) as Tensor;
    })();
    visits.reset();
    optimizer.step([loss]);
    const { points } = visits;
    expect(points[1]![0]).toBeCloseTo((0.5 * 3) / (5 + EPS), 14);
    expect(points[1]![1]).toBeCloseTo((0.25 * 4) / (5 + EPS), 14);
    expect(b.item()).toBe(0);
    expect(a.item()).not.toBe(0);
  });

  test.skipIf(plainAscent === null)("weight decay never enters the ascent", () => {
    const param = tensor([10], { dtype: "float64", requiresGrad: true });
    const visits = new Visits(1);
    const loss = closuresIn(mode, () => (visits.note(param), ops.aten.sum(ops.aten.mul(param, 1)) as Tensor))();
    visits.reset();
    make([param], { ...plainAscent, weightDecay: 100 }).step([loss]);
    expect(visits.points[1]![0]).toBeCloseTo(10.1, 12);
  });

  test("clipping acts on what was gathered, and changes no ascent", () => {
    const start = () => tensor([3, 4], { dtype: "float64", requiresGrad: true });
    const points: number[][][] = [];
    const take = (options: object) => {
      const param = start();
      const visits = new Visits(2);
      const loss = closuresIn(mode, () => (visits.note(param), param.square().sum()))();
      visits.reset();
      make([param], { ...plainAscent, ...options }).step([loss, loss]);
      points.push(visits.points);
      return values(param.grad!);
    };
    const whole = take({});
    const norm = Math.hypot(...whole);
    const byNorm = take({ clipGradNorm: 0.5 });
    expect(worstError(byNorm, whole.map((each) => (0.5 * each) / (norm + 1e-6)))).toBeLessThan(1e-14);
    expect(worstError(take({ clipGradNorm: 1e6 }), whole)).toBe(0);
    expect(take({ clipGradValue: 0.25 })).toEqual([0.25, 0.25]);
    expect(points[0]).toHaveLength(passes(2));
    for (const visited of points) expect(visited).toEqual(points[0]);
    for (const option of ["clipGradNorm", "clipGradValue"]) expectError(() => make([start()], { [option]: -1 }), "ERR_ARGUMENT", new RegExp(`${option}: expected a number of at least 0`));
  });

  test("a step within autocast computes with the climbed parameters and not with their first casts", () => {
    const run = (whole: boolean, how: Mode) => {
      manualSeed(4);
      const [w, x] = [randn([6, 6], { requiresGrad: true }), randn([3, 6])];
      const lossOf = (input: Tensor) => ops.aten.linear(input, w).float().square().sum();
      const closureOf = closuresIn(how, (input: Tensor) => (whole ? lossOf(input) : autocast(() => lossOf(input))));
      const loss = whole ? autocast(() => closureOf(x)) : closureOf(x);
      const optimizer = make([w]);
      for (let i = 0; i < 3; i++) whole ? autocast(() => optimizer.step([loss, loss])) : optimizer.step([loss, loss]);
      return bits([w]);
    };
    expect(run(true, mode)).toEqual(run(false, mode));
    expect(run(true, mode)).toEqual(run(true, "eager"));
  });

  test("the version counter moves, so that a stale graph is refused", () => {
    const param = ones([2], { requiresGrad: true });
    const square = () => ops.aten.sum(ops.aten.mul(param, param)) as Tensor;
    const closure = closuresIn(mode, square)();
    const stale = [closure(), square()];
    make([param]).step([closure]);
    for (const each of stale) expect(() => each.backward()).toThrow(/modified by an inplace operation/);
  });

  test("BatchNorm statistics follow each minibatch's first pass only, and come back when the step fails", () => {
    manualSeed(2);
    const model = new BatchNorm1d(3, { dtype: "float64" });
    const closureOf = closuresIn(mode, (x: Tensor) => model.forward(x).pow(3).sum());
    const batches = [randn([4, 3], { dtype: "float64" }), randn([4, 3], { dtype: "float64" })];
    // Of either kind of pass there is a program before the step.
    const closuresOf = (inputs: Tensor[]) => (["hold", "update"] as const).map((how) => (model.setRunningStats(how), inputs.map((x) => closureOf(x))))[1]!;
    const domains = closuresOf(batches);
    const count = (options: object) => {
      model.resetRunningStats();
      make(model.parameters(), { model, ...options }).step(domains);
      return model.numBatchesTracked!.item();
    };
    expect(count({})).toBe(2);
    expect(model.runningMean!.toArray()).not.toEqual([0, 0, 0]);
    expect(count({ runningStats: "all" })).toBe(passes(2));
    expect(count({ runningStats: "frozen" })).toBe(0);
    expect(model.runningStats).toBe("hold");
    const spoilt = closuresOf([batches[0]!, batches[1]!.mul(NaN)]);
    const before = bits([...model.parameters(), ...model.buffers()]);
    expectError(() => make(model.parameters(), { model }).step(spoilt), "ERR_NON_FINITE", /domain 1 .*nothing of the step/);
    expect(bits([...model.parameters(), ...model.buffers()])).toEqual(before);
    expect(model.runningStats).toBe("update");
  });

  test.skipIf(mode === "captured")("buffers come back exactly when they were converted between steps, or are others", () => {
    manualSeed(4);
    const model = new BatchNorm1d(3);
    const closureOf = (x: Tensor) => () => model.forward(x).pow(3).sum();
    const optimizer = make(model.parameters(), { model });
    const inputs = randn([4, 3]);
    optimizer.step([closureOf(inputs)]);
    const changes = [
      () => void model.to("float64"),
      // Not to be told from the values before by any copy that rounds.
      () => void noGrad(() => model.runningMean!.add_(1e-12)),
      () => void (model.runningMean = new Buffer(rand([3], { dtype: "float64" }))),
    ];
    for (const change of changes) {
      change();
      const before = bits([...model.parameters(), ...model.buffers()]);
      expectError(() => optimizer.step([closureOf(inputs.double()), closureOf(inputs.double().mul(NaN))]), "ERR_NON_FINITE", /domain 1 .*nothing of the step/);
      expect(bits([...model.parameters(), ...model.buffers()])).toEqual(before);
      optimizer.step([closureOf(inputs.double())]);
      expect(bits([...model.parameters(), ...model.buffers()])).not.toEqual(before);
    }
  });

  test("leaks no handle, and frees what closures make", () => {
    const { params, closures } = quadraticDomains({ mode });
    const optimizer = make(params);
    // LookSAM makes its second buffer when it takes the second gradient again.
    for (let i = 0; i < 6; i++) optimizer.step(closures);
    for (const param of params) param.grad = null;
    const { handles } = memoryStats();
    for (let i = 0; i < 10; i++) optimizer.step(closures);
    expect(memoryStats().handles).toBe(handles);
  });

  test("a failing base optimizer undoes the step", () => {
    const { params, closures } = quadraticDomains({ mode });
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
      const { params, closures } = quadraticDomains({ mode });
      const optimizer = make(params);
      optimizer.paramGroups[0]!.rho = rho;
      const before = bits(params);
      expectError(() => optimizer.step(closures), "ERR_ARGUMENT", new RegExp(`paramGroups: rho: expected a finite number of at least 0, got the number ${rho}`));
      expect(bits(params)).toEqual(before);
    }
  });

  test("a radius that is none, of a group that was added, is no obstacle once it is one or the group is gone", () => {
    const train = (added: boolean, mistake: boolean) => {
      const { w, c, params, closures } = quadraticDomains({ mode });
      const optimizer = make([w]);
      optimizer.step(closures);
      if (mistake || added) optimizer.addParamGroup({ params: [c] } as never);
      if (mistake) {
        optimizer.paramGroups[1]!.rho = NaN;
        for (let i = 0; i < 2; i++) expectError(() => optimizer.step(closures), "ERR_ARGUMENT", /paramGroups: rho: expected a finite number of at least 0, got the number NaN/);
        if (added) optimizer.paramGroups[1]!.rho = 0.1;
        else (optimizer.base as SGD).paramGroups.pop();
      }
      c.grad = null;
      for (let i = 0; i < 2; i++) optimizer.step(closures);
      return bits(params);
    };
    for (const added of [true, false]) expect(train(added, true)).toEqual(train(added, false));
  });

  test("groups may be added, with a radius or without, to the wrapper or to its base", () => {
    const [a, b, c] = [1, 2, 3].map((value) => tensor([value], { dtype: "float64", requiresGrad: true })) as [Tensor, Tensor, Tensor];
    const optimizer = make([a], { rho: 0.3 });
    const loss = closuresIn(mode, () => ops.aten.sum(ops.aten.mul(ops.aten.mul(a, b), c)) as Tensor)();
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
    const { params, closures } = quadraticDomains({ mode });
    const optimizer = new Wrapper(params, Adadelta, { rho: 0.1, base: { rho: 0.7 }, ...chosen });
    expect(optimizer.paramGroups[0]).toMatchObject({ rho: 0.7, radius: 0.1 });
    optimizer.addParamGroup({ params: [tensor([1], { dtype: "float64", requiresGrad: true })], rho: 0.3 } as never);
    expect(optimizer.paramGroups[1]).toMatchObject({ rho: 0.7, radius: 0.3 });
    optimizer.step(closures);
    new StepLR(optimizer, { stepSize: 1, gamma: 0.5, target: "rho" }).step();
    expect(optimizer.paramGroups[0]).toMatchObject({ rho: 0.7, radius: 0.05 });
    optimizer.paramGroups[0]!.radius = -1;
    expectError(() => optimizer.step(closures), "ERR_ARGUMENT", /paramGroups: radius: expected a finite number/);
    const plain = new Wrapper(quadraticDomains({ mode }).params, SGD, { rho: 0.1, ...chosen });
    expect(plain.paramGroups[0]).not.toHaveProperty("radius");
  });

  test("a base optimizer that fails in its second group leaves the first one alone", () => {
    for (const [Base, options] of [[SGD, { momentum: 0.9 }], [Adam, {}], [RAdam, {}]] as const) {
      const [a, b] = [1, 2].map((value) => tensor([value, value], { dtype: "float32", requiresGrad: true })) as [Tensor, Tensor];
      const optimizer = new Wrapper([{ params: [a] }, { params: [b] }], Base, { lr: 0.1, rho: 0.1, ...chosen, ...options });
      const loss = closuresIn(mode, () => a.square().sum().add(b.square().sum().to("float32")), { anew: true })();
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

  test("a graph that two closures share is told with the closure's name", () => {
    const { params, closures } = quadraticDomains({ mode });
    const shared = closures[0]!();
    expectError(() => make(params).step([() => shared, () => shared]), "ERR_NATIVE", /closure \d: .*backward through the graph a second time/);
  });

  test("a schedule moves the base optimizer's learning rate, whichever of the two it is given", () => {
    for (const which of ["wrapper", "base"] as const) {
      const { params, closures } = quadraticDomains({ mode });
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

  test("parameters may be converted between steps: the scratch follows", () => {
    const { params, closures } = quadraticDomains({ dtype: "float64", mode });
    const optimizer = make(params);
    optimizer.step(closures);
    for (const dtype of ["float32", "float64"] as const) {
      for (const param of params) {
        param.grad = null;
        ops.aten.set_data(param, param.detach().to(dtype));
      }
      const loss = closuresIn(mode, () => ops.aten.sum(ops.aten.mul(params[0]!, params[0]!)) as Tensor)();
      const before = values(params[0]!);
      optimizer.step([loss, loss]);
      expect(params[0]!.dtype).toBe(dtype);
      expect(values(params[0]!)).not.toEqual(before);
    }
  });

  test("a step within inferenceMode is refused and leaves nothing that later steps could not write to", () => {
    manualSeed(0);
    const model = new Sequential(new Linear(6, 8), new BatchNorm1d(8), new Linear(8, 3));
    const optimizer = new Wrapper(model.parameters(), SGD, { lr: 0.1, rho: 0.1, ...chosen, model });
    const closure = closuresIn(mode, (x: Tensor, y: Tensor) => crossEntropy(model.forward(x) as Tensor, y) as Tensor, { anew: true })(randn([4, 6]), randint(3, [4]));
    const before = bits([...model.parameters(), ...model.buffers()]);
    expectError(() => inferenceMode(() => optimizer.step([closure, closure])), "ERR_STATE", /\.step\(\): a step takes gradients, which inferenceMode\(\) keeps from being recorded/);
    expect(bits([...model.parameters(), ...model.buffers()])).toEqual(before);
    for (let i = 0; i < 3; i++) optimizer.step([closure, closure]);
    expect(bits(model.parameters())).not.toEqual(before);
  });

  test("parameters with gaps in their memory are updated, and nothing between them", () => {
    for (const [Base, options] of [[SGD, {}], [SGD, { momentum: 0.9 }], [Adam, { amsgrad: true }]] as const) {
      const whole = tensor(Array.from({ length: 12 }, (_, i) => i / 10), { dtype: "float64", shape: [6, 2] });
      const param = whole.select(1, 0);
      param.requiresGrad = true;
      const dense = param.detach().clone();
      dense.requiresGrad = true;
      const losses = [param, dense].map((p) => closuresIn(mode, () => ops.aten.sum(ops.aten.pow(p, 3)) as Tensor)());
      const optimizers = [param, dense].map((p) => new Wrapper([p], Base, { lr: 0.1, rho: 0.1, ...chosen, ...options }));
      for (let i = 0; i < 3; i++) [0, 1].forEach((k) => optimizers[k]!.step([losses[k]!, losses[k]!]));
      // Norms are summed in another order where memory has gaps.
      expect(worstError(values(param), values(dense))).toBeLessThan(1e-14);
      expect(values(whole.select(1, 1))).toEqual([1, 3, 5, 7, 9, 11].map((each) => each / 10));
    }
  });
});
