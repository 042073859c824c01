/**
 * Polynomial decay, as torch.optim.lr_scheduler.PolynomialLR: lr = (1 - t / totalIters)^power * initial at epoch t up to
 * totalIters, 0 from there on; as a chain
 *
 *     lr <- ((1 - t / totalIters) / (1 - (t - 1) / totalIters))^power * lr
 */

import { checkInteger, checkNumber } from "../../checks.js";
import { FormulaScheduler, type FormulaOptions } from "./formula.js";
import { checkSpan } from "./linear.js";
import type { Schedulable } from "./scheduler.js";

export interface PolynomialLROptions extends FormulaOptions {
  /** Epochs to 0. Default 5. */
  totalIters?: number;
  /** Default 1. */
  power?: number;
}

export class PolynomialLR extends FormulaScheduler<{ totalIters: number; power: number }> {
  constructor(optimizer: Schedulable, options: PolynomialLROptions = {}) {
    super(optimizer, { totalIters: 5, power: 1 }, options);
    this.begin();
  }

  protected check({ totalIters, power }: { totalIters: number; power: number }): void {
    checkInteger("PolynomialLR: totalIters", totalIters, 0);
    checkNumber("PolynomialLR: power", power, 0, Infinity, false);
  }

  protected next(epoch: number, initial: boolean): number[] {
    const { totalIters, power } = this.options;
    const values = this.current();
    if (initial || epoch > totalIters) return values;
    const factor = ((1 - epoch / totalIters) / (1 - (epoch - 1) / totalIters)) ** power;
    return values.map((value) => value * factor);
  }

  protected first(): number[] {
    checkSpan("PolynomialLR", this.options.totalIters);
    return this.baseValues;
  }
}
