/**
 * Random problems for the family, with gradients that a twin can write down: every micro-batch's loss is a sum of
 * 1/2 sum a (p - c)^2 over the parameters that it reaches. Which these are may change from call to call.
 *
 * Every centre c is on its parameter's side of zero and far enough beyond that no gradient vanishes within the steps, the
 * domains' gradients do not cancel, and no parameter comes near zero: relative errors would say nothing there, whatever the
 * implementation.
 */
import * as dgsam from "dgsam";
import { tensor, type Closure, type Tensor } from "dgsam";
import * as reference from "dgsam/reference";
import fc from "fast-check";
import { cut, numbers } from "../../reference/support.js";
import { groupsOf, type Variant } from "../../reference/variants.js";
import { closuresIn, type Mode } from "../modes.js";
import type { AnyWrapper } from "./family.js";

interface Quadratic {
  readonly curvature: Float64Array;
  readonly centre: Float64Array;
}

interface MicroBatch {
  readonly terms: readonly Quadratic[];
  /** Which parameters the loss reaches, in calls of even and of odd number. */
  readonly reaches: readonly [readonly boolean[], readonly boolean[]];
}

export interface Case {
  readonly algorithm: Variant["algorithm"];
  readonly options: { readonly rho: number };
  readonly base: "SGD" | "Adam";
  readonly params: readonly { readonly shape: readonly number[]; readonly values: Float64Array }[];
  readonly groups: readonly { readonly count: number; readonly rho?: number; readonly lr?: number }[];
  readonly domains: readonly (readonly MicroBatch[])[];
  /** A single closure is given as itself, not as a list of one. */
  readonly bare: boolean;
}

const baseOptions = { SGD: { lr: 0.02, momentum: 0.5, weightDecay: 0.01 }, Adam: { lr: 0.01, weightDecay: 0.01 } } as const;

const lengthOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

const shapes = fc.array(fc.array(fc.constantFrom(1, 2, 3, 3, 4, 0), { maxLength: 3 }), { minLength: 1, maxLength: 5 });
const radius = fc.constantFrom(0, 0.05, 0.3, 1);

/** Parameters that are reached: at least one of `count`. */
function reached(count: number): fc.Arbitrary<boolean[]> {
  const any = fc.array(fc.boolean(), { minLength: count, maxLength: count });
  return fc.tuple(any, fc.nat(count - 1)).map(([list, sure]) => list.with(sure, true));
}

function casesOf(algorithm: Case["algorithm"], own: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Case> {
  const options = fc.record({ rho: radius, ...own });
  return shapes.chain((list) => {
    const count = list.length;
    const group = fc.record({ rho: radius, lr: fc.constantFrom(0, 0.01, 0.02) }, { requiredKeys: [] });
    const everywhere = fc.constant(Array<boolean>(count).fill(true));
    const reaches = fc.oneof(fc.tuple(everywhere, everywhere), reached(count).map((one): [boolean[], boolean[]] => [one, one]), fc.tuple(reached(count), reached(count)));
    const structure = {
      options,
      base: fc.constantFrom("SGD" as const, "Adam" as const),
      places: fc.array(fc.nat(), { maxLength: 3 }),
      groups: fc.array(group, { minLength: 4, maxLength: 4 }),
      domains: fc.array(fc.array(reaches, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 }),
      bare: fc.boolean(),
      seed: fc.integer({ min: 1, max: 1e6 }),
    };
    return fc.record(structure).map(({ places, groups, domains, seed, ...rest }): Case => {
      const draw = numbers(seed);
      const sides = list.map((shape) => Float64Array.from({ length: lengthOf(shape) }, () => (draw() > 0 ? 1 : -1)));
      const params = list.map((shape, index) => ({ shape, values: sides[index]!.map((sign) => sign * (0.75 + draw() / 2)) }));
      const quadratics = () =>
        sides.map((side) => ({ curvature: side.map(() => 0.75 + draw() / 2), centre: side.map((sign) => sign * (2.5 + draw())) }));
      return {
        ...rest,
        algorithm,
        params,
        groups: cut(params, places).map((part, index) => ({ count: part.length, ...groups[index]! })),
        domains: domains.map((batches) => batches.map((each) => ({ terms: quadratics(), reaches: each }))),
      };
    });
  });
}

const adaptive = fc.boolean();

/** By algorithm. */
export const cases = {
  ERM: casesOf("ERM", {}),
  SAM: casesOf("SAM", { adaptive }),
  "ASAM, elementwise": casesOf("ASAM", { form: fc.constant("elementwise") }),
  "ASAM, normalized": casesOf("ASAM", { form: fc.constant("normalized"), eta: fc.constantFrom(0, 0.01, 0.5) }),
  GSAM: casesOf("GSAM", { adaptive, alpha: fc.constantFrom(0, 0.4, 0.9) }),
  SAGM: casesOf("SAGM", { adaptive, alpha: fc.constantFrom(0, 0.001, 0.2) }),
  DISAM: casesOf("DISAM", { adaptive, lambda: fc.constantFrom(0, 0.01, 0.1) }),
  LookSAM: casesOf("LookSAM", { adaptive, k: fc.integer({ min: 1, max: 6 }), alpha: fc.constantFrom(0, 0.3, 0.7) }),
  DGSAM: casesOf("DGSAM", { adaptive, reduction: fc.constantFrom("sum", "mean"), order: fc.constantFrom("random", "fixed"), seed: fc.nat() }),
  "DGSAM without reuse": casesOf("DGSAM", { adaptive, reuse: fc.constant(false), reduction: fc.constantFrom("sum", "mean"), order: fc.constantFrom("random", "fixed"), seed: fc.nat() }),
} as const;

interface NativeSide {
  readonly params: Tensor[];
  /** Gives the order in which the domains were visited, where the algorithm has one. */
  step(): number[] | undefined;
  /** LookSAM's v. */
  direction(): Float64Array[];
}

/** The native optimizer over a case. */
export function nativeOf(made: Case, mode: Mode): NativeSide {
  const { algorithm, base, domains, bare, options } = made;
  const params = made.params.map(({ shape, values }) => tensor([...values], { dtype: "float64", shape: [...shape], requiresGrad: true }));
  const closureOf = ({ terms, reaches }: MicroBatch) => {
    const constant = (values: Float64Array, index: number) => tensor([...values], { dtype: "float64", shape: [...made.params[index]!.shape] });
    const constants = terms.map(({ curvature, centre }, index) => ({ curvature: constant(curvature, index), centre: constant(centre, index) }));
    const [even, odd] = reaches.map((reached) =>
      closuresIn(mode, () => {
        const losses = params.flatMap((param, index) => {
          const { curvature, centre } = constants[index]!;
          return reached[index] ? [param.sub(centre).square().mul(curvature).sum().mul(0.5)] : [];
        });
        return losses.reduce((sum, loss) => sum.add(loss));
      })(),
    ) as [Closure, Closure];
    let calls = 0;
    return reaches[0] === reaches[1] ? even : () => (calls++ % 2 === 0 ? even : odd)();
  };
  const closures = domains.map((batches) => {
    const list = batches.map(closureOf);
    return bare && list.length === 1 ? list[0]! : list;
  });
  const Wrapper = dgsam[algorithm] as unknown as AnyWrapper;
  const optimizer = new Wrapper(groupsOf(made, params), dgsam[base], { ...options, ...baseOptions[base] });
  const given = bare && closures.length === 1 && typeof closures[0] === "function" ? closures[0] : closures;
  return {
    params,
    step: () => (optimizer.step(given) as { order?: number[] }).order,
    direction: () => ((optimizer.stateDict() as { direction?: Tensor[] }).direction ?? []).map((each) => each.data() as Float64Array),
  };
}

type AnyTwin = new (params: unknown, Base: unknown, options: object) => { step(closures: unknown, order?: number[]): reference.StepResult };

/** Its twin. A step gives what the base optimizer was given. */
export function twinOf(made: Case): { params: Float64Array[]; step: (order: number[] | undefined) => reference.Gradients } {
  const { algorithm, base, options } = made;
  const params = made.params.map(({ values }) => values.slice());
  const closureOf = ({ terms, reaches }: MicroBatch): reference.Closure => {
    let calls = 0;
    return () => {
      const reached = reaches[calls++ % 2]!;
      let loss = 0;
      const grads = params.map((param, index) => {
        if (!reached[index]) return null;
        const { curvature, centre } = terms[index]!;
        return param.map((value, i) => {
          loss += 0.5 * curvature[i]! * (value - centre[i]!) ** 2;
          return curvature[i]! * (value - centre[i]!);
        });
      });
      return { loss, grads };
    };
  };
  const closures = made.domains.map((batches) => meanOf(batches.map(closureOf)));
  const Twin = reference[algorithm] as unknown as AnyTwin;
  const { order: _, seed: __, ...own } = options as { rho: number; order?: string; seed?: number };
  const weights = algorithm === "ASAM" ? { weights: made.params.map(({ shape }) => shape.length > 1) } : {};
  const twin = new Twin(groupsOf(made, params), reference[base], { ...own, ...weights, ...baseOptions[base] });
  const given = ["ERM", "DISAM", "DGSAM"].includes(algorithm) ? closures : meanOf(closures);
  // Without reuse every domain is named twice in a row, with it the first once more at the end.
  return { params, step: (order) => twin.step(given, order && [...new Set(order)]).gathered! };
}

/** The mean of losses; a gradient is missing where all of theirs are. */
function meanOf(closures: readonly reference.Closure[]): reference.Closure {
  return () => {
    const evaluations = closures.map((closure) => closure());
    const share = 1 / evaluations.length;
    const grads = evaluations[0]!.grads.map((_, index) => {
      const present = evaluations.flatMap(({ grads: each }) => (each[index] ? [each[index]] : []));
      return present[0]?.map((__, i) => present.reduce((sum, grad) => sum + grad[i]!, 0) * share) ?? null;
    });
    return { loss: evaluations.reduce((sum, { loss }) => sum + loss, 0) * share, grads };
  };
}
