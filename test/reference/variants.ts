/**
 * The family on the fixed problem, with the options and the ways of use that change what is computed: what the twins are
 * compared on with the Python transcriptions, and the native optimizers with the twins.
 */
import * as reference from "dgsam/reference";
import { copies } from "./support.js";

export const STEPS = 200;

export interface Variant {
  /** The class, here, in `dgsam` and in `test/oracles/sharpness`. */
  readonly algorithm: "ERM" | "SAM" | "ASAM" | "GSAM" | "SAGM" | "DISAM" | "LookSAM" | "DGSAM";
  /** The algorithm's own options. */
  readonly options: object;
  readonly base: "SGD" | "Adam" | "AdamW";
  readonly baseOptions: object;
  /** Cuts the six parameters into groups of `count`, with options of their own. */
  readonly groups?: readonly { readonly count: number; readonly rho?: number; readonly lr?: number }[];
  /** Parameters that the loss does not reach. */
  readonly unused?: readonly number[];
  /** How many of the three domains. */
  readonly domains: number;
  /** Steps, from 0 on, whose losses are not finite: with `policy: "skip"` they leave no trace. */
  readonly omitted?: readonly number[];
}

const SGD = { base: "SGD", baseOptions: { lr: 0.05, momentum: 0.9, nesterov: true } } as const;
const AdamW = { base: "AdamW", baseOptions: { lr: 0.01, weightDecay: 0.1 } } as const;

const forms: Pick<Variant, "algorithm" | "options">[] = [
  { algorithm: "ERM", options: {} },
  { algorithm: "SAM", options: {} },
  { algorithm: "SAM", options: { rho: 0.5, adaptive: true } },
  { algorithm: "ASAM", options: { rho: 0.7 } },
  { algorithm: "ASAM", options: { form: "normalized" } },
  { algorithm: "ASAM", options: { form: "normalized", rho: 0.3, eta: 0.1 } },
  { algorithm: "GSAM", options: {} },
  { algorithm: "GSAM", options: { rho: 0.5, alpha: 0.8, adaptive: true } },
  { algorithm: "SAGM", options: {} },
  { algorithm: "SAGM", options: { rho: 0.5, alpha: 0.1, adaptive: true } },
  { algorithm: "DISAM", options: {} },
  { algorithm: "DISAM", options: { rho: 0.5, lambda: 1, adaptive: true } },
  { algorithm: "LookSAM", options: {} },
  { algorithm: "LookSAM", options: { rho: 0.5, k: 3, alpha: 0.3, adaptive: true } },
  { algorithm: "DGSAM", options: {} },
  { algorithm: "DGSAM", options: { rho: 0.1, reduction: "mean" } },
  { algorithm: "DGSAM", options: { rho: 0.1, reuse: false } },
  { algorithm: "DGSAM", options: { rho: 0.5, adaptive: true, reuse: false, reduction: "mean" } },
];

export const VARIANTS: readonly Variant[] = forms.flatMap((form): Variant[] => [
  { ...form, ...SGD, domains: 3 },
  { ...form, ...SGD, domains: 2, unused: [1, 4], groups: [{ count: 1, lr: 0.02 }, { count: 3, rho: 0.3 }, { count: 2, rho: 0 }] },
  { ...form, ...AdamW, domains: 1, omitted: [0, 5, 11, 12, 13, 100] },
]);

export const title = ({ algorithm, options, base, domains, groups, unused, omitted }: Variant) => {
  const ways = [groups && "groups", unused && "unused parameters", omitted && "skipped steps"].filter((way) => way !== undefined);
  return [algorithm, JSON.stringify(options), base, domains === 1 ? "1 domain" : `${domains} domains`, ...ways].join(", ");
};

/** The order of the domains at every step: the problem's own where there are all three. */
export function ordersOf({ domains }: Variant): readonly (readonly number[])[] {
  if (domains === reference.PROBLEM_DOMAINS) return reference.problemOrders(STEPS);
  return Array.from({ length: STEPS }, () => [...Array(domains).keys()]);
}

/** Parameters cut into the variant's groups. */
export function groupsOf<P>({ groups }: Pick<Variant, "groups">, params: readonly P[]): { params: P[]; rho?: number; lr?: number }[] {
  let first = 0;
  return (groups ?? [{ count: params.length }]).map(({ count, ...own }) => ({ params: params.slice(first, (first += count)), ...own }));
}

type Step = (closures: readonly reference.Closure[], order: readonly number[]) => reference.StepResult;

function makeTwin(variant: Variant, params: readonly Float64Array[]): Step {
  const { algorithm, base } = variant;
  const groups = groupsOf(variant, params);
  const options: reference.AdamOptions & { policy: "skip" } = { policy: "skip", ...variant.options, ...variant.baseOptions };
  const Base = reference[base] as typeof reference.Adam;
  switch (algorithm) {
    case "DGSAM": {
      const twin = new reference.DGSAM(groups, Base, options);
      return (closures, order) => twin.step(closures, order);
    }
    case "ERM":
    case "DISAM": {
      const twin = new reference[algorithm](groups, Base, options);
      return (closures) => twin.step(closures);
    }
    default: {
      const weights = reference.parameterShapes(reference.PROBLEM_SIZES).map((shape) => shape.length > 1);
      const twin = new reference[algorithm](groups, Base, { ...options, ...(algorithm === "ASAM" ? { weights } : {}) });
      return (closures) => twin.step(meanOf(closures));
    }
  }
}

/** The mean loss of closures that have the same gradients missing. */
function meanOf(closures: readonly reference.Closure[]): reference.Closure {
  return () => {
    const evaluations = closures.map((closure) => closure());
    const mean = (of: (index: number) => number) => evaluations.reduce((sum, _, index) => sum + of(index), 0) / evaluations.length;
    return {
      loss: mean((domain) => evaluations[domain]!.loss),
      grads: evaluations[0]!.grads.map((first, index) => first && first.map((_, i) => mean((domain) => evaluations[domain]!.grads[index]![i]!))),
    };
  };
}

/** Trains with the twin; the parameters after every step. */
export function trainTwin(variant: Variant): Float64Array[][] {
  const { net, closures } = reference.makeProblem();
  const start = copies(net.params);
  const step = makeTwin(variant, net.params);
  // A loss that does not reach a parameter sees it where it started.
  const reaching = closures.slice(0, variant.domains).map((closure): reference.Closure => () => {
    const kept = copies(net.params);
    for (const index of variant.unused ?? []) net.params[index]!.set(start[index]!);
    const { loss, grads } = closure();
    for (const [index, param] of net.params.entries()) param.set(kept[index]!);
    return { loss, grads: grads.map((grad, index) => (variant.unused?.includes(index) ? null : grad)) };
  });
  return ordersOf(variant).map((order, index) => {
    const omitted = variant.omitted?.includes(index) === true;
    const { skipped } = step(omitted ? reaching.with(-1, () => ({ ...reaching.at(-1)!(), loss: NaN })) : reaching, order);
    if (skipped !== omitted) throw new Error(`step ${index}: skipped ${skipped}`);
    return copies(net.params);
  });
}
