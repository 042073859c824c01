/**
 * A hundred captured steps end with the same bits as a hundred eager ones, on the CPU: parameters, buffers, the optimizer's
 * state, every loss and gradient norm on the way, and what the default generator gives next.
 *
 * As in `lib/training/parity/runs.ts` not the full product: every algorithm over one base optimizer on every net, and every
 * base optimizer under ERM, SAM and DGSAM on the net with statistics and noise.
 */
import {
  Adadelta, Adagrad, Adam, Adamax, AdamW, capture, crossEntropy, defaultGenerator, DGSAM, DISAM, ERM, LBFGS, manualSeed, NAdam, noGrad, RAdam, RMSprop, SAM, scope, SGD,
  type CaptureStats, type Closure, type Module, type StepResult, type Tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { FAMILY, type AnyWrapper } from "../sharpness/family.js";
import { MODES, type Mode } from "../modes.js";
import { expectError, stateBits } from "../support.js";
import { drawBatches, NETS, type Net } from "./nets.js";

const STEPS = 100;

interface AnyOptimizer {
  step(closures: Closure[]): unknown;
  stateDict(): object;
}

interface Outcome {
  /** What each step told, and the parameters and buffers after it. */
  readonly steps: readonly { readonly result: unknown; readonly tensors: unknown }[];
  readonly state: unknown;
  readonly generator: unknown;
  /** How often closures were evaluated. */
  readonly calls: number;
}

interface TrainOptions {
  /** A number of JavaScript's that the loss is multiplied by, by step. */
  disturb?: (step: number) => number;
  /** {@link CaptureOptions.check}. */
  check?: number;
}

function train(mode: Mode, net: Net, optimizerOf: (model: Module) => AnyOptimizer, { disturb = () => 1, check = 0 }: TrainOptions = {}): Outcome {
  return scope(() => {
    manualSeed(1);
    const model = net.make();
    const optimizer = optimizerOf(model);
    let calls = 0;
    let factor = 1;
    const lossOf = (x: Tensor, y: Tensor) => (calls++, crossEntropy(model.forward(x), y).mul(factor));
    const loss = capture(lossOf, { check });
    const steps = Array.from({ length: STEPS }, (_, step) =>
      scope(() => {
        factor = disturb(step);
        const result = optimizer.step(drawBatches(net).map(({ x, y }) => (mode === "captured" ? loss.on(x, y) : () => lossOf(x, y))));
        return { result, tensors: stateBits([...model.parameters(), ...model.buffers()]) };
      }),
    );
    if (mode === "captured") {
      expect(calls).toBe(loss.stats.eager + loss.stats.recorded + loss.stats.checked);
      expect(loss.stats.checked).toBe(check === 0 ? 0 : Math.floor(loss.stats.replayed / check));
      calls = callsOf(loss.stats);
    }
    return { steps, state: stateBits(optimizer.stateDict()), generator: stateBits(defaultGenerator().getState()), calls };
  });
}

/** All calls, after a check that nearly all of them were replays. */
function callsOf({ eager, recorded, replayed, refused }: CaptureStats): number {
  expect(refused).toEqual([]);
  // One program for passes that move statistics, one for those that do not.
  expect([1, 2]).toContain(recorded);
  expect(eager).toBe(recorded);
  expect(replayed).toBeGreaterThan(0.9 * STEPS);
  return eager + recorded + replayed;
}

function expectEqual(net: Net, optimizerOf: (model: Module) => AnyOptimizer): void {
  const [eager, captured] = MODES.map((mode) => train(mode, net, optimizerOf)) as [Outcome, Outcome];
  for (const [step, expected] of eager.steps.entries()) expect(captured.steps[step], `step ${step + 1}`).toEqual(expected);
  expect(captured).toEqual(eager);
  const last = eager.steps.at(-1)!;
  expect(last.tensors).not.toEqual(eager.steps.at(-2)!.tensors);
  const { losses } = last.result as Partial<StepResult>;
  expect((losses ?? [last.result]).every(Number.isFinite)).toBe(true);
}

const SGD_OPTIONS = { lr: 0.02, momentum: 0.9, nesterov: true, weightDecay: 1e-3 };
const MORE_FORMS: { name: string; Wrapper: AnyWrapper; options: object }[] = [
  { name: "SAM, adaptive", Wrapper: SAM as never, options: { adaptive: true, rho: 0.5 } },
  { name: "DGSAM, fixed order", Wrapper: DGSAM as never, options: { order: "fixed" } },
  { name: "DGSAM, mean", Wrapper: DGSAM as never, options: { reduction: "mean" } },
  { name: "DGSAM, adaptive", Wrapper: DGSAM as never, options: { adaptive: true, rho: 0.5 } },
];

describe.each(Object.values(NETS))("$name: every algorithm takes the eager steps", (net: Net) => {
  test.each([...FAMILY, ...MORE_FORMS])("$name", ({ Wrapper, options }) => {
    expectEqual(net, (model) => new Wrapper(model.parameters(), SGD, { ...SGD_OPTIONS, ...options, model }) as never);
  });
});

const BASES = [
  [SGD, SGD_OPTIONS],
  [Adam, { lr: 0.01, amsgrad: true, weightDecay: 1e-3 }],
  [AdamW, { lr: 0.01, weightDecay: 0.05 }],
  [RMSprop, { lr: 0.001, momentum: 0.5, centered: true }],
  [Adagrad, { lr: 0.02, lrDecay: 0.01 }],
  [Adadelta, { lr: 0.5 }],
  [NAdam, { lr: 0.003 }],
  [RAdam, { lr: 0.01 }],
  [Adamax, { lr: 0.01 }],
] as const;
// Each with another of the ways in which passes move statistics; without the model all do.
const ALGORITHMS = [
  { name: "ERM", Wrapper: ERM as unknown as AnyWrapper, statistics: (model: Module) => ({ model, runningStats: "frozen" }) },
  { name: "SAM", Wrapper: SAM as unknown as AnyWrapper, statistics: (model: Module) => ({ model, runningStats: "all" }) },
  { name: "DGSAM", Wrapper: DGSAM as unknown as AnyWrapper, statistics: () => ({}) },
];

describe.each(ALGORITHMS)("$name: with every base optimizer", ({ Wrapper, statistics }) => {
  test.each(BASES.map(([Base, options]) => ({ name: Base.name, Base, options })))("$name", ({ Base, options }) => {
    expectEqual(NETS.noisy, (model) => new Wrapper(model.parameters(), Base, { base: options, ...statistics(model) }) as never);
  });
});

describe("steps that are left out or fail are so in both modes, and the others go on from the same bits", () => {
  const ALGORITHMS_OF_ALL_KINDS = FAMILY.filter(({ name }) => ["ERM", "SAM", "DISAM", "LookSAM", "DGSAM"].includes(name));
  // Among the first calls, which run as they are or are recorded, and among replays.
  const OFFSETS = [0, 2, 3, 4];
  test.each(ALGORITHMS_OF_ALL_KINDS.flatMap((member) => OFFSETS.map((offset) => ({ ...member, offset }))))("$name, $offset steps later", ({ Wrapper, options, offset }) => {
    const run = (mode: Mode) => scope(() => {
      manualSeed(1);
      const model = NETS.noisy.make();
      const optimizer = new Wrapper(model.parameters(), SGD, { ...SGD_OPTIONS, ...options, model, policy: "skip" });
      const lossOf = (x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y);
      const loss = capture(lossOf);
      const attempt = (closures: Closure[]) => {
        try {
          return optimizer.step(closures);
        } catch (error) {
          // Operators have other names below autograd.
          return (error as Error).message.replace(/^.*?: /, "");
        }
      };
      const steps = Array.from({ length: 30 }, (_, step) => scope(() => {
        const batches = drawBatches(NETS.noisy);
        const { x, y } = batches[step % 3]!;
        if ((step + 5 - offset) % 5 === 0) x.fill_(NaN);
        if ((step + 5 - offset) % 5 === 1) y.fill_(99);
        const result = attempt(batches.map((batch) => (mode === "captured" ? loss.on(batch.x, batch.y) : () => lossOf(batch.x, batch.y))));
        return { result, tensors: stateBits([...model.parameters(), ...model.buffers()]), state: stateBits(optimizer.stateDict()), generator: stateBits(defaultGenerator().getState()) };
      }));
      if (mode === "captured") expect(loss.stats.eager + loss.stats.recorded).toBeLessThanOrEqual(6);
      return steps;
    });
    const [eager, captured] = [run("eager"), run("captured")];
    for (const [step, expected] of eager.entries()) expect(captured[step], `step ${step + 1}`).toEqual(expected);
    expect(eager[5 + offset]!.result).toMatchObject({ skipped: true, nonFiniteDomain: (5 + offset) % 3 });
    expect(eager[6 + offset]!.result).toBe("Target 99 is out of bounds.");
  });
});

test("evaluations between the steps, in evaluation mode and without gradients, have a program of their own", () => {
  const evaluated = MODES.map((mode) => scope(() => {
    manualSeed(1);
    const net = NETS.noisy;
    const model = net.make();
    const optimizer = new DGSAM(model.parameters(), SGD, { ...SGD_OPTIONS, model });
    const lossOf = (x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y);
    const loss = capture(lossOf);
    const results = Array.from({ length: 20 }, () => {
      const batches = drawBatches(net);
      const { losses } = optimizer.step(batches.map(({ x, y }) => (mode === "captured" ? loss.on(x, y) : () => lossOf(x, y))));
      model.eval();
      const after = noGrad(() => batches.map(({ x, y }) => (mode === "captured" ? loss(x, y) : lossOf(x, y)).item()));
      model.train();
      return { losses, after };
    });
    if (mode === "captured") expect(loss.stats).toMatchObject({ eager: 3, recorded: 3, replayed: 20 * (4 + 3) - 6, programs: 3, refused: [] });
    return { results, tensors: stateBits([...model.parameters(), ...model.buffers()]) };
  }));
  expect(evaluated[1]).toEqual(evaluated[0]);
});

describe("optimizers that stand alone", () => {
  const first = { ...NETS.mlp, domains: 1 };
  test.each([
    ["LBFGS", { lr: 0.1, maxIter: 3 }],
    ["LBFGS, strong Wolfe", { lineSearchFn: "strong_wolfe", maxIter: 3 }],
  ] as const)("%s", (_, options) => {
    expectEqual(first, (model) => {
      const optimizer = new LBFGS(model.parameters(), options);
      return { step: ([closure]) => optimizer.step(closure!), stateDict: () => optimizer.stateDict() };
    });
  });

  test("Adam, along the gradient of a sum of captured losses that the caller differentiates", () => {
    expectEqual(NETS.noisy, (model) => {
      const optimizer = new Adam(model.parameters(), { lr: 0.01 });
      const step = (closures: Closure[]) => {
        optimizer.zeroGrad();
        const loss = closures.map((closure) => closure()).reduce((sum, each) => sum.add(each)).div(closures.length);
        loss.backward();
        optimizer.step();
        return loss.item();
      };
      return { step, stateDict: () => optimizer.stateDict() };
    });
  });
});

test("a number of JavaScript's that moves by a last bit would be seen", () => {
  const optimizerOf = (model: Module) => new ERM(model.parameters(), SGD, SGD_OPTIONS) as never;
  const moving = (step: number) => (step < STEPS / 2 ? 1 : 1 + 2 ** -23);
  const [eager, captured] = MODES.map((mode) => train(mode, NETS.mlp, optimizerOf, { disturb: moving })) as [Outcome, Outcome];
  expect(captured.steps[STEPS / 2 - 1]).toEqual(eager.steps[STEPS / 2 - 1]);
  expect(captured.steps[STEPS / 2]).not.toEqual(eager.steps[STEPS / 2]);
  expectError(() => train("captured", NETS.mlp, optimizerOf, { disturb: moving, check: 5 }), "ERR_STATE", /capture: check: .* differ in result 0/);
});

// DISAM keeps the graphs of all domains while others are compared.
test.each([["DGSAM", DGSAM], ["DISAM", DISAM]] as const)("%s: steps in which replays are compared with the function are the same steps", (_, Wrapper) => {
  const optimizerOf = (model: Module) => new (Wrapper as unknown as AnyWrapper)(model.parameters(), SGD, { ...SGD_OPTIONS, model }) as never;
  const run = (mode: Mode, check: number) => train(mode, NETS.noisy, optimizerOf, { check });
  expect(run("captured", 7)).toEqual(run("eager", 0));
});
