/**
 * Steps by graphs come to the same bits as steps without. No GPU is needed: on the CPU a tape of calls stands for a CUDA graph, which
 * keeps what that keeps, numbers of the host's and memory (native/capture/call_tape.h); the last tests show that it does. When steps
 * are captured anew, and why some are not, is in graph-reasons.test.ts.
 */
import {
  Adam, AdamW, capture, crossEntropy, defaultGenerator, DGSAM, ERM, GradScaler, Linear, LookSAM, manualSeed, ops, SAM, scope, SGD, tensor, zeros,
  type Closure, type GraphStats, type Module, type Tensor,
} from "dgsam";
import { describe, expect, test, vi } from "vitest";
import { DeviceNumber } from "../../../lib/optim/device-number.js";
import { Commands } from "../../../lib/tensor/internal.js";
import { FAMILY, type AnyWrapper } from "../sharpness/family.js";
import { expectError, stateBits } from "../support.js";
import { ONE_GRAPH, problem, SGD_OPTIONS } from "./graph-problem.js";
import { drawBatches, NETS, type Batch, type Net } from "./nets.js";

const STEPS = 100;
const LATE = FAMILY.filter(({ name }) => name !== "LookSAM");

interface Run {
  net: Net;
  Wrapper: AnyWrapper;
  Base: unknown;
  options: object;
  steps?: number;
  spoil?: (batches: Batch[], step: number) => void;
}

interface Outcome {
  readonly told: readonly unknown[];
  readonly end: unknown;
  readonly graphs: GraphStats;
}

/** Steps whose radius and learning rate follow a schedule. */
function take(graphs: "auto" | false, { net, Wrapper, Base, options, steps = STEPS, spoil = () => {} }: Run): Outcome {
  return scope(() => {
    manualSeed(1);
    const model: Module & { forward(x: Tensor): Tensor } = net.make();
    const optimizer = new Wrapper(model.parameters(), Base, { ...options, model, check: "late", graphs });
    const loss = capture((x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y));
    const [{ lr, rho }] = optimizer.paramGroups as unknown as [{ lr: number; rho: number }];
    const told = Array.from({ length: steps }, (_, step) => scope(() => {
      Object.assign(optimizer.paramGroups[0]!, { lr: lr * (1 + Math.cos(step)), rho: rho / (1 + step) });
      const batches = drawBatches(net);
      spoil(batches, step);
      const attempt = (): unknown => {
        try {
          return { ...optimizer.step(batches.map(({ x, y }) => loss.on(x, y))) };
        } catch (error) {
          return (error as Error).message;
        }
      };
      return stateBits([attempt(), [...model.parameters(), ...model.buffers()], model.parameters().map(({ grad }) => grad)]);
    }));
    return { told, end: stateBits([optimizer.stateDict(), defaultGenerator().getState()]), graphs: optimizer.graphs };
  });
}

function expectSame(run: Run): { told: readonly unknown[]; graphs: GraphStats } {
  const [without, by] = [take(false, run), take("auto", run)];
  without.told.forEach((expected, step) => expect(by.told[step], `step ${step}`).toEqual(expected));
  expect(by.end).toEqual(without.end);
  expect(without.graphs).toMatchObject({ captured: 0, replayed: 0, ungraphed: 0 });
  expect(new Set(without.told.map((each) => JSON.stringify(each))).size).toBeGreaterThan(0.9 * without.told.length);
  return by;
}

describe.each([NETS.mlp, NETS.noisy])("$name: a hundred steps with schedules, one capture", (net: Net) => {
  test.each(LATE)("$name", ({ Wrapper, options }) => {
    const { graphs } = expectSame({ net, Wrapper, Base: SGD, options: { ...SGD_OPTIONS, ...options } });
    expect(graphs).toMatchObject(ONE_GRAPH);
    expect(graphs.replayed).toBeGreaterThan(STEPS - 8);
    expect(graphs.replayed + graphs.captured + graphs.ungraphed).toBe(STEPS);
  });
});

describe.each([["SGD", SGD, { lr: 0.02 }], ["Adam", Adam, { lr: 0.01, amsgrad: true }], ["AdamW", AdamW, { lr: 0.01, weightDecay: 0.05 }]] as const)("over %s", (_, Base, options) => {
  test.each([["ERM", ERM], ["SAM", SAM], ["DGSAM", DGSAM]] as const)("%s", (_name, Wrapper) => {
    for (const net of [NETS.noisy, NETS.resnet]) {
      const { graphs } = expectSame({ net, Wrapper: Wrapper as never, Base, options, steps: net === NETS.noisy ? STEPS : 20 });
      expect(graphs).toMatchObject(ONE_GRAPH);
    }
  });
});

test.each(LATE)("$name: a domain that is not finite in mid-run, by either policy", ({ Wrapper, options }) => {
  for (const policy of ["skip", "throw"] as const) {
    const spoil = (batches: Batch[], step: number): void => {
      if (step >= 10 && step < 13) batches[step % 3]!.x.fill_(NaN);
    };
    const { told, graphs } = expectSame({ net: NETS.noisy, Wrapper, Base: Adam, options: { lr: 0.01, ...options, policy }, steps: 20, spoil });
    expect(JSON.stringify(told[10])).toMatch(policy === "skip" ? /"skipped":true,"nonFiniteDomain":1/ : /of domain 1 \(pass \d\) is NaN/);
    expect(graphs).toMatchObject(ONE_GRAPH);
    expect(graphs.replayed).toBeGreaterThan(12);
  }
});

test.each([["norm", { clipGradNorm: 0.1 }], ["elements", { clipGradValue: 0.01 }], ["both", { clipGradNorm: 0.1, clipGradValue: 0.01 }]])("clipping of %s is part of a graph", (_, options) => {
  const { graphs } = expectSame({ net: NETS.noisy, Wrapper: DGSAM as never, Base: Adam, options: { lr: 0.01, ...options }, steps: 20 });
  expect(graphs).toMatchObject(ONE_GRAPH);
});

test("LookSAM: a graph of each kind of its steps", () => {
  const { graphs } = expectSame({ net: NETS.noisy, Wrapper: LookSAM as never, Base: SGD, options: SGD_OPTIONS });
  // The direction and what is summed change places every fifth step.
  expect(graphs).toMatchObject({ captured: 4, graphs: 4, refused: [] });
  expect(graphs.replayed).toBeGreaterThan(0.8 * STEPS);
});

test("groups have radii and rates of their own, and one that is added is captured", () => {
  const run = (graphs: "auto" | false) => scope(() => {
    manualSeed(1);
    const [first, last, added] = [new Linear(6, 8), new Linear(8, 3), new Linear(6, 3)];
    const train = (isTrained: boolean) => added.parameters().forEach((parameter) => (parameter.requiresGrad = isTrained));
    train(false);
    const optimizer = new DGSAM([{ params: first.parameters(), rho: 0.2 }, { params: last.parameters(), lr: 0.001 }], Adam, { lr: 0.01, check: "late", graphs });
    const loss = capture((x: Tensor, y: Tensor) => crossEntropy(last.forward(first.forward(x).relu()).add(added.forward(x)), y));
    return Array.from({ length: 24 }, (_, step) => {
      if (step === 12) {
        train(true);
        optimizer.addParamGroup({ params: added.parameters(), rho: 0.01 });
      }
      optimizer.paramGroups.forEach((group, i) => Object.assign(group, { lr: 0.01 / (1 + i + step), rho: 0.1 / (1 + step * i) }));
      const { losses } = optimizer.step(drawBatches(NETS.mlp).map(({ x, y }) => loss.on(x, y)));
      const { captured, recaptured, recaptures } = optimizer.graphs;
      return { losses: [...losses], tensors: stateBits([first, last, added].map((layer) => [...layer.parameters()])), counts: { captured, recaptured, recaptures } };
    });
  });
  const [without, by] = [run(false), run("auto")];
  by.forEach(({ losses, tensors }, step) => expect({ losses, tensors }, `step ${step}`).toEqual({ losses: without[step]!.losses, tensors: without[step]!.tensors }));
  expect(by[11]!.counts).toEqual({ captured: 1, recaptured: 0, recaptures: [] });
  expect(by[23]!.counts).toEqual({ captured: 2, recaptured: 1, recaptures: [expect.any(String)] });
});

test.each([["ERM", ERM], ["DGSAM", DGSAM], ["LookSAM", LookSAM]] as const)("%s: parameters that are frozen, from the beginning and in between", (_, Wrapper) => {
  const run = (mode: "eager" | "captured", graphs: "auto" | false, check: "late" | "sync" = "late") => scope(() => {
    manualSeed(1);
    const [first, last] = [new Linear(6, 8), new Linear(8, 3)];
    first.weight.requiresGrad = false;
    const params = [...first.parameters(), ...last.parameters()];
    const optimizer = new (Wrapper as unknown as AnyWrapper)(params, Adam, { lr: 0.01, weightDecay: 0.1, check, graphs });
    const lossOf = (x: Tensor, y: Tensor) => crossEntropy(last.forward(first.forward(x).relu()), y);
    const loss = capture(lossOf);
    const told = Array.from({ length: 36 }, (_, step) => {
      if (step === 12) last.bias!.requiresGrad = false;
      if (step === 24) last.bias!.requiresGrad = first.weight.requiresGrad = true;
      const { losses, gradNorms } = optimizer.step(drawBatches(NETS.mlp).map(({ x, y }): Closure => (mode === "captured" ? loss.on(x, y) : () => lossOf(x, y))));
      if (step < 24) expect(first.weight.grad).toBeNull();
      return stateBits([[...losses], [...gradNorms], params, optimizer.stateDict(), params.map(({ grad }) => grad)]);
    });
    return { told, graphs: optimizer.graphs };
  });
  const [eager, pieces, by] = [run("eager", false), run("captured", false), run("captured", "auto")];
  pieces.told.forEach((expected, step) => expect(expected, `step ${step}`).toEqual(eager.told[step]));
  by.told.forEach((expected, step) => expect(expected, `step ${step}`).toEqual(eager.told[step]));
  expect(run("captured", false, "sync").told).toEqual(run("eager", false, "sync").told);
  expect(by.graphs.refused).toEqual([]);
  expect(by.graphs.replayed).toBeGreaterThan(Wrapper === LookSAM ? 6 : 20);
});

describe("what a graph refers to", () => {
  test("may be disposed of: an error, and no crash", () => {
    const { steps, first, optimizer } = problem();
    steps(8);
    optimizer.base.state.get(first.weight)!.momentumBuffer!.dispose();
    expectError(() => steps(1), "ERR_DISPOSED", /disposed/);
    const other = problem();
    other.steps(8);
    other.first.weight.dispose();
    expectError(() => other.steps(1), "ERR_DISPOSED", /disposed/);
  });

  test("a loss scale is part of it", () => {
    const { optimizer, model, steps } = problem({}, Adam);
    steps(5);
    const loss = capture((x: Tensor, y: Tensor) => crossEntropy(model.forward(x) as Tensor, y));
    const scaler = new GradScaler({ initScale: 1024, growthInterval: 8 });
    for (let i = 0; i < 20; i++) {
      scaler.step(optimizer, drawBatches(NETS.mlp).map(({ x, y }): Closure => loss.on(x, y)));
      scaler.update();
    }
    expect(scaler.getScale()).toBe(4096);
    expect(optimizer.graphs.captured).toBe(4);
    expect(optimizer.graphs.recaptures).toContain("the weight of a loss");
  });

  test("versions tell autograd that a step was taken", () => {
    const { steps, first, optimizer } = problem();
    steps(8);
    const product = ops.aten.sum(ops.aten.mul(first.weight, first.weight));
    steps(1);
    expect(optimizer.graphs.replayed).toBeGreaterThan(1);
    expect(() => product.backward()).toThrow(/modified by an inplace operation/);
  });

  test("gradients lie where they lay after the step before", () => {
    const { steps, first, optimizer } = problem();
    steps(8);
    const before = first.weight.grad!;
    const values = stateBits(before);
    steps(1);
    expect(stateBits(before)).not.toEqual(values);
    expect(stateBits(before)).toEqual(stateBits(first.weight.grad));
    expect(optimizer.graphs).toMatchObject(ONE_GRAPH);
  });
});

describe("a gradient that a graph gave is the user's", () => {
  const USES: [string, (gradient: Tensor) => unknown, number][] = [
    ["transposed in place", (gradient) => ops.aten["t_.default"](gradient), 1],
    ["with other memory", (gradient) => ops.aten.set_data(gradient, zeros([2, 2])), 1],
    ["requiring a gradient of its own", (gradient) => gradient.requiresGrad_(), 1],
    ["disposed of", (gradient) => gradient.dispose(), 1],
    ["made smaller", (gradient) => ops.aten["resize_.default"](gradient, [3]), 1],
    // Of the memory that it shares with the graph.
    ["made larger", (gradient) => ops.aten["resize_.default"](gradient, [50_000]), 2],
  ];

  test.each(USES)("%s", (_, use, captured) => {
    const run = (graphs: "auto" | false) => {
      const { steps, first, model, optimizer } = problem({ graphs });
      const told = Array.from({ length: 16 }, (__, step) => {
        const { losses } = steps(1);
        const gradient = first.weight.grad!;
        const bits = stateBits([[...losses], [...model.parameters()], gradient]);
        if (step === 6) use(gradient);
        if (step === 10) use(first.weight.grad!);
        return bits;
      });
      return { told, graphs: optimizer.graphs };
    };
    const [without, by] = [run(false), run("auto")];
    by.told.forEach((each, step) => expect(each, `step ${step}`).toEqual(without.told[step]));
    expect(by.graphs.refused).toEqual([]);
    expect(by.graphs.captured).toBeGreaterThanOrEqual(captured);
    expect(by.graphs.replayed).toBeGreaterThan(6);
  });

  test("and one that was kept for a differentiation is known to be overwritten", () => {
    const { steps, first } = problem();
    steps(8);
    const factor = tensor(1).requiresGrad_();
    const product = ops.aten.sum(ops.aten.mul(first.weight.grad!, factor));
    steps(1);
    expect(() => product.backward()).toThrow(/modified by an inplace operation/);
  });
});

describe("what the tests would show", () => {
  const run = { net: NETS.mlp, Wrapper: DGSAM as never, Base: SGD, options: SGD_OPTIONS, steps: 12 };

  test.each([["the learning rate", false], ["the radius", true]])("%s, if it stayed what it was", (_, isRadius) => {
    const at = DeviceNumber.prototype.at;
    vi.spyOn(DeviceNumber.prototype, "at").mockImplementation(function (this: DeviceNumber & { first?: number }, device, value) {
      this.first ??= value;
      return at.call(this, device, (this.first === 0.05) === isRadius ? this.first : value);
    });
    const by = take("auto", run);
    vi.restoreAllMocks();
    const without = take(false, run);
    expect(by.graphs).toMatchObject({ captured: 1 });
    expect(by.told[0]).toEqual(without.told[0]);
    expect(by.told.at(-1)).not.toEqual(without.told.at(-1));
  });

  test("a number of the host's that is not in the key, and a tensor that is another", () => {
    const { aten } = ops;
    const [w, one, other] = [zeros([2]), tensor([1, 1]), tensor([5, 5])];
    const commands = (number: number, summand: Tensor) => {
      const list = new Commands([w]);
      list.call(aten["add_.Scalar"] as never, [w, number]);
      list.call(aten["add_.Tensor"] as never, [w, summand]);
      return list;
    };
    const { graph, done, reason } = commands(10, one).capture(null);
    expect({ done, reason }).toEqual({ done: true, reason: null });
    expect(w.toArray()).toEqual([11, 11]);
    expect(commands(1000, other).replay(graph!)).toEqual({ done: true, reason: null });
    expect(w.toArray()).toEqual([22, 22]);
    aten["fill_.Scalar"](one, 100);
    expect(commands(10, one).replay(graph!)).toEqual({ done: true, reason: null });
    expect(w.toArray()).toEqual([132, 132]);
    graph!.dispose();
    expectError(() => commands(10, one).replay(graph!), "ERR_DISPOSED", /graph has been disposed/);
  });

  test("a value that is read within the step", () => {
    const w = tensor([3, 4]).requiresGrad_();
    w.grad = tensor([1, 1]);
    const list = new Commands([w]);
    // It waits for its norm.
    list.call(ops.aten["equal.default"] as never, [w, w]);
    expect(() => list.capture(null)).toThrow();
    const half = tensor([1, 1], { dtype: "bfloat16" }).requiresGrad_();
    half.grad = tensor([1, 1], { dtype: "bfloat16" });
    const sgd = new Commands([half]);
    // On the CPU this one asks the flag itself for parameters of 16 bits.
    sgd.call(ops.dgsam["sgd_.late"] as never, [[half], [], tensor(0.5, { dtype: "float64" }).reshape([]), 0, 0, 0, false, false, false, zeros([])]);
    expect(sgd.capture(null)).toMatchObject({ graph: null, done: true, reason: expect.stringMatching(/_local_scalar_dense/) });
    expect(half.toArray()).toEqual([0.5, 0.5]);
  });
});
