/** Exponential decay, as torch.optim.lr_scheduler.ExponentialLR: lr <- gamma * lr at each epoch. */

import { checkNumber } from "../../checks.js";
import type { OptimizerLike } from "../descent/optimizer.js";
import { FormulaScheduler, type FormulaOptions } from "./formula.js";

export interface ExponentialLROptions extends FormulaOptions {
  /** Factor of each epoch. */
  gamma: number;
}

export class ExponentialLR extends FormulaScheduler<{ gamma: number }> {
  constructor(optimizer: OptimizerLike, options: ExponentialLROptions) {
    super(optimizer, { gamma: NaN }, options);
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
