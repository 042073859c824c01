/** When steps are captured anew, and why some have no graph: what `optimizer.graphs` tells. Of the bits see graphs.test.ts. */
import { Adam, capture, DISAM, ERM, Generator, ops, SAM, SGD, tensor, zeros, type Tensor } from "dgsam";
import { describe, expect, test, vi } from "vitest";
import { Commands, emulateGraphs } from "../../../lib/tensor/internal.js";
import { expectError, stateBits } from "../support.js";
import { ONE_GRAPH, problem, type Problem } from "./graph-problem.js";

describe("a step is captured anew", () => {
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
    }, /^a tensor has other memory$/],
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
    expect(optimizer.graphs.refused).toEqual([expect.stringMatching(/^a captured function runs as it is: .*_local_scalar_dense/)]);
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

  test("numbers that change in every step, which no capture could follow", () => {
    const { steps, optimizer } = problem();
    for (let i = 0; i < 30; i++) {
      optimizer.base.paramGroups[0]!.momentum = 0.5 + i / 100;
      steps(1);
    }
    expect(optimizer.graphs).toMatchObject({ captured: 0, replayed: 0, ungraphed: 30 });
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
