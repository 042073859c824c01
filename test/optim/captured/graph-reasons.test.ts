/** When steps are captured anew, and why some have no graph: what `optimizer.graphs` tells. Of the bits see graphs.test.ts. */
import { Adam, capture, crossEntropy, DGSAM, DISAM, ERM, Generator, Linear, manualSeed, ops, randint, randn, SAM, SGD, SharpnessAware, tensor, zeros, type Passes, type Tensor } from "dgsam";
import { describe, expect, test, vi } from "vitest";
import { Commands, emulateGraphs } from "../../../lib/tensor/internal.js";
import { expectError, stateBits } from "../support.js";
import { ONE_GRAPH, problem, type Problem } from "./graph-problem.js";

describe("a step is captured anew", () => {
  const TOO_MANY = expect.stringMatching(/^steps are of more kinds than there are graphs \(8\): domains whose batches differ in shape/);

  /** What happens, and the reason that is told; how often after it. */
  const CAUSES: [string, (problem: Problem) => void, RegExp][] = [
    ["when an option of the base optimizer changes", ({ optimizer }) => (optimizer.base.paramGroups[0]!.weightDecay = 0.1), /^dgsam::sgd_\.late: weight_decay$/],
    ["when the momentum changes", ({ optimizer }) => (optimizer.base.paramGroups[0]!.momentum = 0.5), /^dgsam::sgd_\.late: momentum$/],
    ["when a state was loaded", ({ optimizer }) => optimizer.loadStateDict(optimizer.stateDict()), /^dgsam::sgd_\.late: momentum_buffers$/],
    ["when the model is evaluated", ({ model }) => model.eval(), /program/],
    ["when a parameter has other memory", ({ first }) => void ops.aten.set_data(first.weight, first.weight.detach().clone()), /program/],
    ["when a state has other memory", ({ optimizer, first }) => {
      const { momentumBuffer } = optimizer.base.state.get(first.weight)!;
      ops.aten.set_data(momentumBuffer!, momentumBuffer!.clone());
    }, /^a tensor has other memory, or requires/],
    ["when what is only read has other memory, though of the same storage", ({ read }) => {
      ops.aten["resize_.default"](read, [100_000]);
      ops.aten["resize_.default"](read, [1]);
      read.fill_(2);
    }, /^a tensor has other memory, or requires/],
    ["when the model was converted", ({ model }) => void model.to("float64").to("float32"), /program/],
  ];

  test.each(CAUSES)("%s", (_, change, cause) => {
    const one = problem();
    one.steps(8);
    expect(one.optimizer.graphs).toMatchObject(ONE_GRAPH);
    change(one);
    one.steps(8);
    const { captured, recaptured, recaptures, refused } = one.optimizer.graphs;
    expect({ captured, recaptured, refused }).toEqual({ captured: 2, recaptured: 1, refused: [] });
    expect(recaptures.length).toBe(1);
    expect(recaptures[0]).toMatch(cause);
  });

  test("for batches of another size, which have a graph of their own then", () => {
    const { steps, optimizer } = problem();
    for (let epoch = 0; epoch < 8; epoch++) {
      steps(6);
      steps(1, 3);
    }
    expect(optimizer.graphs).toMatchObject({ captured: 2, recaptured: 1, graphs: 2, evicted: 0, refused: [] });
    // Three steps of the small batches run, record and are first planned; the fourth is captured.
    expect(optimizer.graphs.replayed).toBeGreaterThan(8 * 7 - 12);
  });

  test("not for others' gradients, nor when they are cleared", () => {
    const { steps, optimizer, model } = problem();
    steps(8);
    optimizer.zeroGrad();
    steps(1);
    model.parameters().forEach((parameter) => (parameter.grad = zeros(parameter.shape)));
    steps(1);
    expect(optimizer.graphs).toMatchObject(ONE_GRAPH);
  });

  test("graphs that were not used longest make room", () => {
    const { steps, optimizer } = problem();
    for (let size = 2; size < 13; size++) steps(6, size);
    const { graphs, evicted, captured } = optimizer.graphs;
    expect({ graphs, evicted, captured }).toEqual({ graphs: 8, evicted: 3, captured: 11 });
    optimizer.releaseGraphs();
    expect(optimizer.graphs.graphs).toBe(0);
    steps(6);
    expect(optimizer.graphs.graphs).toBe(1);
  });

  test("graphs whose programs are gone leave at once, and count as those that make room", () => {
    const { steps, optimizer } = problem({}, SGD, undefined, 4);
    for (let size = 2; size < 8; size++) steps(10, size);
    // Each has a program for passes that move BatchNorm's buffers and one for those that do not.
    expect(optimizer.graphs).toMatchObject({ captured: 6, graphs: 2, evicted: 0 });
    for (let cycle = 0; cycle < 10; cycle++) for (let size = 2; size < 13; size++) steps(6, size);
    expect(optimizer.graphs.captured).toBeLessThan(24);
    expect(optimizer.graphs).toMatchObject({ evicted: 0, refused: [TOO_MANY] });
  });

  test("less and less often where memory moves every few steps, which is told", () => {
    const { steps, optimizer, first } = problem();
    for (let i = 0; i < 150; i++) {
      steps(4);
      const { momentumBuffer } = optimizer.base.state.get(first.weight)!;
      ops.aten.set_data(momentumBuffer!, momentumBuffer!.clone());
    }
    const { captured, recaptures, refused } = optimizer.graphs;
    expect(captured).toBeGreaterThan(8);
    expect(captured).toBeLessThan(16);
    expect(recaptures).toEqual([expect.stringMatching(/^a tensor has other memory/)]);
    expect(refused).toEqual([expect.stringMatching(/^what steps use changes too often for graphs, which take more time than 10 steps save: a tensor has other memory/)]);
  });

  /** DGSAM over batches of these sizes, in random order. */
  function mixed(sizes: readonly number[], steps: number, ownFunctions = false): DGSAM {
    manualSeed(1);
    const model = new Linear(6, 3);
    const optimizer = new DGSAM(model.parameters(), SGD, { lr: 0.1, check: "late" });
    const make = () => capture((x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y));
    const shared = make();
    const functions = sizes.map(() => (ownFunctions ? make() : shared));
    for (let i = 0; i < steps; i++) optimizer.step(sizes.map((size, d) => functions[d]!.on(randn([size, 6]), randint(3, [size]))));
    return optimizer;
  }

  test.each([["shapes", [4, 5, 6], false], ["functions", [4, 4, 4], true]] as const)("for each order of three domains of other %s, and no more", (_, sizes, own) => {
    expect(mixed(sizes, 100, own).graphs).toMatchObject({ captured: 6, graphs: 6, evicted: 0, refused: [] });
  });

  test.each([["four domains' shapes", [4, 5, 6, 7], false], ["five domains' functions", [4, 4, 4, 4, 4], true]] as const)("no more where orders of %s are too many, which is told", (_, sizes, own) => {
    const optimizer = mixed(sizes, 600, own);
    const { captured } = optimizer.graphs;
    expect(captured).toBeLessThanOrEqual(30);
    expect(optimizer.graphs).toMatchObject({ graphs: 8, refused: [TOO_MANY] });
  });

  test("graphs that are long unused make room all the same", () => {
    const { steps, optimizer } = problem();
    for (let size = 2; size < 20; size++) steps(6, size);
    // Each took two steps. The last sizes found no room.
    expect(optimizer.graphs).toMatchObject({ captured: 16, evicted: 8, refused: [TOO_MANY] });
    steps(60, 17);
    steps(3, 19);
    expect(optimizer.graphs).toMatchObject({ captured: 17, evicted: 9, graphs: 8 });
  });
});

describe("a step without a graph, and why", () => {
  test("a base optimizer that waits", () => {
    class Own extends Adam {}
    const { steps, optimizer } = problem({}, Own);
    steps(8);
    expect(optimizer.graphs).toMatchObject({ captured: 0, replayed: 0, ungraphed: 8, graphs: 0, refused: ["Own cannot leave a step out on the device"] });
  });

  test("closures that are no captured functions'", () => {
    const w = zeros([3], { requiresGrad: true });
    const optimizer = new SAM([w], SGD, { lr: 0.1, check: "late" });
    for (let i = 0; i < 3; i++) optimizer.step(() => ops.aten.sum(w));
    expect(optimizer.graphs).toMatchObject({ ungraphed: 3, captured: 0, refused: ["a closure is no captured function's"] });
  });

  test("functions that cannot be recorded", () => {
    vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const { steps, optimizer } = problem({}, SGD, (loss) => loss.mul((loss.item() as number) > 1e9 ? 2 : 1));
    steps(5);
    expect(optimizer.graphs.captured).toBe(0);
    expect(optimizer.graphs.refused).toEqual(["a captured function runs as it is: it reads the value of a tensor by item()"]);
  });

  test("a parameter that gets no gradient, unless it is frozen", () => {
    const idle = zeros([2], { requiresGrad: true });
    const w = tensor([1, 2, 3]).requiresGrad_();
    const optimizer = new SAM([w, idle], Adam, { lr: 0.1, check: "late" });
    const loss = capture((x: Tensor) => ops.aten.sum(ops.aten.mul(w, x)));
    for (let i = 0; i < 8; i++) optimizer.step(loss.on(tensor([1, 2, i])));
    expect(optimizer.graphs).toMatchObject({ captured: 0, ungraphed: 8, refused: ["a parameter that requires a gradient gets none from a captured function"] });
    idle.requiresGrad = false;
    for (let i = 0; i < 8; i++) optimizer.step(loss.on(tensor([1, 2, i])));
    expect(optimizer.graphs).toMatchObject({ captured: 1, replayed: 6, ungraphed: 9 });
    expect(idle.grad).toBeNull();
  });

  test("a parameter that gets no gradient and is no longer frozen, with a base optimizer that keeps no state", () => {
    const idle = zeros([2]);
    const w = tensor([1, 2, 3]).requiresGrad_();
    const optimizer = new SAM([w, idle], SGD, { lr: 0.1, check: "late" });
    const loss = capture((x: Tensor) => ops.aten.sum(ops.aten.mul(w, x)));
    const steps = (count: number) => Array.from({ length: count }, (_, i) => optimizer.step(loss.on(tensor([1, 2, i]))));
    steps(8);
    const { replayed } = optimizer.graphs;
    expect(replayed).toBeGreaterThan(4);
    idle.requiresGrad = true;
    steps(4);
    expect(optimizer.graphs).toMatchObject({ captured: 1, replayed, refused: ["a parameter that requires a gradient gets none from a captured function"] });
    idle.requiresGrad = false;
    steps(4);
    expect(optimizer.graphs).toMatchObject({ captured: 1, replayed: replayed + 4 });
  });

  test("DISAM's micro-batches", () => {
    const w = tensor([1, 2, 3]).requiresGrad_();
    const optimizer = new DISAM([w], SGD, { lr: 0.1, check: "late" });
    const loss = capture((x: Tensor) => ops.aten.sum(ops.aten.mul(w, x)));
    const step = () => optimizer.step([0, 1].map((domain) => [0, 1].map((half) => loss.on(tensor([1, domain, half])))));
    for (let i = 0; i < 6; i++) step();
    expect(optimizer.graphs).toMatchObject({ captured: 0, ungraphed: 6, refused: ["DISAM's domains have micro-batches"] });
  });

  test("random numbers of a generator of the caller's", () => {
    const generator = new Generator();
    const { steps, optimizer } = problem({}, SGD, (loss) => loss.mul(ops.aten["bernoulli.p"](loss.detach(), 0.5, { generator }).add(1)));
    steps(6);
    expect(optimizer.graphs).toMatchObject({ captured: 0, refused: [expect.stringMatching(/bernoulli.* draws from a generator of the caller's/)] });
  });

  test("functions that decompose matrices", () => {
    const { steps, optimizer } = problem({}, SGD, (loss) => loss.add(ops.aten["linalg_eigvalsh.default"](tensor([[2, 1], [1, 2]]).mul(loss)).sum()));
    steps(6);
    expect(optimizer.graphs).toMatchObject({ captured: 0, refused: [expect.stringMatching(/aten::_linalg_eigh, whose success CUDA's library has to be asked for/)] });
  });

  test("batches that are views of one element", () => {
    const w = tensor([1, 2, 3]).requiresGrad_();
    const optimizer = new ERM([w], SGD, { lr: 0.1, check: "late" });
    const loss = capture((x: Tensor) => ops.aten.sum(ops.aten.mul(w, x)));
    for (let i = 0; i < 5; i++) optimizer.step(loss.on(tensor([2]).expand([3])));
    expect(optimizer.graphs).toMatchObject({ captured: 0, refused: ["a batch is more than memory of its own: contiguous() makes it that"] });
    expect((w.toArray() as number[]).map((each) => Math.round(each * 10))).toEqual([0, 10, 20]);
  });

  test("batches that require gradients, or are written to", () => {
    const w = tensor([1, 2, 3]).requiresGrad_();
    const optimizer = new ERM([w], SGD, { lr: 0.1, check: "late" });
    const written = capture((x: Tensor) => ops.aten.sum(ops.aten.mul(w, ops.aten.add_(x, 1))));
    for (let i = 0; i < 5; i++) optimizer.step(written.on(zeros([3])));
    expect(optimizer.graphs).toMatchObject({ captured: 0, refused: ["a captured function writes to its batch"] });
    const leaf = capture((x: Tensor) => ops.aten.sum(ops.aten.mul(w, x)));
    for (let i = 0; i < 5; i++) optimizer.step(leaf.on(zeros([3], { requiresGrad: true })));
    expect(optimizer.graphs).toMatchObject({ captured: 0, refused: ["a captured function writes to its batch", "a batch requires a gradient"] });
  });

  test("gradients of tensors that are none of the optimizer's, which others clear", () => {
    manualSeed(1);
    const [body, head] = [new Linear(6, 8), new Linear(8, 3)];
    const optimizer = new SAM(body.parameters(), SGD, { lr: 0.05, check: "late" });
    const rest = new SGD(head.parameters(), { lr: 0.05 });
    const loss = capture((x: Tensor, y: Tensor) => crossEntropy(head.forward(body.forward(x).relu()), y));
    for (let i = 0; i < 8; i++) {
      optimizer.step(loss.on(randn([4, 6]), randint(3, [4])));
      expect(head.weight.grad, `step ${i}`).not.toBeNull();
      rest.step();
      rest.zeroGrad();
    }
    const refused = ["a captured function gives gradients to a tensor that is none of the optimizer's parameters"];
    expect(optimizer.graphs).toMatchObject({ captured: 0, ungraphed: 8, refused });
    // Frozen, they get none.
    for (const parameter of head.parameters()) parameter.requiresGrad = false;
    for (let i = 0; i < 8; i++) optimizer.step(loss.on(randn([4, 6]), randint(3, [4])));
    expect(optimizer.graphs).toMatchObject({ captured: 1, refused });
  });

  test("numbers that change in every step, which no capture could follow", () => {
    const { steps, optimizer } = problem();
    for (let i = 0; i < 60; i++) {
      optimizer.base.paramGroups[0]!.momentum = 0.5 + i / 200;
      steps(1);
    }
    expect(optimizer.graphs).toMatchObject({ captured: 0, replayed: 0, ungraphed: 60, refused: [expect.stringMatching(/^steps are of more kinds/)] });
  });

  test("functions that are called with another number each time", () => {
    const w = tensor([1, 2, 3]).requiresGrad_();
    const optimizer = new ERM([w], SGD, { lr: 0.01, check: "late" });
    const loss = capture((x: Tensor, factor: number) => ops.aten.sum(ops.aten.mul(w, x)).mul(factor));
    for (let i = 0; i < 20; i++) optimizer.step(loss.on(tensor([1, 2, i]), i));
    expect(optimizer.graphs).toMatchObject({ captured: 0, ungraphed: 20, refused: [expect.stringMatching(/^a captured function has no program for what it is called with/)] });
  });

  test("which is not said of functions that are checked again and again, or whose inputs share memory for once", () => {
    const w = tensor([1, 2, 3]).requiresGrad_();
    const optimizer = new ERM([w], SGD, { lr: 0.01, check: "late" });
    const checked = capture((x: Tensor) => ops.aten.sum(ops.aten.mul(w, x)), { check: 1 });
    for (let i = 0; i < 20; i++) optimizer.step(checked.on(tensor([1, 2, i])));
    const two = capture((x: Tensor, y: Tensor) => ops.aten.sum(ops.aten.mul(ops.aten.mul(w, x), y)));
    const both = tensor([[1, 2, 3], [4, 5, 6]]);
    for (let i = 0; i < 30; i++) optimizer.step(i < 6 ? two.on(tensor([1, 2, i]), tensor([i, 1, 2])) : two.on(both.select(0, 0), both.select(0, 1)));
    expect(optimizer.graphs).toMatchObject({ captured: 1, refused: [] });
  });

  test("arguments that have no name", () => {
    vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const w = tensor([1, 2, 3]).requiresGrad_();
    const optimizer = new ERM([w], SGD, { lr: 0.01, check: "late" });
    const loss = capture((x: Tensor, _: unknown) => ops.aten.sum(ops.aten.mul(w, x)));
    for (let i = 0; i < 5; i++) optimizer.step(loss.on(tensor([1, 2, i]), new Map()));
    expect(optimizer.graphs).toMatchObject({ captured: 0, ungraphed: 5, refused: [expect.stringMatching(/^a captured function runs as it is: an argument is something other than/)] });
  });

  test("steps that look at each pass", () => {
    class Looks extends SharpnessAware {
      protected run(passes: Passes): void {
        passes.differentiateMean();
        this.climb.gather();
      }
    }
    const w = tensor([1, 2, 3]).requiresGrad_();
    const loss = capture((x: Tensor) => ops.aten.sum(ops.aten.mul(w, x)));
    for (const [optimizer, reason] of [
      [new ERM([w], SGD, { lr: 0.01, check: "sync" }), 'check: "sync" looks at every pass'],
      [new Looks([w], SGD, { lr: 0.01 }), "Looks looks at what its step finds"],
    ] as const) {
      for (let i = 0; i < 5; i++) optimizer.step(loss.on(tensor([1, 2, i])));
      expect(optimizer.graphs).toMatchObject({ captured: 0, ungraphed: 5, refused: [reason] });
    }
  });

  const WRITTEN = "a batch lies in memory that the step writes to, say a parameter's or a buffer's: clone() gives it its own";

  test.each([["from the first step on", 0], ["once there is a graph", 6]])("batches that another function writes to, %s", (_, from) => {
    const run = (graphs: "auto" | false) => {
      const w = tensor([1, 2, 3]).requiresGrad_();
      const bank = zeros([3]);
      const optimizer = new ERM([w], SGD, { lr: 0.01, check: "late", graphs });
      const writes = capture((x: Tensor) => (ops.aten["copy_.default"](bank, x), ops.aten.sum(ops.aten.mul(w, x))));
      const reads = capture((x: Tensor) => ops.aten.sum(ops.aten.mul(ops.aten.mul(w, w), x)));
      const losses = Array.from({ length: 12 }, (__, i) => [...optimizer.step([writes.on(tensor([i, i + 1, 2 * i])), reads.on(i < from ? tensor([1, i, 2]) : bank)]).losses]);
      return { losses, w: w.toArray(), told: optimizer.graphs };
    };
    const [without, by] = [run(false), run("auto")];
    expect(by.losses).toEqual(without.losses);
    expect(by.w).toEqual(without.w);
    expect(by.told.captured).toBe(from === 0 ? 0 : 1);
    expect(by.told.refused).toEqual([WRITTEN]);
  });

  test("a batch that is written to once does not end the graph", () => {
    const w = tensor([1, 2, 3]).requiresGrad_();
    const bank = zeros([3]);
    const optimizer = new ERM([w], SGD, { lr: 0.01, check: "late" });
    const writes = capture((x: Tensor) => (ops.aten["copy_.default"](bank, x), ops.aten.sum(ops.aten.mul(w, x))));
    const reads = capture((x: Tensor) => ops.aten.sum(ops.aten.mul(ops.aten.mul(w, w), x)));
    for (let i = 0; i < 20; i++) optimizer.step([writes.on(tensor([i, 1, 2])), reads.on(i % 5 === 4 ? bank : tensor([1, i, 2]))]);
    // Steps that run, record and are first planned, and those over the bank.
    expect(optimizer.graphs).toMatchObject({ captured: 1, recaptured: 0, replayed: 12, ungraphed: 7, refused: [WRITTEN] });
  });

  test("the option, and the CPU without the emulation", () => {
    const off = problem({ graphs: false });
    off.steps(6);
    expect(off.optimizer.graphs).toMatchObject({ captured: 0, ungraphed: 0 });
    emulateGraphs(false);
    const cpu = problem();
    cpu.steps(6);
    expect(cpu.optimizer.graphs).toMatchObject({ captured: 0, ungraphed: 0 });
    expectError(() => problem({ graphs: true }), "ERR_ARGUMENT", /DGSAM: graphs: expected "auto" or false, got the boolean true/);
  });

  test("a step whose batch no program was recorded for", () => {
    const { steps, optimizer } = problem();
    steps(8);
    const before = optimizer.graphs;
    steps(1, 5);
    expect(optimizer.graphs).toEqual({ ...before, ungraphed: before.ungraphed + 1 });
    steps(1);
    expect(optimizer.graphs.replayed).toBe(before.replayed + 1);
  });
});

describe("a capture that fails", () => {
  const MEMORY = "CUDA out of memory. Tried to allocate 20.00 GiB";

  /** Lets so many captures fail, before anything is done, as they do on a GPU. */
  function failing(count: number, mayComeYet: boolean): void {
    const capture = Commands.prototype.capture;
    let left = count;
    vi.spyOn(Commands.prototype, "capture").mockImplementation(function (this: Commands, sharing) {
      return left-- > 0 ? { graph: null, done: false, mayComeYet, reason: MEMORY } : capture.call(this, sharing);
    });
  }

  test("by chance is tried again, ten and then a hundred steps later; the step is taken", () => {
    failing(2, true);
    const { steps, optimizer } = problem();
    // Three are taken before the first attempt.
    steps(4);
    expect(optimizer.graphs).toMatchObject({ captured: 0, ungraphed: 4, failed: 1, failures: [MEMORY], refused: [] });
    steps(10);
    expect(optimizer.graphs).toMatchObject({ captured: 0, ungraphed: 14, failed: 1 });
    steps(1);
    expect(optimizer.graphs).toMatchObject({ captured: 0, ungraphed: 15, failed: 2, failures: [MEMORY], refused: [] });
    steps(100);
    expect(optimizer.graphs).toMatchObject({ captured: 0, ungraphed: 115, failed: 2 });
    steps(5);
    expect(optimizer.graphs).toMatchObject({ captured: 1, replayed: 4, ungraphed: 115, failed: 2, failures: [MEMORY], refused: [] });
  });

  test("three times is refused, with the last reason", () => {
    failing(3, true);
    const { steps, optimizer } = problem();
    steps(300);
    expect(optimizer.graphs).toMatchObject({ captured: 0, ungraphed: 300, failed: 3, failures: [MEMORY], refused: [MEMORY] });
    expect(Commands.prototype.capture).toHaveBeenCalledTimes(3);
  });

  test("by what the step does is refused at once", () => {
    failing(1, false);
    const { steps, optimizer } = problem();
    steps(50);
    expect(optimizer.graphs).toMatchObject({ captured: 0, ungraphed: 50, failed: 0, failures: [], refused: [MEMORY] });
    expect(Commands.prototype.capture).toHaveBeenCalledTimes(1);
  });

  test("leaves steps that are those of an optimizer without graphs", () => {
    const states = ([false, "auto"] as const).map((graphs) => {
      if (graphs === "auto") failing(2, true);
      const { steps, model, optimizer } = problem({ graphs });
      steps(130);
      return stateBits([[...model.parameters(), ...model.buffers()], optimizer.stateDict()]);
    });
    expect(states[1]).toEqual(states[0]);
  });
});
