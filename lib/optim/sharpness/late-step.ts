/** A step that was taken without waiting, and whose result nobody has read. */

import { inspect } from "node:util";
import { gradientStamp } from "../../tensor/internal.js";
import type { Tensor } from "../../tensor/index.js";
import type { DgsamError } from "../../errors.js";
import type { Ledger, Stop } from "./ledger.js";
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
    this.stamp = gradientStamp(parameters);
    this.result = lateResult(told, () => this.read());
  }

  private read(): void {
    const isNews = !this.ledger.isRead;
    const stop = this.ledger.read();
    if (stop === null) return;
    if (isNews) this.leftOut(gradientStamp(this.parameters) === this.stamp);
    this.told.skipped = true;
    this.told.nonFiniteDomain = stop.domain;
    if (this.fail !== null) throw this.fail(stop);
  }
}

/** The same object as a result that is brought up to date by `read` before anything of it is read. */
function lateResult<R extends object>(result: R, read: () => void): R {
  const current = (): R => (read(), result);
  const late = {};
  for (const key of Object.keys(result)) Object.defineProperty(late, key, { enumerable: true, get: () => current()[key as keyof R] });
  return Object.defineProperty(late, inspect.custom, { value: current }) as R;
}
