import * as reference from "dgsam/reference";
import { TwinError, type Gradients, type SGDOptions } from "dgsam/reference";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FULL, OPTIMIZERS, type Options, type OptimizerName } from "./cases.js";
import { copies, cut, paramsAndGradients } from "./support.js";

const START = [Float64Array.of(0.3, -0.2, 0.5), Float64Array.of(-0.1)];

const make = (name: OptimizerName, params: reference.ParamsInput<SGDOptions>, options: Options = FULL[name]) => new reference[name](params, options);

describe.each(OPTIMIZERS)("%s", (name) => {
  it("does the same for every way of cutting the parameters into groups", () => {
    fc.assert(
      fc.property(paramsAndGradients(4), fc.array(fc.nat(), { maxLength: 3 }), ({ params, passes }, places) => {
        const [whole, grouped] = [copies(params), copies(params)];
        const [one, many] = [make(name, whole), make(name, cut(grouped, places).map((group) => ({ params: group })))];
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
        const optimizer = make(name, together);
        for (const grads of passes) optimizer.step(grads);
        // Each parameter alone, given only the gradients that it has.
        for (const [index, param] of copies(params).entries()) {
          const alone = make(name, [param]);
          for (const grads of passes) if (grads[index]) alone.step([grads[index]]);
          expect(together[index]).toEqual(param);
        }
      }),
    );
  });

  it("takes an option from the group before its own, and follows changes of it", () => {
    const [a, b] = [Float64Array.of(1), Float64Array.of(1)];
    const optimizer = make(name, [{ params: [a], lr: 0 }, { params: [b] }], { lr: 0.5 });
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
    const optimizer = make(name, [param]);
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
    expect(catchError(() => make(name, params as never, options))).toMatchObject({ code: "ERR_ARGUMENT", message });
  });
});

describe("options of one optimizer only", () => {
  it.each([
    [{ momentum: 0 }, "got momentum 0 and dampening 0"],
    [{ momentum: 0.9, dampening: 0.1 }, "got momentum 0.9 and dampening 0.1"],
  ])("SGD refuses nesterov with %j", (options, got) => {
    expect(catchError(() => make("SGD", [START[0]!], { nesterov: true, ...options }))).toMatchObject({
      code: "ERR_ARGUMENT",
      message: `SGD: nesterov: expected a momentum above 0 and a dampening of 0, ${got}`,
    });
  });

  it.each([
    ["SGD", { momentum: -0.1 }, "momentum: expected a finite number >= 0, got -0.1"],
    ["Adam", { betas: [1, 0.9] }, "betas[0]: expected a number >= 0 and < 1, got 1"],
    ["AdamW", { betas: [0.9, 1] }, "betas[1]: expected a number >= 0 and < 1, got 1"],
    ["AdamW", { eps: -1 }, "eps: expected a finite number >= 0, got -1"],
    ["RMSprop", { alpha: -1 }, "alpha: expected a finite number >= 0, got -1"],
    ["RMSprop", { momentum: -1 }, "momentum: expected a finite number >= 0, got -1"],
    ["Adagrad", { lrDecay: -0.5 }, "lrDecay: expected a finite number >= 0, got -0.5"],
    ["Adagrad", { initialAccumulatorValue: -1 }, "initialAccumulatorValue: expected a finite number >= 0, got -1"],
    ["Adadelta", { rho: 1.1 }, "rho: expected a number >= 0 and <= 1, got 1.1"],
    ["NAdam", { betas: [0.9, -1] }, "betas[1]: expected a number >= 0 and < 1, got -1"],
    ["NAdam", { momentumDecay: -0.2 }, "momentumDecay: expected a finite number >= 0, got -0.2"],
    ["RAdam", { betas: [1, 0] }, "betas[0]: expected a number >= 0 and < 1, got 1"],
    ["Adamax", { betas: [0, 1] }, "betas[1]: expected a number >= 0 and < 1, got 1"],
  ] as const)("%s refuses %j", (name, options, message) => {
    expect(catchError(() => make(name, [START[0]!], options))).toMatchObject({ code: "ERR_ARGUMENT", message: `${name}: ${message}` });
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
