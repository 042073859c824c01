/** The algorithms of the family, as the tests that hold for all of them see them. */
import { ASAM, DGSAM, DISAM, ERM, GSAM, LookSAM, SAGM, SAM, type SharpnessAware } from "dgsam";

/** A constructor without its types: the tests pass what each algorithm takes. */
export type AnyWrapper = new (params: unknown, Base: unknown, options?: object) => SharpnessAware;

export interface Member {
  readonly name: string;
  readonly Wrapper: AnyWrapper;
  /** Options that choose this form of it. */
  readonly options: object;
  /** Gradients of single domains that a step takes, for S domains; LookSAM's first step. */
  readonly passes: (domains: number) => number;
  /** Options that make the ascent e = rho g / ||g||; null where it never is. */
  readonly plainAscent: object | null;
}

const twice = (domains: number) => 2 * domains;

export const FAMILY: readonly Member[] = [
  { name: "ERM", Wrapper: ERM as never, options: {}, passes: (domains) => domains, plainAscent: null },
  { name: "SAM", Wrapper: SAM as never, options: {}, passes: twice, plainAscent: {} },
  { name: "ASAM, elementwise", Wrapper: ASAM as never, options: { form: "elementwise" }, passes: twice, plainAscent: null },
  // The parameters of most tests are vectors, which this form takes for biases.
  { name: "ASAM, normalized", Wrapper: ASAM as never, options: { form: "normalized" }, passes: twice, plainAscent: {} },
  { name: "GSAM", Wrapper: GSAM as never, options: {}, passes: twice, plainAscent: {} },
  { name: "SAGM", Wrapper: SAGM as never, options: {}, passes: twice, plainAscent: { alpha: 0 } },
  { name: "DISAM", Wrapper: DISAM as never, options: {}, passes: twice, plainAscent: {} },
  { name: "LookSAM", Wrapper: LookSAM as never, options: {}, passes: twice, plainAscent: {} },
  { name: "DGSAM", Wrapper: DGSAM as never, options: {}, passes: (domains) => domains + 1, plainAscent: {} },
  { name: "DGSAM without reuse", Wrapper: DGSAM as never, options: { reuse: false }, passes: twice, plainAscent: {} },
];
