import { Adam, AdamW, SGD, TwinError, type AdamOptions, type Gradients, type SGDOptions } from "dgsam/reference";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { hasTorch, oracle } from "./oracle.js";
import { copies, cut, numbers, paramsAndGradients, snakeCase, worstError } from "./support.js";

const STEPS = 50;
const classes = { SGD, Adam, AdamW };

interface Case {
  readonly name: keyof typeof classes;
  readonly options: SGDOptions & AdamOptions;
}

/** Every combination of the values given for each option. */
function combinations<T extends object>(values: { [K in keyof T]: readonly T[K][] }): T[] {
  return Object.entries<readonly unknown[]>(values).reduce<object[]>(
    (list, [key, choices]) => list.flatMap((options) => choices.map((choice) => ({ ...options, [key]: choice }))),
    [{}],
  ) as T[];
}

const both = [false, true] as const;
const sgdCases = combinations<Required<SGDOptions>>({
  lr: [0.1], momentum: [0, 0.9], dampening: [0, 0.3], weightDecay: [0, 0.05], nesterov: both, maximize: both,
}).filter((options) => !options.nesterov || (options.momentum > 0 && options.dampening === 0));
const adamCases = combinations<Required<AdamOptions>>({
  lr: [0.02], betas: [[0.9, 0.999], [0.3, 0.6], [0, 0.99]], eps: [1e-8, 1e-3], weightDecay: [0, 0.1], amsgrad: both, maximize: both,
});
const cases: Case[] = [
  ...sgdCases.map((options): Case => ({ name: "SGD", options })),
  ...adamCases.map((options): Case => ({ name: "Adam", options })),
  ...adamCases.map((options): Case => ({ name: "AdamW", options })),
  ...(["SGD", "Adam", "AdamW"] as const).map((name): Case => ({ name, options: {} })),
];

const draw = numbers(7);
const START = [6, 3, 4, 2, 3].map((length) => Float64Array.from({ length }, () => 2 * draw()));
/**
 * Five parameters: always a gradient; one that first appears at step 13; one that is gone from step 30 on; one that comes
 * and goes; one that never has any. The gradients change in size, so that AMSGrad's maximum matters.
 */
const GRADS: (Float64Array | null)[][] = Array.from({ length: STEPS }, (_, step) => {
  const present = [true, step >= 12, step < 29, step % 3 !== 1, false];
  return START.map((param, index) => (present[index] ? param.map(() => draw() * (step % 7 === 0 ? 20 : 1)) : null));
});

describe.skipIf(!hasTorch)("the base optimizers equal torch.optim in float64 over 50 steps", () => {
  let trajectories: number[][][][];
  beforeAll(() => {
    trajectories = oracle("reference/base_optimizers.py", {
      params: START.map((param) => [...param]),
      steps: GRADS.map((grads) => grads.map((grad) => grad && [...grad])),
      cases: cases.map(({ name, options }) => ({ name, options: snakeCase(options) })),
    });
  });

  for (const [index, { name, options }] of cases.entries()) {
    it(`${name} ${JSON.stringify(options)}`, () => {
      const params = copies(START);
      const optimizer = new classes[name](params, options);
      for (const [step, grads] of GRADS.entries()) {
        optimizer.step(grads);
        expect(worstError(params, trajectories[index]![step]!), `step ${step + 1}`).toBeLessThanOrEqual(1e-12);
      }
      expect(params[4]).toEqual(START[4]);
    });
  }

  it("tells the option combinations apart: no two of them end alike", () => {
    // But by definition: dampening says nothing without a momentum, and AdamW without weight decay is Adam.
    const same = ({ name, options }: Case) => (options.momentum === 0 && options.dampening !== 0) || (name === "AdamW" && options.weightDecay === 0);
    const ends = cases.flatMap((one, index) => (same(one) ? [] : [JSON.stringify(trajectories[index]!.at(-1))]));
    expect(new Set(ends).size).toBe(ends.length);
  });
});

const make = {
  SGD: (params: ConstructorParameters<typeof SGD>[0]) => new SGD(params, { lr: 0.1, momentum: 0.9, weightDecay: 0.1 }),
  Adam: (params: ConstructorParameters<typeof Adam>[0]) => new Adam(params, { lr: 0.1, amsgrad: true, weightDecay: 0.1 }),
  AdamW: (params: ConstructorParameters<typeof AdamW>[0]) => new AdamW(params, { lr: 0.1 }),
};

describe.each(["SGD", "Adam", "AdamW"] as const)("%s", (name) => {
  it("does the same for every way of cutting the parameters into groups", () => {
    fc.assert(
      fc.property(paramsAndGradients(4), fc.array(fc.nat(), { maxLength: 3 }), ({ params, passes }, places) => {
        const [whole, grouped] = [copies(params), copies(params)];
        const [one, many] = [make[name](whole), make[name](cut(grouped, places).map((group) => ({ params: group })))];
        for (const grads of passes) {
          one.step(grads);
          many.step(grads);
        }
        expect(grouped).toEqual(whole);
      }),
    );
  });

  it("leaves a parameter without a gradient as it is, its state included", () => {
    fc.assert(
      fc.property(paramsAndGradients(4), ({ params, passes }) => {
        const together = copies(params);
        const optimizer = make[name](together);
        for (const grads of passes) optimizer.step(grads);
        // Each parameter alone, given only the gradients that it has.
        for (const [index, param] of copies(params).entries()) {
          const alone = make[name]([param]);
          for (const grads of passes) if (grads[index]) alone.step([grads[index]]);
          expect(together[index]).toEqual(param);
        }
      }),
    );
  });

  it("takes an option from the group before its own, and follows changes of it", () => {
    const [a, b] = [Float64Array.of(1), Float64Array.of(1)];
    const optimizer = new classes[name]([{ params: [a], lr: 0 }, { params: [b] }], { lr: 0.5 });
    optimizer.step([Float64Array.of(1), Float64Array.of(1)]);
    expect(a[0]).toBe(1);
    expect(b[0]).toBeLessThan(1);
    const before = b[0];
    optimizer.paramGroups[1]!.lr = 0;
    optimizer.step([Float64Array.of(1), Float64Array.of(1)]);
    expect(b[0]).toBe(before);
  });

  it("refuses gradients that do not fit, and changes nothing", () => {
    const param = Float64Array.of(1, 2);
    const optimizer = make[name]([param]);
    const refused = (grads: Gradients) => catchError(() => optimizer.step(grads));
    expect(refused([])).toMatchObject({ code: "ERR_SHAPE", message: "grads: expected 1 gradients, one per parameter, got 0" });
    expect(refused([Float64Array.of(1)])).toMatchObject({
      code: "ERR_SHAPE",
      message: "grads[0]: expected null or a length of 2, as the parameter, got a length of 1",
    });
    expect(param).toEqual(Float64Array.of(1, 2));
  });

  it.each([
    ["no parameters", [], {}, "params: expected at least one parameter, got none"],
    ["a parameter twice", [START[0]!, START[0]!], {}, "params: expected each parameter once, got one twice"],
    ["parameters among groups", [START[0]!, { params: [START[1]!] }], {}, "params: expected only Float64Arrays or only groups, got both"],
    ["a negative lr", [START[0]!], { lr: -1 }, `${name}: lr: expected a finite number >= 0, got -1`],
    ["an lr that is not a number", [START[0]!], { lr: NaN }, `${name}: lr: expected a finite number >= 0, got NaN`],
    ["an infinite weight decay", [START[0]!], { weightDecay: Infinity }, `${name}: weightDecay: expected a finite number >= 0, got Infinity`],
  ] as const)("refuses %s", (_, params, options, message) => {
    expect(catchError(() => new classes[name](params as never, options))).toMatchObject({ code: "ERR_ARGUMENT", message });
  });
});

describe("options of one optimizer only", () => {
  it.each([
    [{ momentum: 0 }, "got momentum 0 and dampening 0"],
    [{ momentum: 0.9, dampening: 0.1 }, "got momentum 0.9 and dampening 0.1"],
  ])("SGD refuses nesterov with %j", (options, got) => {
    expect(catchError(() => new SGD([START[0]!], { nesterov: true, ...options }))).toMatchObject({
      code: "ERR_ARGUMENT",
      message: `SGD: nesterov: expected a momentum above 0 and a dampening of 0, ${got}`,
    });
  });

  it("SGD refuses a negative momentum, Adam a beta of 1 and a negative eps", () => {
    expect(catchError(() => new SGD([START[0]!], { momentum: -0.1 })).message).toBe("SGD: momentum: expected a finite number >= 0, got -0.1");
    expect(catchError(() => new Adam([START[0]!], { betas: [1, 0.9] })).message).toBe("Adam: betas[0]: expected a number >= 0 and < 1, got 1");
    expect(catchError(() => new AdamW([START[0]!], { betas: [0.9, 1] })).message).toBe("AdamW: betas[1]: expected a number >= 0 and < 1, got 1");
    expect(catchError(() => new AdamW([START[0]!], { eps: -1 })).message).toBe("AdamW: eps: expected a finite number >= 0, got -1");
  });
});

function catchError(action: () => unknown): TwinError {
  try {
    action();
  } catch (error) {
    if (error instanceof TwinError) return error;
    throw error;
  }
  throw new Error("expected a TwinError, but nothing was thrown");
}
