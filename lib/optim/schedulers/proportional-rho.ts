/**
 * GSAM's rule for the radius (Zhuang et al., ICLR 2022, arXiv 2203.08065): it follows the learning rate,
 *
 *     rho = rhoMin + (rhoMax - rhoMin) * (lr - lrMin) / (lrMax - lrMin)      (rhoMax where lrMax = lrMin)
 */

import { checkNumber, withDefaults } from "../../checks.js";
import { DgsamError } from "../../errors.js";
import { REQUIRED, Scheduler, type Schedulable } from "./scheduler.js";

export interface ProportionalRhoOptions {
  /** Radius at lrMin. */
  rhoMin: number;
  /** Radius at lrMax. */
  rhoMax: number;
  /** The lowest learning rate of the schedule. */
  lrMin: number;
  /** The highest learning rate of the schedule. */
  lrMax: number;
}

export class ProportionalRho extends Scheduler<ProportionalRhoOptions> {
  constructor(optimizer: Schedulable, options: ProportionalRhoOptions) {
    const defaults = { rhoMin: REQUIRED, rhoMax: REQUIRED, lrMin: REQUIRED, lrMax: REQUIRED };
    super(optimizer, "rho", -1, withDefaults<ProportionalRhoOptions>("ProportionalRho", options, defaults));
    this.step();
  }

  protected check({ rhoMin, rhoMax, lrMin, lrMax }: ProportionalRhoOptions): void {
    checkNumber("ProportionalRho: rhoMin", rhoMin, 0, Infinity, false);
    checkNumber("ProportionalRho: rhoMax", rhoMax, rhoMin, Infinity, false);
    checkNumber("ProportionalRho: lrMin", lrMin, 0, Infinity, false);
    checkNumber("ProportionalRho: lrMax", lrMax, lrMin, Infinity, false);
  }

  /**
   * Call it after the learning rate's scheduler.
   *
   * @throws DgsamError `ERR_ARGUMENT` when a learning rate lies so far below lrMin that the radius would be negative
   */
  step(): void {
    const { rhoMin, rhoMax, lrMin, lrMax } = this.options;
    this.current();
    const values = this.groups.map((group, i) => {
      const lr = group["lr"] as number;
      const rho = lrMax === lrMin ? rhoMax : rhoMin + ((rhoMax - rhoMin) * (lr - lrMin)) / (lrMax - lrMin);
      if (rho < 0) throw new DgsamError("ERR_ARGUMENT", `ProportionalRho: group ${i}: its lr ${lr} gives the radius ${rho}; lower lrMin, ${lrMin}`);
      return rho;
    });
    this.write(values);
    this.lastEpoch++;
  }
}
