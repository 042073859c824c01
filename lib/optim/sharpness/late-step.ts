/** Steps that were taken without waiting, and whose results nobody has read. */

import { inspect } from "node:util";
import { gradientStamp, withoutTensors } from "../../tensor/internal.js";
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
    this.leftOut(gradientStamp(this.parameters) === this.stamp);
    this.told.skipped = true;
    this.told.nonFiniteDomain = stop.domain;
    return stop;
  }
}

/** The last steps of an optimizer. What they found takes little memory on the host, but in a loop that reads no results it would grow. */
export class UnreadSteps<R extends StepResult> {
  /**
   * How many there are at most. The host is hardly ever so far ahead of the device: settling one more does not wait, nor for the others
   * of its block of memory.
   */
  static readonly LIMIT = 2 * LedgerRows.COUNT;
  private readonly steps: UnreadStep<R>[] = [];

  /** Adds one; one too many is settled, which tells of no error: that is for whoever reads its result. */
  add(step: UnreadStep<R>): void {
    this.steps.push(step);
    if (this.steps.length > UnreadSteps.LIMIT) this.steps.shift()!.settle();
  }
}

/** The same object as a result that is brought up to date by `read` before anything of it is read. */
function lateResult<R extends object>(result: R, read: () => void): R {
  const current = (): R => (read(), result);
  const late = {};
  for (const key of Object.keys(result)) Object.defineProperty(late, key, { enumerable: true, get: () => current()[key as keyof R] });
  // A step is often the last thing in a scope, which would read it.
  return withoutTensors(Object.defineProperty(late, inspect.custom, { value: current }) as R);
}
