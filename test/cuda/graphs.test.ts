/**
 * Steps as CUDA graphs come to the bits of steps without, whatever schedules and the order of domains do, and a capture that fails leaves no
 * trace. What needs no device is in test/optim/captured/graphs.test.ts.
 */
import {
  Adadelta, Adagrad, Adam, Adamax, AdamW, ASAM, autocast, DGSAM, DISAM, ERM, GSAM, LookSAM, manualSeed, NAdam, noGrad, ops, RAdam, randn, RMSprop, SAGM, SAM, SGD, tensor, type Tensor,
} from "dgsam";
import { expect, test } from "vitest";
import { stateBits } from "../optim/support.js";
import { problem, STEPS, take } from "./graph-problem.js";
import { describeWithNvcc, hasKernels } from "./support.js";

const CASES: readonly (readonly [string, unknown, unknown, object])[] = [
  ["ERM over SGD", ERM, SGD, { lr: 0.05, momentum: 0.9, nesterov: true }],
  ["SAM over Adam", SAM, Adam, { lr: 0.01, amsgrad: true }],
  ["DGSAM over SGD", DGSAM, SGD, { lr: 0.05, momentum: 0.9 }],
  ["DGSAM over Adam", DGSAM, Adam, { lr: 0.01 }],
  ["DGSAM over AdamW", DGSAM, AdamW, { lr: 0.01, weightDecay: 0.05 }],
];
// By kernels of our own; those of LibTorch wait.
const SWEPT: typeof CASES = [
  ["DGSAM over RMSprop", DGSAM, RMSprop, { lr: 0.01, momentum: 0.5, centered: true }],
  ["DGSAM over Adagrad", DGSAM, Adagrad, { lr: 0.01, lrDecay: 0.1 }],
  ["DGSAM over Adadelta", DGSAM, Adadelta, {}],
  ["DGSAM over NAdam", DGSAM, NAdam, { lr: 0.01, weightDecay: 0.05, decoupledWeightDecay: true }],
  ["DGSAM over RAdam", DGSAM, RAdam, { lr: 0.01 }],
  ["DGSAM over Adamax", DGSAM, Adamax, { lr: 0.01 }],
];

// Some of them have graphs of more than one kind of step.
const OTHERS: typeof CASES = ([ASAM, GSAM, SAGM, DISAM, LookSAM] as const).map((Wrapper) => [`${Wrapper.name} over SGD`, Wrapper, SGD, { lr: 0.05, momentum: 0.9 }]);

describeWithNvcc("graphs", () => {
  test.each(OTHERS)("%s: the steps that are taken without", (_, Wrapper, Base, options) => {
    const [without, by] = [take(false, Wrapper, Base, options), take("auto", Wrapper, Base, options)];
    without.told.forEach((expected, step) => expect(by.told[step], `step ${step}`).toEqual(expected));
    expect(by.graphs.refused).toEqual([]);
    expect(by.graphs.replayed).toBeGreaterThan(STEPS / 2);
  });

  test("autocast around a step and what follows it sees the parameters as the step left them", () => {
    const { model, optimizer, step } = problem(DGSAM, SGD, { lr: 0.5 });
    const x = randn([8, 16], { device: "cuda" });
    const evaluate = () => noGrad(() => {
      model.eval();
      const logits = (model.forward(x) as Tensor).clone();
      model.train();
      return logits;
    });
    const within = autocast(() => {
      for (let i = 0; i < 8; i++) step();
      evaluate();
      const { replayed } = optimizer.graphs;
      step();
      expect(optimizer.graphs.replayed).toBe(replayed + 1);
      return evaluate();
    }, { device: "cuda", dtype: "bfloat16" });
    expect(within.toArray()).toEqual(autocast(evaluate, { device: "cuda", dtype: "bfloat16" }).toArray());
  });

  test.each([...CASES, ...(hasKernels ? SWEPT : [])])("%s: the steps that are taken without, one capture", (_, Wrapper, Base, options) => {
    const [without, by] = [take(false, Wrapper, Base, options), take("auto", Wrapper, Base, options)];
    without.told.forEach((expected, step) => expect(by.told[step], `step ${step}`).toEqual(expected));
    expect(by.graphs).toMatchObject({ captured: 1, recaptured: 0, graphs: 1, refused: [] });
    expect(by.graphs.replayed).toBeGreaterThan(STEPS - 8);
  });

  test("another size of batches has a graph of its own, and both go on", () => {
    const { optimizer, step, state } = problem(DGSAM, Adam, { lr: 0.01 });
    const other = problem(DGSAM, Adam, { lr: 0.01, graphs: false });
    const sizes = Array.from({ length: 30 }, (_, i) => (i % 5 === 4 ? 5 : 8));
    manualSeed(2);
    for (const size of sizes) void step(size).losses;
    manualSeed(2);
    for (const size of sizes) void other.step(size).losses;
    expect(optimizer.graphs).toMatchObject({ captured: 2, graphs: 2, refused: [] });
    expect(state()).toEqual(other.state());
  });

  test("a domain that is not finite is left out", () => {
    const { model, optimizer, step } = problem(DGSAM, Adam, { lr: 0.01, policy: "skip" });
    // The order that was drawn for a step is used up.
    const state = () => stateBits([[...model.parameters(), ...model.buffers()], optimizer.stateDict().base, optimizer.stateDict().steps]);
    for (let i = 0; i < 8; i++) void step().losses;
    const before = state();
    const [first] = model.parameters();
    const whole = first!.detach().clone();
    ops.aten["fill_.Scalar"](first!.detach(), NaN);
    expect(step()).toMatchObject({ skipped: true, nonFiniteDomain: expect.any(Number) });
    ops.aten["copy_.default"](first!.detach(), whole);
    expect(state()).toEqual(before);
    expect(step().skipped).toBe(false);
    expect(optimizer.graphs).toMatchObject({ captured: 1, refused: [] });
  });

  test("what cannot be captured goes on without, from where it was, and random numbers are drawn as before", () => {
    const numbers = tensor([2, 1, 1, 2]).to("cuda");
    // The host asks for the bounds.
    const waiting = (loss: Tensor): Tensor => loss.add(ops.aten["histc.default"](numbers.mul(loss.detach()), 4, 0, 0).sum().mul(loss));
    const [by, without] = (["auto", false] as const).map((graphs) => {
      const { optimizer, step, state } = problem(DGSAM, Adam, { lr: 0.01, graphs }, waiting);
      const told = Array.from({ length: 10 }, () => ({ result: { ...step() }, state: state() }));
      return { told, graphs: optimizer.graphs, next: stateBits(randn([4], { device: "cuda" })) };
    });
    expect(by!.told).toEqual(without!.told);
    expect(by!.next).toEqual(without!.next);
    expect(by!.graphs).toMatchObject({ captured: 0, failed: 1, failures: [expect.stringMatching(/captur/)], refused: [] });
  });

  test("matrices are decomposed without a graph", () => {
    const matrix = tensor([[2, 1], [1, 2]]).to("cuda");
    const { optimizer, step } = problem(ERM, SGD, { lr: 0.01 }, (loss) => loss.add(ops.aten["linalg_eigvalsh.default"](matrix.mul(loss)).sum()));
    for (let i = 0; i < 6; i++) expect(step().losses.every(Number.isFinite)).toBe(true);
    expect(optimizer.graphs).toMatchObject({ captured: 0, failed: 0, refused: [expect.stringMatching(/_linalg_eigh, whose success CUDA's library has to be asked for/)] });
  });

  test.each([0, 0.3])("memory-efficient attention with dropout %d, whose seeds lie in the host's memory outside of captures", (dropout) => {
    const rows = randn([2, 2, 16, 16], { device: "cuda" });
    const attending = (loss: Tensor): Tensor => {
      const x = rows.mul(loss);
      const [out] = ops.aten["_scaled_dot_product_efficient_attention.default"](x, x, x, null, true, dropout);
      return loss.add(out.mean());
    };
    const [by, without] = (["auto", false] as const).map((graphs) => {
      const { optimizer, step, state } = problem(DGSAM, Adam, { lr: 0.01, graphs }, attending);
      return { told: Array.from({ length: 10 }, () => ({ result: { ...step() }, state: state() })), graphs: optimizer.graphs };
    });
    expect(by!.told).toEqual(without!.told);
    expect(by!.graphs).toMatchObject({ captured: 1, refused: [] });
  });

  test("a function that computes on the CPU, too, has no graph", () => {
    const temperature = tensor(2);
    const { optimizer, step } = problem(ERM, SGD, { lr: 0.01 }, (loss) => loss.div(temperature));
    for (let i = 0; i < 6; i++) void step().losses;
    expect(optimizer.graphs).toMatchObject({ captured: 0, refused: ["a captured function computes on the CPU, too"] });
  });

  test("graphs can be freed", () => {
    const { optimizer, step } = problem(DGSAM, Adam, { lr: 0.01 });
    for (let i = 0; i < 8; i++) void step().losses;
    expect(optimizer.graphs.graphs).toBe(1);
    optimizer.releaseGraphs();
    expect(optimizer.graphs.graphs).toBe(0);
    for (let i = 0; i < 3; i++) expect(step().losses.every(Number.isFinite)).toBe(true);
    expect(optimizer.graphs.graphs).toBe(1);
  });
});
