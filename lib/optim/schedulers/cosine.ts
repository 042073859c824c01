/**
 * Half a cosine down to etaMin in tMax epochs, as torch.optim.lr_scheduler.CosineAnnealingLR, and up again in the next tMax:
 *
 *     lr = etaMin + (initial - etaMin) * (1 + cos(pi * t / tMax)) / 2
 *
 * as a chain
 *
 *     lr <- etaMin + (lr - etaMin) * (1 + cos(pi * t / tMax)) / (1 + cos(pi * (t - 1) / tMax))
 *     lr <- lr + (initial - etaMin) * (1 - cos(pi / tMax)) / 2                                  after a minimum
 *
 * Loshchilov & Hutter 2017, arXiv 1608.03983, without its restarts.
 */

import { checkInteger, checkNumber } from "../../checks.js";
import { FormulaScheduler, type FormulaOptions } from "./formula.js";
import { roundedCosine } from "./rounded-cosine.js";
import { REQUIRED, type Schedulable } from "./scheduler.js";

export interface CosineAnnealingLROptions extends FormulaOptions {
  /** Epochs to the minimum. */
  tMax: number;
  /** The minimum. Default 0. */
  etaMin?: number;
}

export class CosineAnnealingLR extends FormulaScheduler<{ tMax: number; etaMin: number }> {
  constructor(optimizer: Schedulable, options: CosineAnnealingLROptions) {
    super(optimizer, { tMax: REQUIRED, etaMin: 0 }, options);
    this.begin();
  }

  protected check({ tMax, etaMin }: { tMax: number; etaMin: number }): void {
    checkInteger("CosineAnnealingLR: tMax", tMax, 1);
    checkNumber("CosineAnnealingLR: etaMin", etaMin, 0, Infinity, false);
  }

  protected next(epoch: number, initial: boolean): number[] {
    const { tMax, etaMin } = this.options;
    const values = this.current();
    if (initial) return values;
    if ((epoch - 1 - tMax) % (2 * tMax) === 0)
      return values.map((value, i) => value + ((this.baseValues[i]! - etaMin) * (1 - roundedCosine(Math.PI / tMax))) / 2);
    const ratio = (1 + roundedCosine((Math.PI * epoch) / tMax)) / (1 + roundedCosine((Math.PI * (epoch - 1)) / tMax));
    return values.map((value) => ratio * (value - etaMin) + etaMin);
  }

  protected first(): number[] {
    const { etaMin } = this.options;
    return this.baseValues.map((base) => etaMin + ((base - etaMin) * 2) / 2);
  }
}
