/**
 * Programs of small calls keep what they make from one step to the next and write over it: nobody may see that, neither in the bits
 * that steps over random losses give, nor in gradients that somebody holds.
 */
import { capture, DGSAM, ERM, Generator, manualSeed, ops, SAM, scope, SGD, type CaptureStats, type Tensor } from "dgsam";
import fc from "fast-check";
import { expect, test } from "vitest";
import { arbitraryStep, CHANNELS, runSteps, type Step } from "../../tensor/capture/programs.js";
import { collectWarnings } from "../../tensor/capture/warnings.js";
import type { Mode } from "../modes.js";
import { bits } from "../support.js";

const { aten } = ops;
const STEPS = 5;
const WRAPPERS = [ERM, SAM, DGSAM] as const;
type Family = (typeof WRAPPERS)[number];

interface Program {
  readonly Wrapper: Family;
  readonly steps: readonly Step[];
  /** Which of the tensors there are at the end the loss is of. */
  readonly results: readonly number[];
}

// Few steps: of many one is mostly not small, or random.
const arbitraryProgram: fc.Arbitrary<Program> = fc.record({
  Wrapper: fc.constantFrom(...WRAPPERS),
  steps: fc.array(arbitraryStep, { minLength: 1, maxLength: 6 }),
  results: fc.array(fc.nat(12), { minLength: 1, maxLength: 3 }),
});

const randomOf = (generator: Generator, shape: number[]): Tensor => aten.randn(shape, { generator });

/** What steps leave: the parameters and gradients after each of them, and the latter once more when all are taken. */
function observe(mode: Mode, { Wrapper, steps, results }: Program): { seen: string[]; stats: CaptureStats } {
  return scope(() => {
    const generator = new Generator();
    generator.manualSeed(7);
    manualSeed(11);
    const parameters = [[2, CHANNELS], [CHANNELS], [4, 2]].map((shape) => randomOf(generator, shape).requiresGrad_());
    const surroundings = { parameters, buffers: [randomOf(generator, [4, CHANNELS])] };
    const lossOf = (x: Tensor, y: Tensor): Tensor => {
      const pool = runSteps(steps, [x, y], surroundings);
      const chosen = results.map((place) => pool[pool.length - 1 - (place % pool.length)]!).filter(({ dtype }) => dtype.startsWith("float"));
      const sums = [...chosen, ...parameters].map((each) => aten.sum(aten.tanh(aten.to(each, { dtype: "float32" }))));
      return sums.reduce((sum, each) => aten.add(sum, each));
    };
    const captured = capture(lossOf);
    const optimizer = new Wrapper(parameters, SGD, { lr: 0.01, policy: "skip" });
    const seen: string[] = [];
    const gradients: (Tensor | null)[] = [];
    const bitsOf = (each: Tensor | null) => (each === null ? "none" : bits([each])[0]!);
    for (let step = 0; step < STEPS; step++) {
      const batches = Array.from({ length: 3 }, () => ({ x: randomOf(generator, [4, CHANNELS]), y: aten.randint(4, [3], { generator, dtype: "int64" }) }));
      try {
        optimizer.step(batches.map(({ x, y }) => (mode === "captured" ? captured.on(x, y) : () => lossOf(x, y))));
      } catch {
        seen.push(`step ${step} fails`);
      }
      seen.push(...bits(parameters).map((each, i) => `step ${step} parameter ${i}: ${each}`));
      gradients.push(...parameters.map(({ grad }) => grad));
      seen.push(...parameters.map(({ grad }, i) => `step ${step} gradient ${i}: ${bitsOf(grad)}`));
    }
    seen.push(...gradients.map((each, i) => `gradient ${i} in the end: ${bitsOf(each)}`));
    return { seen, stats: captured.stats };
  });
}

// Fixed, so that a run takes as long as the last one and finds what it found; any other number does as well.
test.each([3, 99])("random losses (seed %i)", { timeout: 120_000 }, async (seed) => {
  const runs = 120;
  let replayed = 0;
  const check = (program: Program) => {
    const captured = observe("captured", program);
    // The call that finds out that an input gets a history gives it another one.
    if (captured.stats.refused.some((reason) => /has a history/.test(reason))) return;
    const eager = observe("eager", program);
    expect(captured.seen.filter((line, i) => line !== eager.seen[i])).toEqual([]);
    expect(captured.seen.length).toBe(eager.seen.length);
    replayed += captured.stats.replayed;
  };
  const warnings = await collectWarnings(() => fc.assert(fc.property(arbitraryProgram, check), { numRuns: runs, seed }));
  // That a program is not recorded, but nothing of LibTorch's.
  expect(warnings.filter(({ code }) => code !== "WARN_CAPTURE")).toEqual([]);
  expect(replayed).toBeGreaterThan(runs * 5);
});
