/**
 * How a climb calls its operators, which return norms: at once; left to {@link Commands}, while a step is planned and nothing of it is
 * done; or with a {@link Ledger} that takes the norms, while nothing is waited for. In the last two a norm is NaN for now.
 */

import { DgsamError } from "../../errors.js";
import { NotPlannable, type Commands, type OperatorFunction } from "../../tensor/internal.js";
import { ops, type Tensor } from "../../tensor/index.js";
import { NonFinite } from "../closures.js";
import { once } from "../once.js";
import type { Ledger } from "./ledger.js";

// Looking an operator up by name costs as much as a small one takes.
const operators = once(() => ({
  climb: ops.dgsam["climb_.default"],
  accumulate: ops.dgsam["accumulate_.default"],
  products: ops.dgsam["products.default"],
  gather: ops.dgsam["gather_.default"],
  gatherOrthogonal: ops.dgsam["gather_orthogonal_.default"],
  gatherAlong: ops.dgsam["gather_along_.default"],
  project: ops.dgsam["project_.default"],
  restore: ops.dgsam["restore_.default"],
  combine: ops.dgsam["combine_.default"],
}));

const lateOperators = once(() => ({
  climb: ops.dgsam["climb_.late"],
  accumulate: ops.dgsam["accumulate_.late"],
  gather: ops.dgsam["gather_.late"],
  gatherOrthogonal: ops.dgsam["gather_orthogonal_.late"],
  gatherAlong: ops.dgsam["gather_along_.late"],
  project: ops.dgsam["project_.late"],
}));

/** What late forms take beside their own arguments: see {@link Ledger.call}. */
const MORE = { climb: "losses", accumulate: "losses", gather: "losses and flag", gatherOrthogonal: "nothing", gatherAlong: "nothing", project: "nothing" } as const;

/** A call of an operator that returns norms, and then how many parameters had a gradient. */
export interface NormCall {
  readonly name: "climb" | "accumulate" | "gather" | "gatherOrthogonal" | "gatherAlong" | "project";
  readonly args: readonly unknown[];
  /** What the norms are of; the step ends where one is not finite. */
  readonly whats: readonly NonFinite["what"][];
  /** Brings the state to what it is after the call, whatever the norms are. */
  readonly made?: () => void;
  /** The same when they are finite. */
  readonly settle: () => void;
  /** Takes all results, when they are known; of a late step they never are. */
  readonly known?: (results: readonly number[]) => void;
  /** Takes the number of gradients, which is known sooner than the norms. */
  readonly count?: (gradients: number) => void;
  /** Whether the first norm is not one of the step's. */
  readonly isInner?: boolean;
}

export const NONE: Tensor[] = [];
export const GATHERED = ["gradient", "sum of gradients with that"] as const;

export class ClimbCalls {
  /** The norms of this step's gradients, in the order in which they were taken, without the losses' scale. */
  norms: number[] = [];
  /** What the losses are multiplied by. */
  lossScale = 1;
  /** What calls are left to, while a step is planned. */
  commands: Commands | null = null;
  /** Where norms are noted, while nothing is waited for. */
  ledger: Ledger | null = null;

  /** Those that are always made at once. */
  get now(): ReturnType<typeof operators> {
    return operators();
  }

  /**
   * Calls an operator, or leaves it to the commands. Returns its first norm.
   *
   * @throws NonFinite when a norm is not finite
   */
  perform(call: NormCall): number {
    const { name, args, whats, made, settle } = call;
    if (this.ledger !== null) return this.performLate(this.ledger, call);
    const operator = operators()[name] as OperatorFunction;
    if (this.commands === null) return this.take(call, operator(...args) as readonly number[]);
    this.commands.call(operator, args, whats.length, (results) => this.take(call, results));
    made?.();
    settle();
    return NaN;
  }

  private take({ whats, made, settle, known, count, isInner = false }: NormCall, results: readonly number[]): number {
    made?.();
    finite(results[0]!, whats[0]);
    const norm = isInner ? results[0]! : this.record(results[0]!);
    for (let i = 1; i < whats.length; i++) finite(results[i]!, whats[i]);
    count?.(results[whats.length]!);
    known?.(results);
    settle();
    return norm;
  }

  private record(norm: number): number {
    const value = norm / this.lossScale;
    this.norms.push(value);
    return value;
  }

  private performLate(ledger: Ledger, { name, args, whats, made, settle, count, isInner = false }: NormCall): number {
    const operator = lateOperators()[name];
    const { lossScale } = this;
    const into = (norms: number[]) => ([norm]: readonly number[]): void => {
      if (!isInner) norms.push(norm! / lossScale);
    };
    if (this.commands !== null) {
      const at = ledger.reserve(whats.length);
      this.commands.call(operator as OperatorFunction, [...args, ledger.numbers, at], 0, ([gradients]) => {
        ledger.enter(at, whats, into(this.norms));
        made?.();
        count?.(gradients!);
        settle();
      });
    } else {
      const gradients = ledger.call(operator as OperatorFunction, args, whats, into(this.norms), MORE[name]);
      count?.(gradients);
    }
    made?.();
    settle();
    return NaN;
  }

  /** Leaves it to the ledger whether the gradients of these parameters are finite. */
  noteGradients(ledger: Ledger, parameters: readonly Tensor[]): void {
    ledger.call(lateOperators().gather as OperatorFunction, [parameters, NONE, NONE, 0, 1], GATHERED, () => {}, MORE.gather);
  }

  /** For what cannot be left to commands. */
  unplannable(): void {
    if (this.commands !== null) throw new NotPlannable();
  }

  /** For what gives numbers that an algorithm looks at. */
  needsNumbers(what: string): void {
    this.unplannable();
    if (this.ledger !== null) throw new DgsamError("ERR_STATE", `climb.${what}: it waits for what it finds, which steps with check: "late" do not; pass check: "sync"`);
  }
}

/** The norm itself; throws NonFinite. */
export function finite(norm: number, what: NonFinite["what"] = "gradient"): number {
  if (!Number.isFinite(norm)) throw new NonFinite(what, norm);
  return norm;
}
