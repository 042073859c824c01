import { Adam, AdamW, GradScaler, scope, SGD, tensor, zeros, type DType, type GradScalerOptions } from "dgsam";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { hasTorch, oracle } from "../../reference/oracle.js";
import { snakeCase } from "../../reference/support.js";
import { decodeTensor, encodeTensor, type EncodedTensor } from "../../tensor/pytorch.js";
import { bits } from "../support.js";

const STEPS = 200;
const SHAPES = [[4], [2, 3], []];
const CLASSES = { SGD, Adam, AdamW };

interface Run {
  readonly scaler: Partial<GradScalerOptions>;
  readonly optimizers: { name: keyof typeof CLASSES; options: Record<string, unknown>; dtypes: DType[]; missing: boolean }[];
  readonly seed: number;
}

const optimizers = fc.record({
  // A momentum's first step is PyTorch's only when all parameters have it together.
  kind: fc.constantFrom(
    { name: "SGD" as const, options: { lr: 0.1 }, missing: true },
    { name: "SGD" as const, options: { lr: 0.1, momentum: 0.9, nesterov: true }, missing: false },
    { name: "Adam" as const, options: { lr: 0.01 }, missing: true },
    { name: "AdamW" as const, options: { lr: 0.01, amsgrad: true }, missing: true },
  ),
  dtypes: fc.array(fc.constantFrom<DType>("float32", "float16", "float64", "bfloat16"), { minLength: SHAPES.length, maxLength: SHAPES.length }),
}).map(({ kind, dtypes }) => {
  // PyTorch's SGD is fused or not for all of its parameters; its fused one is wrong in 16 bits.
  const same = (dtype: DType) => dtype.endsWith("16") === dtypes[0]!.endsWith("16");
  return { ...kind, dtypes: kind.name === "SGD" ? dtypes.map((dtype) => (same(dtype) ? dtype : dtypes[0]!)) : dtypes };
});
const runs: fc.Arbitrary<Run> = fc.record({
  scaler: fc.record({
    initScale: fc.constantFrom(65536, 1000, 3),
    growthFactor: fc.constantFrom(2, 1.7),
    backoffFactor: fc.constantFrom(0.5, 0.37),
    growthInterval: fc.integer({ min: 1, max: 6 }),
  }),
  optimizers: fc.array(optimizers, { minLength: 1, maxLength: 3 }),
  seed: fc.integer({ min: 1, max: 1e6 }),
});

interface GivenStep {
  readonly grads: (EncodedTensor | null)[];
  readonly unscale: boolean;
}

/** The gradients of a run: some huge, some missing, an infinity or NaN in one step of eight. */
function stepsOf({ optimizers, seed }: Run): GivenStep[][] {
  let state = seed;
  const draw = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const gradient = (dtype: DType, shape: number[]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const magnitude = dtype === "float16" ? 3000 : 10 ** (6 * draw());
    const numbers = Array.from({ length: size }, () => (draw() - 0.5) * magnitude);
    if (draw() < 0.04) numbers[Math.floor(draw() * size)] = [Infinity, -Infinity, NaN][Math.floor(3 * draw())]!;
    return scope(() => encodeTensor(tensor(numbers, { dtype }).reshape(shape)));
  };
  return Array.from({ length: STEPS }, () =>
    optimizers.map(({ dtypes, missing }) => ({
      grads: SHAPES.map((shape, i) => (missing && i > 0 && draw() < 0.2 ? null : gradient(dtypes[i]!, shape))),
      unscale: draw() < 0.3,
    })),
  );
}

const start = (dtypes: DType[]) => dtypes.map((dtype, i) => tensor(Array.from({ length: SHAPES[i]!.reduce((a, b) => a * b, 1) }, (_, k) => Math.cos(i + k)), { dtype }).reshape(SHAPES[i]!).requiresGrad_());

/** A scaler with its optimizers, fed with given gradients. */
function make({ scaler: options, optimizers }: Run) {
  const scaler = new GradScaler(options);
  scaler.scale(zeros([]));
  const all = optimizers.map(({ name, options, dtypes }) => {
    const params = start(dtypes);
    return { params, optimizer: new CLASSES[name](params, options) };
  });
  const step = (given: GivenStep[]) =>
    scope(() => {
      given.forEach(({ grads, unscale }, i) => {
        const { params, optimizer } = all[i]!;
        params.forEach((param, k) => (param.grad = grads[k] ? decodeTensor(grads[k]) : null));
        if (unscale) scaler.unscale(optimizer);
        scaler.step(optimizer);
      });
      scaler.update();
      return { scale: scaler.getScale(), tracker: scaler.stateDict().growthTracker, params: bits(all.flatMap(({ params }) => params)) };
    });
  return { scaler, all, step };
}

const drawn = fc.sample(runs, { numRuns: 12, seed: 4 }).map((run) => ({ ...run, steps: stepsOf(run) }));

describe.skipIf(!hasTorch)(`as torch.amp.GradScaler("cpu"), bit for bit, over ${drawn.length} drawn runs of ${STEPS} steps`, () => {
  let answers: { scale: number; tracker: number; params: string[] }[][];
  beforeAll(() => {
    answers = scope(() =>
      oracle("optim/grad-scaler/grad_scaler.py", {
        runs: drawn.map(({ scaler, optimizers, steps }) => ({
          scaler: snakeCase(scaler),
          optimizers: optimizers.map(({ name, options, dtypes }) => ({ name, options, params: start(dtypes).map(encodeTensor) })),
          steps,
        })),
      }),
    );
  });

  test.each(drawn.map((run, i) => [i, run] as const))("run %i", (i, run) =>
    scope(() => {
      const { step } = make(run);
      run.steps.forEach((given, k) => expect(step(given), `step ${k + 1}`).toEqual(answers[i]![k]));
    }),
  );

  test("among them the scale shrinks and grows, and steps of several optimizers are left out one by one", () => {
    const scales = answers.map((each) => each.map(({ scale }) => scale));
    for (const each of scales) expect(each.some((scale, k) => scale < each[k - 1]!)).toBe(true);
    expect(scales.some((each) => each.some((scale, k) => scale > each[k - 1]!))).toBe(true);
    expect(drawn.filter((run) => run.optimizers.length > 1).length).toBeGreaterThan(3);
  });
});

test("goes on bit for bit from a state dict that was JSON", () => scope(() => {
  const [run] = drawn;
  const original = make(run!);
  run!.steps.slice(0, 90).forEach((given) => original.step(given));
  const resumed = make(run!);
  resumed.scaler.loadStateDict(JSON.parse(JSON.stringify(original.scaler.stateDict())));
  expect(resumed.scaler.stateDict()).toEqual(original.scaler.stateDict());
  resumed.all.forEach(({ params, optimizer }, i) => {
    (optimizer as SGD).loadStateDict((original.all[i]!.optimizer as SGD).stateDict());
    params.forEach((param, k) => param.detach().copy_(original.all[i]!.params[k]!));
  });
  for (const given of run!.steps.slice(90)) expect(resumed.step(given)).toEqual(original.step(given));
}));
