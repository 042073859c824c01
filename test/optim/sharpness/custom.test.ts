/** Algorithms of one's own: what `run` may do in any order, and what it is told when it does it wrong. */
import { SGD, SharpnessAware, tensor, type OptimizerClass, type Passes, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { MODES, type Mode } from "../modes.js";
import { bits, expectError, linearLoss, values } from "../support.js";

type Run = (this: Custom, passes: Passes) => void;

class Custom extends SharpnessAware {
  constructor(params: Tensor[], private readonly body: Run, options: object = {}) {
    super(params, SGD as OptimizerClass, { lr: 1, rho: 0, ...options });
  }
  get engine() {
    return this.climb;
  }
  protected run(passes: Passes): void {
    this.body.call(this, passes);
  }
}

/** Losses with the gradients 1, 2, 4 everywhere. */
function problem(mode: Mode) {
  const param = tensor([0], { dtype: "float64", requiresGrad: true });
  return { param, closures: [1, 2, 4].map((slope) => linearLoss(param, [slope], mode)) };
}

/** What the base optimizer is given, for three steps in a row. */
function gathered(mode: Mode, body: Run): number[] {
  const { param, closures } = problem(mode);
  const optimizer = new Custom([param], body);
  return [0, 1, 2].map(() => (optimizer.step(closures), values(param.grad!)[0]!));
}

describe.each(MODES)("the sum, %s", (mode) => {
  test("begins with the first gradient that is accumulated, whichever ascent that is", () => {
    expect(gathered(mode, function (passes) {
      passes.differentiate(0);
      this.engine.ascend();
      passes.differentiate(1);
      this.engine.ascend({ accumulate: true });
      passes.differentiate(2);
      this.engine.gather({ sum: 1, grad: 1 });
    })).toEqual([6, 6, 6]);
  });

  test("goes on over what was accumulated without an ascent", () => {
    expect(gathered(mode, function (passes) {
      passes.differentiate(0);
      this.engine.accumulate();
      passes.differentiate(1);
      this.engine.ascend({ accumulate: true });
      passes.differentiate(2);
      this.engine.gather({ sum: 1, grad: 1 });
    })).toEqual([7, 7, 7]);
  });

  test("of nothing is zero when it is gathered, and an error when it is looked at", () => {
    expect(gathered(mode, function (passes) {
      passes.differentiate(1);
      this.engine.gather({ sum: 5, grad: 1 });
    })).toEqual([2, 2, 2]);
    for (const look of ["products", "combine"] as const) {
      const { param, closures } = problem(mode);
      const optimizer = new Custom([param], function (passes) {
        passes.differentiate(0);
        if (look === "products") this.engine.products();
        else this.engine.combine(1, 1);
      });
      expectError(() => optimizer.step(closures), "ERR_STATE", new RegExp(`climb\\.${look}\\(\\): no gradient was accumulated`));
    }
  });
});

describe.each(MODES)("a run that goes wrong, %s", (mode) => {
  const cases: [string, Run, string, RegExp][] = [
    ["forgets to gather", (passes) => void passes.differentiate(0), "ERR_STATE", /Custom\.run\(\): expected climb\.gather\(\) at its end/],
    ["climbs after it gathered", function (passes) {
      passes.differentiate(0);
      this.engine.gather();
      this.engine.ascend();
    }, "ERR_STATE", /expected climb\.gather\(\) at its end/],
    ["asks for a domain that is not there", (passes) => void passes.differentiate(7), "ERR_ARGUMENT", /differentiate\(domain\): expected an integer from 0 to 2, got the number 7/],
    ["gives too few weights", (passes) => void passes.differentiateWeighted(() => [1]), "ERR_ARGUMENT", /weights: expected an array of 3 numbers/],
    ["gives a weight that is none", (passes) => void passes.differentiateWeighted(() => [1, NaN, 1]), "ERR_ARGUMENT", /weights\[1\]: expected a number/],
  ];
  test.each(cases)("%s is told, and undone", (_, body, code, text) => {
    const { param, closures } = problem(mode);
    const optimizer = new Custom([param], body, { rho: 0.1 });
    const before = bits([param]);
    for (let i = 0; i < 2; i++) expectError(() => optimizer.step(closures), code, text);
    expect(bits([param])).toEqual(before);
    expect(optimizer.stateDict().steps).toBe(0);
  });
});

test("what is no optimizer class is refused", () => {
  class Plain extends SharpnessAware {
    protected run(): void {}
  }
  for (const Base of [5, () => ({}), class {}, Map]) expectError(() => new Plain([problem("eager").param], Base as never), "ERR_ARGUMENT", /expected an optimizer class such as Adam/);
});
