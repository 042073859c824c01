/** Steps that were taken without waiting, and whose results nobody has read. */

import { inspect } from "node:util";
import { gradientChanges, gradientStamp, withoutTensors } from "../../tensor/internal.js";
import type { Tensor } from "../../tensor/index.js";
import type { DgsamError } from "../../errors.js";
import type { Ledger, Stop } from "./ledger.js";
import { LedgerRows } from "./ledger-rows.js";
import type { StepResult } from "./wrapper-options.js";

export class UnreadStep<R extends StepResult> {
  /** What the step tells, brought up to date before anything of it is read. */
  readonly result: R;
  /** Of the gradients that it left. */
  private readonly stamp: number;
  private readonly changes: number;

  /**
   * @param ledger what it found
   * @param told what it tells, once the ledger has been read
   * @param parameters the list itself, which may change
   * @param leftOut called once, when the step turns out to have stopped; `isLast` says whether the gradients are still those that it left
   * @param fail the error for that, thrown whenever the result is read; null where the result tells it
   */
  constructor(
    private readonly ledger: Ledger, private readonly told: R, private readonly parameters: readonly Tensor[], private readonly leftOut: (isLast: boolean) => void,
    private readonly fail: ((stop: Stop) => DgsamError) | null,
  ) {
    ledger.close();
    this.stamp = gradientStamp(parameters);
    this.changes = gradientChanges();
    this.result = lateResult(told, () => {
      const stop = this.read();
      if (stop !== null && this.fail !== null) throw this.fail(stop);
    });
  }

  /** Takes its numbers to the host. What a step tells that went well is brought up to date when somebody asks. */
  settle(): void {
    if (this.ledger.settle()) this.read();
  }

  /** Brings what the step tells up to date. Returns why it stopped, if it did. */
  read(): Stop | null {
    const isNews = !this.ledger.isRead;
    const stop = this.ledger.read();
    if (stop === null || !isNews) return stop;
    this.told.skipped = true;
    this.told.nonFiniteDomain = stop.domain;
    this.leftOut(this.hasItsGradients());
    return stop;
  }

  private hasItsGradients(): boolean {
    if (gradientChanges() !== this.changes) return false;
    try {
      return gradientStamp(this.parameters) === this.stamp;
    } catch {
      // The parameters were disposed of since.
      return false;
    }
  }
}

/** The last steps of an optimizer. What they found takes little memory on the host, but in a loop that reads no results it would grow. */
export class UnreadSteps<R extends StepResult> {
  /**
   * How many there are at most. The host is hardly ever so far ahead of the device: settling the older ones does not wait. They are settled
   * by as many as share memory, which takes hardly longer than a single one.
   */
  static readonly LIMIT = 2 * LedgerRows.COUNT;
  private readonly steps: UnreadStep<R>[] = [];

  /** Adds one. If that is one too many, old ones are settled, which tells of no error: that is for whoever reads their results. */
  add(step: UnreadStep<R>): void {
    if (this.steps.length === UnreadSteps.LIMIT) for (const each of this.steps.splice(0, LedgerRows.COUNT)) each.settle();
    this.steps.push(step);
  }
}

/** Gives a late result brought up to date. */
const CURRENT = Symbol("current");

interface LateResult {
  [CURRENT](): Readonly<Record<string, unknown>>;
}

/** Properties that all late results share, by the names of what their steps tell: making them takes as long as a kernel. */
const shared = new Map<string, PropertyDescriptorMap>();

function sharedProperties(keys: readonly string[]): PropertyDescriptorMap {
  const names = keys.join(" ");
  let properties = shared.get(names);
  if (properties === undefined) {
    const getter = (key: string): PropertyDescriptor => ({ enumerable: true, get(this: LateResult) { return this[CURRENT]()[key]; } });
    properties = Object.fromEntries(keys.map((key) => [key, getter(key)]));
    Object.assign(properties, { [inspect.custom]: { value(this: LateResult) { return this[CURRENT](); } } });
    shared.set(names, properties);
  }
  return properties;
}

/** The same object as a result that is brought up to date by `read` before anything of it is read. */
function lateResult<R extends object>(result: R, read: () => void): R {
  const late = Object.defineProperty({}, CURRENT, { value: () => (read(), result) });
  // A step is often the last thing in a scope, which would read it.
  return withoutTensors(Object.defineProperties(late, sharedProperties(Object.keys(result))) as R);
}
