/** A domain's loss may come in micro-batches: its gradient is the mean over them before each ascent. */
import { autocast, BatchNorm1d, manualSeed, randn, SGD, tensor, zeros, type Closure, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { closuresIn, inBothModes, MODES, type Mode } from "../modes.js";
import { bits, expectError, values, worstError } from "../support.js";
import { FAMILY } from "./family.js";

/** Mean squared errors over rows of fixed matrices, one per domain, and the same in two halves. */
function halvedDomains(mode: Mode) {
  const w = tensor([0.3, -0.2, 0.7], { dtype: "float64", requiresGrad: true });
  const closureOf = closuresIn(mode, (rows: Tensor) => rows.mv(w).sub(1).square().mean());
  const domains = [0, 1, 2].map((domain) => {
    const rows = tensor(Array.from({ length: 12 }, (_, i) => Math.sin(1 + i * (domain + 1))), { dtype: "float64", shape: [4, 3] });
    const lossOf = (from: number, to: number) => closureOf(rows.slice(0, from, to));
    return { whole: lossOf(0, 4), halves: [lossOf(0, 2), lossOf(2, 4)] };
  });
  return { w, whole: domains.map((each) => each.whole), halves: domains.map((each) => each.halves) };
}

describe.each(inBothModes(FAMILY))("$name, $mode, with micro-batches", ({ Wrapper, options, mode }) => {
  test("takes the step of the whole batches", () => {
    const [one, two] = [halvedDomains(mode), halvedDomains(mode)];
    const [whole, halved] = [one, two].map(({ w }) => new Wrapper([w], SGD, { lr: 0.05, momentum: 0.9, rho: 0.1, ...options }));
    for (let i = 0; i < 7; i++) {
      const expected = whole!.step(one.whole);
      const result = halved!.step(two.halves);
      expect(worstError(result.losses, expected.losses)).toBeLessThan(1e-13);
      expect(worstError(result.gradNorms, expected.gradNorms)).toBeLessThan(1e-12);
      expect(worstError(values(two.w), values(one.w))).toBeLessThan(1e-12);
    }
  });

  test("each micro-batch moves BatchNorm statistics once a step", () => {
    manualSeed(1);
    const model = new BatchNorm1d(2);
    const closureOf = closuresIn(mode, (x: Tensor) => model.forward(x).pow(3).sum());
    const batches = [0, 1, 2].map(() => randn([4, 2]));
    const [, [a, b, c]] = (["hold", "update"] as const).map((how) => (model.setRunningStats(how), batches.map((x) => closureOf(x)))) as [unknown, [Closure, Closure, Closure]];
    model.resetRunningStats();
    new Wrapper(model.parameters(), SGD, { lr: 0.1, rho: 0.1, model, ...options }).step([[a, b], c]);
    expect(model.numBatchesTracked!.item()).toBe(3);
  });

  test("an error names the micro-batch, one that is not finite its domain", () => {
    const param = tensor([1], { dtype: "float64", requiresGrad: true });
    const [loss, spoilt] = [1, NaN].map((factor) => closuresIn(mode, (scale: Tensor) => param.square().sum().mul(scale))(tensor(factor, { dtype: "float64" }))) as [Closure, Closure];
    const make = () => new Wrapper([param], SGD, { lr: 0.1, rho: 0.1, ...options });
    expectError(() => make().step([loss, [loss, () => zeros([])]]), "ERR_ARGUMENT", /closure 1, micro-batch 1: the loss does not depend on any parameter/);
    expectError(() => make().step([loss, [loss, 5 as never]]), "ERR_ARGUMENT", /closure 1, micro-batch 1: expected a function/);
    expectError(() => make().step([loss, []]), "ERR_ARGUMENT", /closure 1: expected a function that returns a loss, got an array of length 0/);
    expectError(() => make().step([loss, [loss, spoilt]]), "ERR_NON_FINITE", /loss of domain 1 \(pass \d\) is NaN/);
    expect(param.item()).toBe(1);
  });
});

// A sum of gradients depends on its order: DISAM differentiated the micro-batches of a domain in one go.
test.each(FAMILY)("$name: captured steps with micro-batches have the eager bits, where a parameter is used twice and under autocast", ({ Wrapper, options }) => {
  for (const region of [<T>(fn: () => T): T => fn(), autocast]) {
    const [eager, captured] = MODES.map((mode) => {
      manualSeed(1);
      const w = randn([6, 6], { requiresGrad: true });
      const batches = [0, 1, 2, 3].map(() => randn([3, 6]));
      const closureOf = closuresIn(mode, (x: Tensor) => x.matmul(w).tanh().matmul(w).float().square().sum());
      const [a, b, c, d] = region(() => batches.map((x) => closureOf(x))) as [Closure, Closure, Closure, Closure];
      const optimizer = new Wrapper([w], SGD, { lr: 0.001, rho: 0.1, ...options });
      for (let step = 0; step < 5; step++) region(() => optimizer.step([[a, b], [c, d]]));
      return bits([w]);
    });
    expect(captured).toEqual(eager);
  }
});
