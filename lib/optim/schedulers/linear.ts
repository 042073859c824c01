/**
 * A factor for the first totalIters epochs, as torch.optim.lr_scheduler, at epoch t:
 *
 *     ConstantLR   lr = factor * initial                                                   before totalIters, then initial
 *     LinearLR     lr = (startFactor + (endFactor - startFactor) * t / totalIters) * initial   up to totalIters, then as it is
 */

import { checkInteger, checkNumber } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { FormulaScheduler, type FormulaOptions } from "./formula.js";
import type { Schedulable } from "./scheduler.js";

export interface ConstantLROptions extends FormulaOptions {
  /** Above 0, at most 1. Default 1/3. */
  factor?: number;
  /** Epochs with the factor. Default 5. */
  totalIters?: number;
}

export class ConstantLR extends FormulaScheduler<{ factor: number; totalIters: number }> {
  constructor(optimizer: Schedulable, options: ConstantLROptions = {}) {
    super(optimizer, { factor: 1 / 3, totalIters: 5 }, options);
    this.begin();
  }

  protected check({ factor, totalIters }: { factor: number; totalIters: number }): void {
    checkFactor("ConstantLR: factor", factor);
    checkInteger("ConstantLR: totalIters", totalIters, 0);
  }

  protected next(epoch: number): number[] {
    const { factor, totalIters } = this.options;
    const values = this.current();
    if (epoch === 0) return values.map((value) => value * factor);
    return epoch === totalIters ? values.map((value) => value * (1 / factor)) : values;
  }

  protected first(): number[] {
    const { factor, totalIters } = this.options;
    return this.baseValues.map((base) => base * (totalIters > 0 ? factor : factor + (1 - factor)));
  }
}

export interface LinearLROptions extends FormulaOptions {
  /** Above 0, at most 1. Default 1/3. */
  startFactor?: number;
  /** From 0 to 1. Default 1. */
  endFactor?: number;
  /** Epochs from the one to the other. Default 5. */
  totalIters?: number;
}

export class LinearLR extends FormulaScheduler<{ startFactor: number; endFactor: number; totalIters: number }> {
  constructor(optimizer: Schedulable, options: LinearLROptions = {}) {
    super(optimizer, { startFactor: 1 / 3, endFactor: 1, totalIters: 5 }, options);
    this.begin();
  }

  protected check({ startFactor, endFactor, totalIters }: { startFactor: number; endFactor: number; totalIters: number }): void {
    checkFactor("LinearLR: startFactor", startFactor);
    checkNumber("LinearLR: endFactor", endFactor, 0, 1);
    checkInteger("LinearLR: totalIters", totalIters, 0);
  }

  protected next(epoch: number, initial: boolean): number[] {
    const { startFactor, endFactor, totalIters } = this.options;
    const values = this.current();
    if (epoch === 0) return values.map((value) => value * startFactor);
    if (initial || epoch > totalIters) return values;
    const change = endFactor - startFactor;
    // On the way to 0 rounding can end below it, and optimizers refuse a negative learning rate.
    const factor = Math.max(0, 1 + change / (totalIters * startFactor + (epoch - 1) * change));
    return values.map((value) => value * factor);
  }

  protected first(): number[] {
    checkSpan("LinearLR", this.options.totalIters);
    return this.baseValues.map((base) => base * this.options.startFactor);
  }
}

/** The way back from a factor divides by it: 0 has none. */
function checkFactor(name: string, factor: unknown): void {
  if (!(typeof factor === "number" && factor > 0 && factor <= 1)) throw argumentError(name, "a number above 0, at most 1", factor);
}

/** Throws where a schedule that takes no epoch would begin in the midst of a run: its formula divides by that. */
export function checkSpan(name: string, totalIters: number): void {
  if (totalIters === 0) throw new DgsamError("ERR_ARGUMENT", `${name}: totalIters: expected at least 1 within a SequentialLR, got 0`);
}
