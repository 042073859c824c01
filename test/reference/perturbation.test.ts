import { Adam, DGSAM, SAM, SGD, TwinError, type Closure, type Gradients, type PerturbationOptions, type SGDOptions } from "dgsam/reference";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { constantClosure, copies, cut, paramsAndGradients, worstError } from "./support.js";

/** Writes down the gradients that it is given, and the parameters that it finds then. */
class Recorder extends SGD {
  readonly received: Gradients[] = [];
  readonly found: Float64Array[][] = [];
  override step(grads: Gradients): void {
    this.received.push(grads);
    this.found.push(copies(this.params));
    super.step(grads);
  }
}

const record = (optimizer: { readonly base: unknown }) => (optimizer.base as Recorder).received;

/** Sums the present gradients, in order; missing where all are. */
function sumOf(lists: readonly Gradients[]): (Float64Array | null)[] {
  return lists[0]!.map((_, index) => {
    const present = lists.flatMap((grads) => (grads[index] ? [grads[index]] : []));
    return present.length === 0 ? null : present.reduce((sum, grad) => sum.map((value, i) => value + grad[i]!));
  });
}

const scaled = (grads: readonly (Float64Array | null)[], scale: number) => grads.map((grad) => grad && grad.map((value) => value * scale));
const sums = fc.integer({ min: 1, max: 5 }).chain((count) => paramsAndGradients(count));
const sumsAndOrders = sums.chain((made) => {
  const order = fc.shuffledSubarray([...made.passes.keys()], { minLength: made.passes.length });
  return fc.record({ made: fc.constant(made), order });
});

describe("DGSAM", () => {
  it("with rho 0 hands the base S/(S+1) of the sum of gradients, the first domain's counted twice", () => {
    fc.assert(
      fc.property(sums, ({ params, passes }) => {
        const domains = passes.length;
        const dgsam = new DGSAM(params, Recorder, { rho: 0, lr: 0.1 });
        dgsam.step(passes.map((grads) => constantClosure(grads)));
        expect(record(dgsam)).toEqual([scaled(sumOf([...passes, passes[0]!]), domains / (domains + 1))]);
      }),
    );
  });

  it("visits the domains in the given order, the first again at the end, each ascent of length rho", () => {
    fc.assert(
      fc.property(sumsAndOrders, ({ made, order }) => {
        const rho = 0.25;
        const seen: number[] = [];
        const places: Float64Array[][] = [];
        const closures = made.passes.map((grads, domain): Closure => () => {
          seen.push(domain);
          places.push(copies(made.params));
          return { loss: domain, grads };
        });
        const dgsam = new DGSAM(made.params, SGD, { rho, lr: 0.1 });
        const { passLosses } = dgsam.step(closures, order);
        expect(seen).toEqual([...order, order[0]]);
        expect(passLosses).toEqual(seen);
        for (let pass = 0; pass < order.length; pass++) {
          const flat = (list: Float64Array[]) => list.flatMap((tensor) => [...tensor]);
          const [from, to] = [flat(places[pass]!), flat(places[pass + 1]!)];
          const distance = Math.hypot(...to.map((value, index) => value - from[index]!));
          const norm = Math.hypot(...made.passes[order[pass]!]!.flatMap((grad) => (grad ? [...grad] : [])));
          // Below, the 1e-12 added to the norm counts; a gradient of zero does not move at all.
          if (norm > 1e-3) expect(distance).toBeCloseTo(rho, 8);
          if (norm === 0) expect(distance).toBe(0);
        }
      }),
    );
  });

  it("scales with reduction and reuse: mean is sum over S; without reuse there is no S/(S+1)", () => {
    fc.assert(
      fc.property(sums, fc.boolean(), ({ params, passes }, reuse) => {
        const domains = passes.length;
        const closures = passes.map((grads) => constantClosure(grads));
        const mean = new DGSAM(copies(params), Recorder, { rho: 0, reuse, reduction: "mean" });
        const { passLosses } = mean.step(closures);
        const parts = reuse ? [...passes, passes[0]!] : passes;
        expect(passLosses).toHaveLength(reuse ? domains + 1 : 2 * domains);
        for (const [index, grad] of scaled(sumOf(parts), 1 / parts.length).entries()) {
          const actual = record(mean)[0]![index]!;
          if (grad === null) expect(actual).toBeNull();
          else grad.forEach((value, i) => expect(actual![i]).toBeCloseTo(value, 10));
        }
      }),
    );
  });

  it("for one domain is half of the gradient here and half of the one at the top", () => {
    const param = Float64Array.of(3, 4);
    const dgsam = new DGSAM([param], Recorder, { rho: 1, lr: 1 });
    // The loss |w|^2 / 2: the gradient is w itself, the ascent goes from (3, 4) to 1.2 times that.
    dgsam.step([() => ({ loss: 12.5, grads: [param.slice()] })]);
    expect(worstError([record(dgsam)[0]![0]!], [[3.3, 4.4]])).toBeLessThan(1e-12);
    expect(worstError([param], [[-0.3, -0.4]])).toBeLessThan(1e-12);
  });

  it("with adaptive climbs rho * w^2 g / || |w| g ||", () => {
    const param = Float64Array.of(2, -1, 0);
    const places: number[][] = [];
    const dgsam = new DGSAM([param], SGD, { rho: 0.5, adaptive: true, lr: 0 });
    dgsam.step([() => (places.push([...param]), { loss: 0, grads: [Float64Array.of(1.5, 4, 100)] })]);
    // |w| g = (3, 4, 0) with norm 5; w^2 g = (6, 4, 0).
    expect(worstError([places[1]!], [[2.6, -0.6, 0]])).toBeLessThan(1e-12);
  });

  it("is not fooled by a closure that hands out the same arrays each time", () => {
    const shared = Float64Array.of(0);
    const closures = [1, 2, 4].map((value): Closure => () => (shared.fill(value), { loss: 0, grads: [shared] }));
    const dgsam = new DGSAM([Float64Array.of(0)], Recorder, { rho: 0 });
    dgsam.step(closures);
    expect(record(dgsam)[0]).toEqual([Float64Array.of((1 + 2 + 4 + 1) * 0.75)]);
  });

  it.each([
    ["no closures", [], undefined, "DGSAM: closures: expected at least one, got none"],
    ["too short an order", [0, 1], [0], "DGSAM: order: expected a permutation of 0 .. 1, got [0]"],
    ["an order with a repeat", [0, 1], [0, 0], "DGSAM: order: expected a permutation of 0 .. 1, got [0, 0]"],
    ["an order out of range", [0, 1], [1, 2], "DGSAM: order: expected a permutation of 0 .. 1, got [1, 2]"],
  ])("refuses %s", (_, domains, order, message) => {
    const dgsam = new DGSAM([Float64Array.of(0)], SGD, {});
    const step = () => dgsam.step(domains.map(() => constantClosure([Float64Array.of(1)])), order);
    expect(step).toThrow(expect.objectContaining({ code: "ERR_ARGUMENT", message }));
  });
});

describe("SAM", () => {
  it("with rho 0 is its base optimizer", () => {
    fc.assert(
      fc.property(paramsAndGradients(3), ({ params, passes }) => {
        const [own, plain] = [copies(params), copies(params)];
        const sam = new SAM(own, Adam, { rho: 0, lr: 0.1 });
        const base = new Adam(plain, { lr: 0.1 });
        for (const grads of passes) {
          sam.step(constantClosure(grads));
          base.step(grads);
        }
        expect(own).toEqual(plain);
      }),
    );
  });

  it("on a quadratic applies the gradient of the top", () => {
    const param = Float64Array.of(3, 4);
    const sam = new SAM([param], SGD, { rho: 1, lr: 0.5 });
    const { passLosses, gathered, skipped } = sam.step(() => ({ loss: Math.hypot(...param) ** 2 / 2, grads: [param.slice()] }));
    expect(worstError([passLosses], [[12.5, 18]])).toBeLessThan(1e-12);
    expect(worstError(gathered as Float64Array[], [[3.6, 4.8]])).toBeLessThan(1e-12);
    expect(worstError([param], [[1.2, 1.6]])).toBeLessThan(1e-12);
    expect(skipped).toBe(false);
  });
});

const wrappers = {
  SAM: (params: ConstructorParameters<typeof SAM<SGDOptions>>[0], options: PerturbationOptions & SGDOptions) => {
    const sam = new SAM(params, Recorder, options);
    return { optimizer: sam, passes: 2, step: (closure: Closure) => sam.step(closure) };
  },
  DGSAM: (params: ConstructorParameters<typeof DGSAM<SGDOptions>>[0], options: PerturbationOptions & SGDOptions) => {
    const dgsam = new DGSAM(params, Recorder, options);
    return { optimizer: dgsam, passes: 4, step: (closure: Closure) => dgsam.step([closure, closure, closure]) };
  },
};

describe.each(["SAM", "DGSAM"] as const)("%s", (name) => {
  it("does the same for every way of cutting the parameters into groups of one radius", () => {
    fc.assert(
      fc.property(paramsAndGradients(4), fc.array(fc.nat(), { maxLength: 3 }), ({ params, passes }, places) => {
        const [whole, grouped] = [copies(params), copies(params)];
        let [i, j] = [0, 0];
        wrappers[name](whole, { rho: 0.3, lr: 0.1 }).step(() => ({ loss: 0, grads: passes[i++]! }));
        wrappers[name](cut(grouped, places).map((group) => ({ params: group })), { rho: 0.3, lr: 0.1 }).step(() => ({ loss: 0, grads: passes[j++]! }));
        expect(grouped).toEqual(whole);
      }),
    );
  });

  it("takes the norm over all groups and the radius of each", () => {
    const [a, b] = [Float64Array.of(0), Float64Array.of(0)];
    const places: number[][] = [];
    const { step, optimizer } = wrappers[name]([{ params: [a], rho: 5 }, { params: [b] }], { rho: 10, lr: 0 });
    const closure = () => (places.push([a[0]!, b[0]!]), { loss: 0, grads: [Float64Array.of(3), Float64Array.of(4)] });
    step(closure);
    expect(worstError([places[1]!], [[3, 8]])).toBeLessThan(1e-12);
    optimizer.paramGroups[1]!.rho = 0;
    places.length = 0;
    step(closure);
    expect(worstError([places[1]!], [[3, 0]])).toBeLessThan(1e-12);
  });

  it("leaves parameters without any gradient untouched, and does not climb on a zero gradient", () => {
    const params = [Float64Array.of(1), Float64Array.of(2)];
    const { step } = wrappers[name](params, { rho: 0.3, lr: 0.1, weightDecay: 0.5 });
    const seen: number[][] = [];
    const { gathered } = step(() => (seen.push(params.map((param) => param[0]!)), { loss: 0, grads: [null, Float64Array.of(0)] }));
    expect(new Set(seen.map(String))).toEqual(new Set(["1,2"]));
    expect(gathered).toEqual([null, Float64Array.of(0)]);
    // Weight decay is the base's business: it alone moved the second parameter.
    expect(params.map((param) => param[0])).toEqual([1, 2 - 0.1 * (0.5 * 2)]);
  });

  it("puts the parameters back bit for bit before the descent", () => {
    fc.assert(
      fc.property(paramsAndGradients(4), fc.double({ min: 1e-3, max: 1e3, noNaN: true }), ({ params, passes }, rho) => {
        const before = copies(params);
        let pass = 0;
        const { optimizer, step } = wrappers[name](params, { rho, lr: 0.1 });
        step(() => ({ loss: 0, grads: passes[pass++]! }));
        expect((optimizer.base as Recorder).found).toEqual([before]);
      }),
    );
  });

  const bad: [string, (grads: Gradients) => { loss: number; grads: Gradients }][] = [
    ["a loss of NaN", (grads) => ({ loss: NaN, grads })],
    ["an infinite loss", (grads) => ({ loss: Infinity, grads })],
    ["a gradient of NaN", () => ({ loss: 0, grads: [Float64Array.of(1, NaN)] })],
    ["an infinite gradient", () => ({ loss: 0, grads: [Float64Array.of(-Infinity, 1)] })],
  ];
  describe.each(bad)("with %s in any pass", (_, make) => {
    const { passes } = wrappers[name]([Float64Array.of(0)], {});
    it.each([...Array(passes).keys()])("%i: throws and changes nothing, or skips and says where", (badPass) => {
      const param = Float64Array.of(1, 2);
      let pass = 0;
      const closure = () => {
        const evaluation = { loss: 1, grads: [Float64Array.of(3, 4)] };
        return pass++ === badPass ? make(evaluation.grads) : evaluation;
      };
      const throwing = wrappers[name]([param], { lr: 1 });
      const domain = name === "SAM" ? 0 : badPass % 3;
      expect(() => throwing.step(closure)).toThrow(
        expect.objectContaining({
          code: "ERR_NON_FINITE",
          message: `${name}: expected finite losses and gradients, got others in pass ${badPass + 1}, closure ${domain}; nothing was changed`,
        }),
      );
      const skipping = wrappers[name]([param], { lr: 1, policy: "skip" });
      pass = 0;
      expect(skipping.step(closure)).toMatchObject({ skipped: true, gathered: null, nonFiniteDomain: domain });
      expect(param).toEqual(Float64Array.of(1, 2));
      expect([...record(throwing.optimizer), ...record(skipping.optimizer)]).toEqual([]);
    });
  });

  it("puts the parameters back and passes on what a closure throws, in any pass", () => {
    const { passes } = wrappers[name]([Float64Array.of(0)], {});
    for (let badPass = 0; badPass < passes; badPass++) {
      const param = Float64Array.of(0.1, 0.2);
      const thrown = new Error("out of data");
      let pass = 0;
      const { step, optimizer } = wrappers[name]([param], { lr: 1, policy: "skip" });
      expect(() => step(() => {
        if (pass++ === badPass) throw thrown;
        return { loss: 1, grads: [Float64Array.of(3, 4)] };
      })).toThrow(thrown);
      expect(param).toEqual(Float64Array.of(0.1, 0.2));
      expect(record(optimizer)).toEqual([]);
    }
  });

  it("refuses a negative rho, in a group too, and gradients that do not fit", () => {
    const error = (message: string) => expect.objectContaining({ name: "TwinError", code: "ERR_ARGUMENT", message }) as TwinError;
    expect(() => wrappers[name]([Float64Array.of(0)], { rho: -1 })).toThrow(error(`${name}: rho: expected a finite number >= 0, got -1`));
    expect(() => wrappers[name]([{ params: [Float64Array.of(0)], rho: NaN }], {})).toThrow(error(`${name}: rho: expected a finite number >= 0, got NaN`));
    const param = Float64Array.of(1);
    expect(() => wrappers[name]([param], {}).step(constantClosure([Float64Array.of(1, 2)]))).toThrow(
      expect.objectContaining({ code: "ERR_SHAPE", message: "grads[0]: expected null or a length of 1, as the parameter, got a length of 2" }),
    );
    expect(param).toEqual(Float64Array.of(1));
  });
});
