/** A domain's loss may come in micro-batches: its gradient is the mean over them before each ascent. */
import { ops, SGD, tensor, zeros, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError, statisticsModel, values, worstError } from "../support.js";
import { FAMILY } from "./family.js";

/** Mean squared errors over rows of fixed matrices, one per domain, and the same in two halves. */
function halvedDomains() {
  const w = tensor([0.3, -0.2, 0.7], { dtype: "float64", requiresGrad: true });
  const domains = [0, 1, 2].map((domain) => {
    const rows = tensor(Array.from({ length: 12 }, (_, i) => Math.sin(1 + i * (domain + 1))), { dtype: "float64", shape: [4, 3] });
    const lossOf = (from: number, to: number) => () => rows.slice(0, from, to).mv(w).sub(1).square().mean();
    return { whole: lossOf(0, 4), halves: [lossOf(0, 2), lossOf(2, 4)] };
  });
  return { w, whole: domains.map((each) => each.whole), halves: domains.map((each) => each.halves) };
}

describe.each(FAMILY)("$name with micro-batches", ({ Wrapper, options }) => {
  test("takes the step of the whole batches", () => {
    const [one, two] = [halvedDomains(), halvedDomains()];
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
    const { model, closure, tracked } = statisticsModel();
    const optimizer = new Wrapper([closure.param], SGD, { lr: 0.1, rho: 0.1, model, ...options });
    optimizer.step([[closure, closure], closure]);
    expect(tracked()).toBe(3);
  });

  test("an error names the micro-batch, one that is not finite its domain", () => {
    const param = tensor([1], { dtype: "float64", requiresGrad: true });
    const loss = () => param.square().sum();
    const make = () => new Wrapper([param], SGD, { lr: 0.1, rho: 0.1, ...options });
    expectError(() => make().step([loss, [loss, () => zeros([])]]), "ERR_ARGUMENT", /closure 1, micro-batch 1: the loss does not depend on any parameter/);
    expectError(() => make().step([loss, [loss, 5 as never]]), "ERR_ARGUMENT", /closure 1, micro-batch 1: expected a function/);
    expectError(() => make().step([loss, []]), "ERR_ARGUMENT", /closure 1: expected a function that returns a loss, got an array of length 0/);
    expectError(() => make().step([loss, [loss, () => ops.aten.mul(loss(), NaN) as Tensor]]), "ERR_NON_FINITE", /loss of domain 1 \(pass \d\) is NaN/);
    expect(param.item()).toBe(1);
  });
});
