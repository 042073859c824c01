/** The same numbers as torch.optim.lr_scheduler 2.13, over 200 steps and three groups. */
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { hasTorch } from "../../reference/oracle.js";
import { CHAINS, SEQUENCES, SINGLE, STEPS, title } from "./cases.js";
import { metrics, run, torchRuns, type Case, type Spec, type Trajectory } from "./support.js";

const CASES: Case[] = [...SINGLE.map((spec) => [spec]), ...SEQUENCES.map((spec) => [spec]), ...CHAINS].map((schedulers, i) => ({
  optimizer: i % 2 === 0 ? "SGD" : "Adam",
  lrs: [0.1, 0.05, 0.3],
  steps: STEPS,
  schedulers,
}));

/** The largest difference over the largest value, per group. */
function worst(ours: readonly number[][], theirs: readonly number[][]): number {
  expect(ours.length).toBe(theirs.length);
  let result = 0;
  theirs[0]?.forEach((_, group) => {
    const largest = Math.max(...theirs.map((row) => Math.abs(row[group]!)));
    theirs.forEach((row, t) => (result = Math.max(result, row[group] === ours[t]![group] ? 0 : Math.abs(row[group]! - ours[t]![group]!) / largest)));
  });
  return result;
}

/**
 * Whether a schedule may differ by rounding: cosines and powers of the C library, which PyTorch uses, are not always ours, and
 * where it ends just below 0 we end at 0.
 */
function rounds({ name, options }: Spec): boolean {
  const { schedulers = [], after } = options as { schedulers?: Spec[]; after?: Spec };
  return /Cosine|OneCycle|Polynomial|MultiStep/.test(name) || ((options["endFactor"] as number | undefined) ?? 1) < 1e-12 || [...schedulers, ...(after === undefined ? [] : [after])].some(rounds);
}

function expectEqual(each: Case, theirs: Trajectory): void {
  const ours = run(each);
  expect(ours.failed).toBe(theirs.failed);
  const bound = each.schedulers.some(rounds) ? 1e-14 : 0;
  expect(worst(ours.lr, theirs.lr)).toBeLessThanOrEqual(bound);
  expect(worst(ours.momentum, theirs.momentum)).toBeLessThanOrEqual(bound);
}

describe.skipIf(!hasTorch)("equals torch.optim.lr_scheduler", () => {
  let theirs: Trajectory[];
  beforeAll(() => {
    theirs = torchRuns(CASES);
  });

  test.each(CASES.map((each, i) => [title(each.schedulers), each, i] as const))("%s", (_title, each, i) => expectEqual(each, theirs[i]!));

  test("the cases are no constants, and some end in an error", () => {
    expect(theirs.filter(({ failed }) => failed !== null).map(({ failed }) => failed)).toEqual([151, 0, 50, 181, 50, 50]);
    expect(theirs.filter(({ lr }) => lr.some((row) => row[0] !== lr[0]![0])).length).toBeGreaterThan(CASES.length - 8);
  });
});

const factor = fc.double({ min: 0.01, max: 1, noNaN: true });
const span = fc.integer({ min: 1, max: 220 });
const spec = (name: Spec["name"], options: Record<string, fc.Arbitrary<unknown>>, optional: Record<string, fc.Arbitrary<unknown>> = {}): fc.Arbitrary<Spec> =>
  fc.record({ ...options, ...optional }, { requiredKeys: Object.keys(options) }).map((all) => ({ name, options: all }));

const leaf: fc.Arbitrary<Spec> = fc.oneof(
  spec("StepLR", { stepSize: span }, { gamma: fc.double({ min: 0, max: 1.2, noNaN: true }) }),
  spec("MultiStepLR", { milestones: fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 6 }) }, { gamma: factor }),
  spec("ExponentialLR", { gamma: fc.double({ min: 0.8, max: 1.01, noNaN: true }) }),
  spec("ConstantLR", {}, { factor, totalIters: fc.integer({ min: 0, max: 100 }) }),
  spec("LinearLR", {}, { startFactor: factor, endFactor: fc.double({ min: 0, max: 1, noNaN: true }), totalIters: fc.integer({ min: 0, max: 220 }) }),
  spec("PolynomialLR", {}, { totalIters: fc.integer({ min: 0, max: 220 }), power: fc.double({ min: 0, max: 4, noNaN: true }) }),
  spec("CosineAnnealingLR", { tMax: span }, { etaMin: fc.double({ min: 0, max: 0.1, noNaN: true }) }),
  spec("CosineAnnealingWarmRestarts", { t0: fc.integer({ min: 1, max: 60 }) }, { tMult: fc.integer({ min: 1, max: 4 }), etaMin: fc.double({ min: 0, max: 0.1, noNaN: true }) }),
  spec(
    "OneCycleLR",
    { maxLr: fc.oneof(factor, fc.tuple(factor, factor)), totalSteps: fc.integer({ min: 1, max: 300 }) },
    { pctStart: fc.double({ min: 0, max: 1, noNaN: true }), annealStrategy: fc.constantFrom("cos", "linear"), cycleMomentum: fc.boolean(), threePhase: fc.boolean(), divFactor: fc.double({ min: 1, max: 100, noNaN: true }), finalDivFactor: fc.double({ min: 1, max: 1e5, noNaN: true }) },
  ),
  spec("LambdaLR", { lrLambda: fc.oneof(factor, fc.tuple(factor, factor)) }),
);

// Two cycles in one sequence would share, in PyTorch, the bounds of the later one.
const oneCycles = (each: Spec): number => (each.name === "OneCycleLR" ? 1 : ((each.options["schedulers"] as Spec[] | undefined) ?? []).reduce((sum, inner) => sum + oneCycles(inner), 0));

function sequenceOf(first: fc.Arbitrary<Spec>): fc.Arbitrary<Spec> {
  return fc
    .tuple(first, fc.array(fc.tuple(leaf, fc.integer({ min: 0, max: 180 })), { maxLength: 3 }))
    .map(([head, tail]): Spec => ({ name: "SequentialLR", options: { schedulers: [head, ...tail.map(([each]) => each)], milestones: tail.map(([, milestone]) => milestone).sort((a, b) => a - b) } }))
    .filter((each) => oneCycles(each) <= 1);
}

const plateau = fc
  .tuple(spec("ReduceLROnPlateau", {}, { mode: fc.constantFrom("min", "max"), factor: fc.double({ min: 0, max: 0.99, noNaN: true }), patience: fc.integer({ min: 0, max: 12 }), threshold: fc.double({ min: 0, max: 0.2, noNaN: true }), thresholdMode: fc.constantFrom("rel", "abs"), cooldown: fc.integer({ min: 0, max: 9 }), minLr: fc.oneof(fc.constant(1e-3), fc.tuple(factor, factor)) }), fc.integer({ min: 1, max: 99 }))
  .map(([each, seed]) => ({ ...each, arguments: metrics(STEPS, seed) }));

const warmup = spec("WarmupLR", {}, { startFactor: factor, totalIters: span, after: leaf });

const chain = fc.array(fc.oneof({ weight: 4, arbitrary: leaf }, sequenceOf(leaf), plateau, warmup), { minLength: 2, maxLength: 3 }).filter((all) => all.reduce((sum, each) => sum + oneCycles(each), 0) === 0);

const anyCase: fc.Arbitrary<Case> = fc.record({
  optimizer: fc.constantFrom("SGD", "Adam"),
  lrs: fc.tuple(factor, factor),
  steps: fc.constant(STEPS),
  schedulers: fc.oneof({ weight: 4, arbitrary: leaf.map((each) => [each]) }, { weight: 2, arbitrary: sequenceOf(fc.oneof({ weight: 3, arbitrary: leaf }, sequenceOf(leaf))).map((each) => [each]) }, plateau.map((each) => [each]), warmup.map((each) => [each]), chain),
});

test.skipIf(!hasTorch)("equals torch.optim.lr_scheduler on 400 random schedules", () => {
  const cases = fc.sample(anyCase, { seed: 20260101, numRuns: 400 });
  const theirs = torchRuns(cases);
  cases.forEach((each, i) => {
    try {
      expectEqual(each, theirs[i]!);
    } catch (error) {
      throw new Error(`${JSON.stringify(each)}: ${(error as Error).message}`, { cause: error });
    }
  });
  // Both kinds are there: schedules that run to the end and such as PyTorch refuses on the way.
  const failed = theirs.filter((each) => each.failed !== null).length;
  expect(failed).toBeGreaterThan(10);
  expect(failed).toBeLessThan(300);
});
