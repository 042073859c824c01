/**
 * Reduces when a metric stops improving, as torch.optim.lr_scheduler.ReduceLROnPlateau: after more than `patience` steps in a
 * row without a better metric, lr <- max(factor * lr, minLr).
 */

import { checkChoice, checkInteger, checkNumber, withDefaults } from "../../checks.js";
import { argumentError } from "../../errors.js";
import type { Given } from "./formula.js";
import { Scheduler, type Schedulable, type SchedulerOptions, type SchedulerStateDict } from "./scheduler.js";

interface Options {
  /** Whether the lowest or the highest metric is best. Default `"min"`. */
  mode: "min" | "max";
  /** From 0 to below 1. Default 0.1. */
  factor: number;
  /** Steps without improvement that are borne. Default 10. */
  patience: number;
  /** By how much a metric must be better. Default 1e-4. */
  threshold: number;
  /** Whether that is a share of the best metric or a number. Default `"rel"`. */
  thresholdMode: "rel" | "abs";
  /** Steps after a reduction that count for nothing. Default 0. */
  cooldown: number;
  /** Lower bound, one number or one per group. Default 0. */
  minLr: number | readonly number[];
  /** Reductions of no more than this are left out. Default 1e-8. */
  eps: number;
}

export type ReduceLROnPlateauOptions = Given<Options> & SchedulerOptions;

export class ReduceLROnPlateau extends Scheduler<Options> {
  private best: number;
  private numBadEpochs = 0;
  private cooldownCounter = 0;

  constructor(optimizer: Schedulable, options: ReduceLROnPlateauOptions = {}) {
    const defaults: Options = { mode: "min", factor: 0.1, patience: 10, threshold: 1e-4, thresholdMode: "rel", cooldown: 0, minLr: 0, eps: 1e-8 };
    const { target, ...own } = withDefaults<Options & Required<SchedulerOptions>>("ReduceLROnPlateau", options, { ...defaults, target: "lr" });
    super(optimizer, target, 0, own);
    this.best = own.mode === "min" ? Infinity : -Infinity;
    this.write(this.current());
  }

  protected check(options: Options): void {
    checkChoice("ReduceLROnPlateau: mode", options.mode, ["min", "max"]);
    checkNumber("ReduceLROnPlateau: factor", options.factor, 0, 1, false);
    checkInteger("ReduceLROnPlateau: patience", options.patience, 0);
    checkNumber("ReduceLROnPlateau: threshold", options.threshold, 0, Infinity, false);
    checkChoice("ReduceLROnPlateau: thresholdMode", options.thresholdMode, ["rel", "abs"]);
    checkInteger("ReduceLROnPlateau: cooldown", options.cooldown, 0);
    this.checkPerGroup("minLr", options.minLr, 0);
    checkNumber("ReduceLROnPlateau: eps", options.eps, 0, Infinity, false);
  }

  /** @param metric what should improve, say the validation loss; NaN is no improvement */
  step(metric: number): void {
    if (typeof metric !== "number") throw argumentError("ReduceLROnPlateau.step(metric)", "a number, say loss.item()", metric);
    const { patience, cooldown, factor, minLr, eps } = this.options;
    const low = this.perGroup("minLr", minLr);
    let values = this.current();
    this.lastEpoch++;
    if (this.isBetter(metric)) {
      this.best = metric;
      this.numBadEpochs = 0;
    } else this.numBadEpochs++;
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs > patience) {
      values = values.map((value, i) => {
        const reduced = Math.max(value * factor, low[i]!);
        return value - reduced > eps ? reduced : value;
      });
      this.cooldownCounter = cooldown;
      this.numBadEpochs = 0;
    }
    this.write(values);
  }

  private isBetter(metric: number): boolean {
    const { mode, threshold, thresholdMode } = this.options;
    if (mode === "min") return metric < (thresholdMode === "rel" ? this.best * (1 - threshold) : this.best - threshold);
    return metric > (thresholdMode === "rel" ? this.best * (threshold + 1) : this.best + threshold);
  }

  override stateDict(): SchedulerStateDict {
    // JSON has no infinity, which is the best metric before there is any.
    const best = Number.isFinite(this.best) ? this.best : String(this.best);
    return { ...super.stateDict(), best, numBadEpochs: this.numBadEpochs, cooldownCounter: this.cooldownCounter };
  }

  override readState(dict: SchedulerStateDict): () => void {
    const take = super.readState(dict);
    const name = "ReduceLROnPlateau.loadStateDict";
    const { best: saved, numBadEpochs, cooldownCounter } = dict as unknown as { best: number | string; numBadEpochs: number; cooldownCounter: number };
    const best = saved === "Infinity" ? Infinity : saved === "-Infinity" ? -Infinity : saved;
    checkNumber(`${name}: best`, best, -Infinity);
    checkInteger(`${name}: numBadEpochs`, numBadEpochs, 0);
    checkInteger(`${name}: cooldownCounter`, cooldownCounter, 0);
    return () => {
      take();
      this.best = best as number;
      this.numBadEpochs = numBadEpochs;
      this.cooldownCounter = cooldownCounter;
    };
  }
}
