/**
 * What a step says of a closure that breaks its contract, and what it does with inputs that have gradients, does not depend
 * on whether the closure is captured. Each was replayed before.
 */
import { capture, DISAM, ERM, LBFGS, manualSeed, noGrad, randn, SAM, SGD, tensor, type Closure, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { closuresIn, MODES, type Mode } from "../modes.js";
import { stateBits } from "../support.js";

const OPTIMIZERS = [
  { name: "ERM", make: (params: Tensor[]) => new ERM(params, SGD, { lr: 0.1 }) },
  { name: "SAM", make: (params: Tensor[]) => new SAM(params, SGD, { lr: 0.1 }) },
  { name: "DISAM", make: (params: Tensor[]) => new DISAM(params, SGD, { lr: 0.1 }) },
  { name: "LBFGS", make: (params: Tensor[]) => new LBFGS(params, { lr: 0.1, maxIter: 2 }) },
];

/** What a closure returns of a parameter and an input, both [3]. */
const RETURNS: Record<string, (w: Tensor, x: Tensor) => unknown> = {
  "a loss": (w, x) => w.mul(x).square().sum(),
  "a loss of shape [1, 1]": (w, x) => w.mul(x).sum().reshape([1, 1]),
  "a loss of 16 bits": (w, x) => w.mul(x).sum().to("float16"),
  "a vector": (w, x) => w.mul(x),
  "an empty tensor": (w, x) => w.mul(x).slice(0, 0, 0),
  "a complex number": (w, x) => w.mul(x).sum().to("complex64"),
  "an integer": (w, x) => w.mul(x).sum().to("int64"),
  "a loss made without gradients": (w, x) => noGrad(() => w.mul(x).sum()),
  "a constant": (_, x) => x.sum(),
  "the parameter": (w) => w,
  "the input": (_, x) => x,
  "a number of JavaScript's": () => 3,
  "an object around the loss": (w, x) => ({ loss: w.mul(x).sum() }),
  "an array around the loss": (w, x) => [w.mul(x).sum()],
  "nothing": () => undefined,
};

/** The result and the parameter after it, or the error. */
function outcomeOf(step: () => unknown, tensors: () => (Tensor | null)[]): unknown {
  let result: unknown;
  try {
    result = step();
  } catch (error) {
    result = { code: (error as { code: string }).code, message: (error as Error).message };
  }
  return [result, tensors().map(stateBits)];
}

describe.each(OPTIMIZERS)("$name", ({ name, make }) => {
  const stepWith = (optimizer: ReturnType<typeof make>, closures: Closure[]) => (optimizer as { step(closures: unknown): unknown }).step(name === "LBFGS" ? closures[0] : closures);

  test.each(Object.entries(RETURNS))("a closure that returns %s", (_, fn) => {
    const outcomes = MODES.map((mode) => {
      const [w, x] = [tensor([0.5, 1, -2], { requiresGrad: true }), tensor([1, 2, 3])];
      const captured = capture((input: Tensor) => fn(w, input) as Tensor);
      for (let call = 0; call < 3; call++) captured(x);
      const closure = mode === "captured" ? captured.on(x) : () => fn(w, x) as Tensor;
      return outcomeOf(() => stepWith(make([w]), [closure, closure]), () => [w, w.grad]);
    });
    expect(outcomes[1]).toEqual(outcomes[0]);
  });

  /** Steps whose input is a leaf with gradients, or computed from one. */
  const withInputs = (mode: Mode, inputOf: (leaf: Tensor) => Tensor) => {
    manualSeed(1);
    const [w, leaf] = [randn([3], { requiresGrad: true }), randn([3], { requiresGrad: true })];
    const closureOf = closuresIn(mode, (input: Tensor) => w.mul(input).square().sum());
    const optimizer = make([w, leaf]);
    return [1, 2].map(() => {
      const closures = [closureOf(inputOf(leaf)), closureOf(inputOf(leaf))];
      return outcomeOf(() => stepWith(optimizer, closures), () => [w, w.grad, leaf, leaf.grad]);
    });
  };

  test("inputs that are leaves get their gradients", () => {
    const [eager, captured] = MODES.map((mode) => withInputs(mode, (leaf) => leaf));
    expect(captured).toEqual(eager);
  });

  test("gradients flow on from inputs that were computed", () => {
    const [eager, captured] = MODES.map((mode) => withInputs(mode, (leaf) => leaf.mul(2)));
    expect(captured).toEqual(eager);
  });
});
