/** Small programs have one thread, and run side by side; those of oneDNN's kernels, which wait for the threads they were made for, must not. */
import { Adam, capture, crossEntropy, DGSAM, ERM, getNumThreads, manualSeed, MnistCnn, randint, randn, SAM, scope, setNumThreads, type Tensor } from "dgsam";
import { afterEach, expect, test } from "vitest";
import type { AnyWrapper } from "../sharpness/family.js";
import { stateBits } from "../support.js";

const before = getNumThreads();
afterEach(() => setNumThreads(before));

test.each([ERM, SAM, DGSAM].map((Wrapper) => ({ Wrapper, name: Wrapper.name })))("a network of small convolutions, $name", ({ Wrapper }) => {
  setNumThreads(2);
  const run = (mode: "eager" | "captured") => scope(() => {
    manualSeed(5);
    const model = new MnistCnn({ width: 8, numClasses: 3 });
    const loss = capture((x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y));
    const batches = Array.from({ length: 3 }, () => ({ x: randn([2, 1, 6, 6]), y: randint(3, [2]) }));
    const optimizer = new (Wrapper as unknown as AnyWrapper)(model.parameters(), Adam, { lr: 1e-2, model });
    for (let step = 0; step < 5; step++) optimizer.step(batches.map(({ x, y }) => (mode === "captured" ? loss.on(x, y) : () => crossEntropy(model.forward(x), y))));
    if (mode === "captured") expect(loss.stats.replayed).toBeGreaterThan(5);
    return stateBits([...model.parameters()]);
  });
  expect(run("captured")).toEqual(run("eager"));
});
