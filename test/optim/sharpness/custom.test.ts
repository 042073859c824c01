/** Algorithms of one's own: what `run` may do in any order, and what it is told when it does it wrong. */
import { ops, SGD, SharpnessAware, tensor, type OptimizerClass, type Passes, type Tensor } from "dgsam";
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

  test("is multiplied by the losses' scale when it is combined, too, and what is told of it is not", () => {
    for (const scale of [1, 8]) {
      const { param, closures } = problem(mode);
      const told: unknown[] = [];
      const optimizer = new Custom([param], function (passes) {
        passes.differentiate(0);
        this.engine.ascend({ accumulate: true });
        passes.differentiate(1);
        told.push(this.engine.combine(2, 3), this.engine.products());
        this.engine.accumulate();
        passes.differentiate(2);
        this.engine.gather({ sum: 1, grad: 1 });
      });
      optimizer.stepScaled(scale, closures);
      expect(told).toEqual([8, { product: 16, sumNorm: 8, gradNorm: 2 }]);
      expect(values(param.grad!)).toEqual([14]);
    }
  });

  test.each(["accumulate", "combine"] as const)("has the gradient of a parameter that only the pass before %s() reaches", (how) => {
    const [p, q] = [0, 0].map((value) => tensor([value], { dtype: "float64", requiresGrad: true })) as [Tensor, Tensor];
    const unreached = tensor([0], { dtype: "float64", requiresGrad: true });
    const optimizer = new Custom([p, q, unreached], function (passes) {
      passes.differentiate(0);
      this.engine.accumulate();
      passes.differentiate(1);
      if (how === "accumulate") this.engine.accumulate();
      else this.engine.combine(1, 1);
      passes.differentiate(0);
      this.engine.gather({ sum: 1, grad: 0 });
    });
    optimizer.step([linearLoss(p, [1], mode), linearLoss(q, [2], mode)]);
    expect([p, q].map(({ grad }) => values(grad!))).toEqual([[1], [2]]);
    expect(unreached.grad).toBeNull();
  });

  type Climb = Custom["engine"];
  const accumulate = (climb: Climb) => void climb.accumulate();
  const ascend = (climb: Climb) => void climb.ascend();
  const both = (climb: Climb) => void climb.ascend({ accumulate: true });
  test.each([
    ["accumulate", accumulate, [accumulate, accumulate], 3],
    ["accumulate, then ascend", ascend, [accumulate, both], 3],
    ["ascend, then accumulate", accumulate, [ascend, accumulate], 2],
    ["ascend over what was accumulated", both, [accumulate, ascend], 1],
  ] as const)("is made anew when parameters were converted: steps that %s", (_, before, after, sum) => {
    const { param, closures } = problem(mode);
    let moves: readonly ((climb: Climb) => void)[] = [before, before];
    const optimizer = new Custom([param], function (passes) {
      for (const [i, move] of moves.entries()) {
        passes.differentiate(i);
        move(this.engine);
      }
      passes.differentiate(2);
      this.engine.gather({ sum: 1, grad: 1 });
    });
    optimizer.step(closures);
    param.grad = null;
    ops.aten.set_data(param, param.detach().to("float32"));
    moves = after;
    const converted = [1, 2, 4].map((slope) => linearLoss(param, [slope], mode));
    for (let step = 0; step < 2; step++) {
      optimizer.step(converted);
      expect(values(param.grad!)).toEqual([sum + 4]);
    }
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
