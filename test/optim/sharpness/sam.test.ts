import { noGrad, ops, SAM, SGD, tensor, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { closuresIn, MODES, Visits } from "../modes.js";
import { bits, EPS, expectError, quadraticDomains, statisticsModel, values, worstError } from "../support.js";

describe.each(MODES)("SAM, %s", (mode) => {
  test("descends along the gradient at the perturbed parameters", () => {
    const { params, closures, w } = quadraticDomains({ domains: 1, mode });
    const start = values(w);
    const twin = quadraticDomains({ domains: 1, mode });
    const rho = 0.1;
    twin.closures[0]!().backward();
    const g = twin.params.map((param) => values(param.grad!));
    const norm = Math.hypot(...g.flat());
    noGrad(() => twin.params.forEach((param, p) => ops.aten.add_(param, tensor(g[p]!.map((each) => (rho * each) / (norm + EPS)), { dtype: "float64", shape: param.shape }))));
    twin.params.forEach((param) => (param.grad = null));
    twin.closures[0]!().backward();
    const expected = start.map((each, i) => each - 0.1 * values(twin.w.grad!)[i]!);
    const result = new SAM(params, SGD, { lr: 0.1, rho }).step(closures[0]!);
    expect(worstError(values(w), expected)).toBeLessThan(1e-14);
    expect(worstError(values(w.grad!), values(twin.w.grad!))).toBeLessThan(1e-14);
    expect(result.gradNorm).toBeCloseTo(norm, 12);
    expect(result.losses).toHaveLength(1);
    expect(result.perturbedLoss).toBeGreaterThan(result.losses[0]!);
  });

  test("the two-step form out of turn", () => {
    const { params, closures } = quadraticDomains({ domains: 1, mode });
    const optimizer = new SAM(params, SGD, { lr: 0.1 });
    expectError(() => optimizer.secondStep(), "ERR_STATE", /call firstStep\(\) first/);
    closures[0]!().backward();
    optimizer.firstStep();
    expectError(() => optimizer.firstStep(), "ERR_STATE", /parameters are perturbed/);
    expectError(() => optimizer.step(closures[0]!), "ERR_STATE", /parameters are perturbed/);
    const before = bits(params);
    params[0]!.grad = ops.aten.full_like(params[0]!, NaN) as Tensor;
    expectError(() => optimizer.secondStep(), "ERR_NON_FINITE", /second pass/);
    expect(bits(params)).not.toEqual(before); // back from the perturbed point
  });

  test("adaptive: the elementwise form of ASAM", () => {
    const param = tensor([1, -2, 0.5], { dtype: "float64", requiresGrad: true });
    const visits = new Visits(3);
    const g = [0.3, 0.2, -1];
    const loss = closuresIn(mode, (slopes: Tensor) => (visits.note(param), ops.aten.dot(param, slopes) as Tensor))(tensor(g, { dtype: "float64" }));
    visits.reset();
    new SAM([param], SGD, { lr: 0.1, rho: 0.7, adaptive: true }).step(loss);
    const { points } = visits;
    const norm = Math.hypot(...g.map((each, i) => each * points[0]![i]!));
    const expected = points[0]!.map((p, i) => p + (0.7 * p * p * g[i]!) / (norm + EPS));
    expect(worstError(points[1]!, expected)).toBeLessThan(1e-14);
  });

  test("the two-step form moves BatchNorm statistics in its first pass only", () => {
    for (const [runningStats, expected] of [["first", 1], ["all", 2], ["frozen", 0]] as const) {
      const { model, closure, tracked } = statisticsModel(mode);
      const optimizer = new SAM([closure.param], SGD, { lr: 0.1, model, runningStats });
      closure().backward();
      optimizer.firstStep(true);
      closure().backward();
      optimizer.secondStep();
      expect(tracked(), runningStats).toBe(expected);
      closure();
      expect(tracked(), `${runningStats}, after the step`).toBe(expected + (runningStats === "frozen" ? 0 : 1));
    }
  });

  test("abort() gives up a step between its halves", () => {
    const { params, closures } = quadraticDomains({ domains: 1, mode });
    const optimizer = new SAM(params, SGD, { lr: 0.1 });
    const before = bits(params);
    optimizer.abort();
    closures[0]!().backward();
    optimizer.firstStep();
    expect(bits(params)).not.toEqual(before);
    optimizer.abort();
    expect(bits(params)).toEqual(before);
    expect(params[0]!.grad).toBeNull();
    expectError(() => optimizer.secondStep(), "ERR_STATE", /call firstStep\(\) first/);
    optimizer.step(closures[0]!);
    expect(bits(params)).not.toEqual(before);
  });

  test("wrong options of the halves are named", () => {
    const { params, closures } = quadraticDomains({ domains: 1, mode });
    const optimizer = new SAM(params, SGD, { lr: 0.1 });
    closures[0]!().backward();
    expectError(() => optimizer.firstStep(null as never), "ERR_ARGUMENT", /SAM\.firstStep\(options\): expected \{ zeroGrad \} or a boolean, got null/);
    expectError(() => optimizer.firstStep({ zero_grad: true } as never), "ERR_ARGUMENT", /unknown option 'zero_grad'; the options are zeroGrad/);
    expectError(() => optimizer.firstStep({ zeroGrad: 1 as never }), "ERR_ARGUMENT", /zeroGrad: expected a boolean/);
  });
});
