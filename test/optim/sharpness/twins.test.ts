import * as dgsam from "dgsam";
import { noGrad, scope, type Tensor } from "dgsam";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nativeClosures, nativeParams } from "../../../lib/training/parity/native.js";
import { worstError } from "../../reference/support.js";
import { groupsOf, ordersOf, title, trainTwin, VARIANTS, type Variant } from "../../reference/variants.js";
import { closuresIn, MODES, type Mode } from "../modes.js";
import { cases, nativeOf, twinOf, type Case } from "./domains.js";
import type { AnyWrapper } from "./family.js";

const data = (params: readonly Tensor[]) => noGrad(() => params.map((param) => param.data() as Float64Array));

/** The native optimizer on the fixed problem; the parameters after every step. */
function trainNative(variant: Variant, mode: Mode): Float64Array[][] {
  return scope(() => {
    const { algorithm, base, options, baseOptions } = variant;
    const params = nativeParams("float64", "cpu");
    const losses = nativeClosures(params.map((param, index) => (variant.unused?.includes(index) ? param.detach().clone() : param)));
    const closures = losses.map((loss) => closuresIn(mode, loss)());
    const notFinite = closuresIn(mode, () => losses.at(-1)!().mul(NaN))();
    const order = algorithm === "DGSAM" ? { order: "fixed" } : {};
    const Wrapper = dgsam[algorithm] as unknown as AnyWrapper;
    const optimizer = new Wrapper(groupsOf(variant, params), dgsam[base], { policy: "skip", ...order, ...options, ...baseOptions });
    return ordersOf(variant).map((visits, step) => {
      const omitted = variant.omitted?.includes(step) === true;
      const last = variant.domains - 1;
      scope(() => {
        const { skipped } = optimizer.step(visits.map((domain) => (omitted && domain === last ? notFinite : closures[domain]!)));
        expect(skipped).toBe(omitted);
      });
      return data(params);
    });
  });
}

describe.each(MODES)("the native optimizers equal their twins in float64 over 200 steps of the fixed problem, %s", (mode) => {
  test.each(VARIANTS.map((variant) => [title(variant), variant] as const))("%s", (_, variant) => {
    const native = trainNative(variant, mode);
    for (const [step, expected] of trainTwin(variant).entries()) expect(worstError(native[step]!, expected), `step ${step + 1}`).toBeLessThanOrEqual(1e-12);
  });
});

describe.each(MODES)("the native optimizers equal their twins in float64 over 20 steps, whatever shapes, groups, domains, micro-batches and missing gradients, %s", (mode) => {
  const STEPS = 20;
  const norm = (list: readonly ArrayLike<number>[]) => Math.hypot(...list.flatMap((each) => Array.from(each)));

  /**
   * The worst error of parameters and gathered gradients over the steps, and how large it may be: 1e-12. Where a parameter's
   * gradient is about to change its sign, it is a small difference of what is as large as the parameters, and takes over its
   * rounding errors. So does LookSAM's difference v of gradients, which it normalises: where v is less than a tenth of them, its direction, and
   * with it all later steps, has no 1e-12 to give. Throws when a gradient is missing on one side only.
   */
  function measure(made: Case): { worst: number; bound: number } {
    return scope(() => {
      const native = nativeOf(made, mode);
      const twin = twinOf(made);
      let worst = 0;
      let bound = 1e-12;
      for (let step = 0; step < STEPS; step++) {
        const gathered = twin.step(scope(() => native.step()));
        const grads = native.params.map((param) => param.grad && (param.grad.data() as Float64Array));
        expect(grads.map((grad) => grad === null), `step ${step + 1}: missing gradients`).toEqual(gathered.map((grad) => grad === null));
        const present = (list: readonly (Float64Array | null)[]) => list.filter((grad) => grad !== null);
        worst = Math.max(worst, worstError(data(native.params), twin.params), worstError(present(grads), present(gathered)));
        const lengths = present(gathered).map((each) => norm([each])).filter((length) => length > 0);
        bound = Math.max(bound, (1e-14 * norm(twin.params)) / Math.min(...lengths));
        const v = norm(native.direction());
        if (v > 0) bound = Math.max(bound, (1e-13 * norm(present(grads))) / v);
      }
      return { worst, bound };
    });
  }

  test.each(Object.keys(cases) as (keyof typeof cases)[])("%s", (algorithm) => {
    fc.assert(
      fc.property(cases[algorithm], (made) => {
        const { worst, bound } = measure(made);
        expect(worst).toBeLessThanOrEqual(bound);
      }),
      // What is recorded for a case costs as much as its steps.
      { numRuns: mode === "eager" ? 60 : 20 },
    );
  });

  test("a radius that is off by 1e-6 would be seen", () => {
    const plain = cases.SAM.filter(
      ({ base, groups, params }) => base === "SGD" && groups.every(({ rho, lr }) => rho === undefined && lr !== 0) && params.every(({ shape }) => !shape.includes(0)),
    );
    for (const made of fc.sample(plain, { numRuns: 5, seed: 1 })) {
      const native = nativeOf({ ...made, options: { rho: 0.1 } }, mode);
      const twin = twinOf({ ...made, options: { rho: 0.1 + 1e-6 } });
      for (let step = 0; step < STEPS; step++) twin.step(native.step());
      expect(worstError(data(native.params), twin.params)).toBeGreaterThan(1e-11);
    }
  });
});
