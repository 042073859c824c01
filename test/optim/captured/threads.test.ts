/**
 * Small programs have one thread where that gives the same bits, and run side by side. Kernels that sum by thread, check their
 * operands, or wait for as many threads as they were made for, as oneDNN's do, must come to the same.
 */
import {
  Adam, BatchNorm1d, capture, crossEntropy, Flatten, getNumThreads, GroupNorm, LayerNorm, Linear, manualSeed, MLP, MnistCnn, ops, randint, randn, ReLU, scope,
  Sequential, setNumThreads, Sigmoid, type Module, type Tensor,
} from "dgsam";
import { afterEach, describe, expect, test } from "vitest";
import { FAMILY } from "../sharpness/family.js";
import { stateBits } from "../support.js";

const before = getNumThreads();
afterEach(() => setNumThreads(before));

interface Case {
  readonly name: string;
  readonly make: () => Module & { forward(x: Tensor): Tensor };
  readonly shape: readonly number[];
  readonly evaluates?: boolean;
  readonly lossOf?: (output: Tensor, y: Tensor) => Tensor;
}

const sequential = (...layers: unknown[]) => new (Sequential as unknown as new (...layers: unknown[]) => Module & { forward(x: Tensor): Tensor })(...layers);

const CASES: readonly Case[] = [
  // Products of matrices of 10 columns have other bits in two threads than in one; of 16 they have not.
  { name: "an MLP of 10 classes", make: () => new MLP([64, 64, 10]), shape: [32, 64] },
  { name: "an MLP of 16 classes", make: () => new MLP([64, 64, 16]), shape: [32, 64] },
  { name: "LayerNorm", make: () => sequential(new Linear(20, 33), new LayerNorm([33]), new ReLU(), new Linear(33, 3)), shape: [16, 20] },
  { name: "GroupNorm", make: () => sequential(new GroupNorm(3, 6), new Flatten(), new Linear(48, 3)), shape: [5, 6, 8] },
  { name: "BatchNorm in evaluation", make: () => sequential(new BatchNorm1d(8), new Linear(8, 3)), shape: [16, 8], evaluates: true },
  // Its second passes hold the statistics.
  { name: "BatchNorm", make: () => sequential(new BatchNorm1d(8), new Linear(8, 3)), shape: [16, 8] },
  { name: "small convolutions", make: () => new MnistCnn({ width: 8, numClasses: 3 }), shape: [2, 1, 6, 6] },
  {
    name: "a loss of probabilities",
    make: () => sequential(new Linear(6, 1), new Sigmoid()),
    shape: [8, 6],
    lossOf: (output, y) => ops.aten["binary_cross_entropy.default"](output.flatten(), y.gt(0).to("float32")),
  },
];

describe.each(CASES)("two threads: $name", ({ make, shape, evaluates = false, lossOf = crossEntropy }) => {
  test.each(FAMILY)("$name", ({ Wrapper, options }) => {
    setNumThreads(2);
    const run = (mode: "eager" | "captured") => scope(() => {
      manualSeed(5);
      const model = make();
      if (evaluates) model.eval();
      const passOf = (x: Tensor, y: Tensor) => lossOf(model.forward(x), y);
      const loss = capture(passOf);
      const optimizer = new Wrapper(model.parameters(), Adam, { lr: 1e-2, ...options, model });
      const batches = Array.from({ length: 3 }, () => ({ x: randn([...shape]), y: randint(3, [shape[0]!]) }));
      const results = Array.from({ length: 4 }, () => optimizer.step(batches.map(({ x, y }) => (mode === "captured" ? loss.on(x, y) : () => passOf(x, y)))));
      if (mode === "captured") expect(loss.stats.replayed).toBeGreaterThan(5);
      return stateBits([...model.parameters(), ...model.buffers(), results]);
    });
    expect(run("captured")).toEqual(run("eager"));
  });
});
