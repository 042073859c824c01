/** Exponential decay, as torch.optim.lr_scheduler.ExponentialLR: lr <- gamma * lr at each epoch. */

import { checkNumber } from "../../checks.js";
import { FormulaScheduler, type FormulaOptions } from "./formula.js";
import { REQUIRED, type Schedulable } from "./scheduler.js";

export interface ExponentialLROptions extends FormulaOptions {
  /** Factor of each epoch. */
  gamma: number;
}

export class ExponentialLR extends FormulaScheduler<{ gamma: number }> {
  constructor(optimizer: Schedulable, options: ExponentialLROptions) {
    super(optimizer, { gamma: REQUIRED }, options);
    this.begin();
  }

  protected check({ gamma }: { gamma: number }): void {
    checkNumber("ExponentialLR: gamma", gamma, 0, Infinity, false);
  }

  protected next(_epoch: number, initial: boolean): number[] {
    const values = this.current();
    return initial ? values : values.map((value) => value * this.options.gamma);
  }

  protected first(): number[] {
    return this.baseValues;
  }
}
