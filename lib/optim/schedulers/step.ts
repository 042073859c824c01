/**
 * Schedules in steps, as torch.optim.lr_scheduler, at epoch t:
 *
 *     StepLR        lr <- gamma * lr          when t is a multiple of stepSize
 *     MultiStepLR   lr <- gamma^n * lr        when t is n times among the milestones
 */

import { checkInteger, checkNumber } from "../../checks.js";
import { argumentError } from "../../errors.js";
import { FormulaScheduler, type FormulaOptions } from "./formula.js";
import { REQUIRED, type Schedulable } from "./scheduler.js";

export interface StepLROptions extends FormulaOptions {
  /** Epochs from one step down to the next. */
  stepSize: number;
  /** Factor of each step. Default 0.1. */
  gamma?: number;
}

export class StepLR extends FormulaScheduler<{ stepSize: number; gamma: number }> {
  constructor(optimizer: Schedulable, options: StepLROptions) {
    super(optimizer, { stepSize: REQUIRED, gamma: 0.1 }, options);
    this.begin();
  }

  protected check({ stepSize, gamma }: { stepSize: number; gamma: number }): void {
    checkInteger("StepLR: stepSize", stepSize, 1);
    checkNumber("StepLR: gamma", gamma, 0, Infinity, false);
  }

  protected next(epoch: number): number[] {
    const { stepSize, gamma } = this.options;
    const values = this.current();
    return epoch === 0 || epoch % stepSize !== 0 ? values : values.map((value) => value * gamma);
  }

  protected first(): number[] {
    return this.baseValues;
  }
}

export interface MultiStepLROptions extends FormulaOptions {
  /** Epochs of the steps down; one that comes twice counts twice. */
  milestones: readonly number[];
  /** Factor of each step. Default 0.1. */
  gamma?: number;
}

export class MultiStepLR extends FormulaScheduler<{ milestones: readonly number[]; gamma: number }> {
  constructor(optimizer: Schedulable, options: MultiStepLROptions) {
    super(optimizer, { milestones: REQUIRED, gamma: 0.1 }, options);
    this.begin();
  }

  protected check({ milestones, gamma }: { milestones: readonly number[]; gamma: number }): void {
    if (!Array.isArray(milestones)) throw argumentError("MultiStepLR: milestones", "an array of epochs", milestones);
    milestones.forEach((each, i) => checkInteger(`MultiStepLR: milestones[${i}]`, each, 0));
    checkNumber("MultiStepLR: gamma", gamma, 0, Infinity, false);
  }

  protected next(epoch: number): number[] {
    return this.down(this.current(), epoch);
  }

  protected first(): number[] {
    return this.down(this.baseValues, 0);
  }

  private down(values: number[], epoch: number): number[] {
    const count = this.options.milestones.filter((each) => each === epoch).length;
    return count === 0 ? values : values.map((value) => value * this.options.gamma ** count);
  }
}
