/**
 * A linear warm-up from startFactor times the initial learning rate to all of it in totalIters epochs, then another scheduler:
 * the SequentialLR of a LinearLR and that one.
 */

import { checkInteger, checkOptions } from "../../checks.js";
import { LinearLR } from "./linear.js";
import type { EpochScheduler, Schedulable, SchedulerOptions } from "./scheduler.js";
import { checkMember, SequentialLR } from "./sequential.js";

export interface WarmupLROptions extends SchedulerOptions {
  /** Above 0, at most 1. Default 1/3. */
  startFactor?: number;
  /** Epochs of the warm-up, at least 1 unless something follows. Default 5. */
  totalIters?: number;
  /** What follows, for the same optimizer; its epochs count from the end of the warm-up. Default: the learning rate stays. */
  after?: EpochScheduler;
}

export class WarmupLR extends SequentialLR {
  constructor(optimizer: Schedulable, options: WarmupLROptions = {}) {
    checkOptions("WarmupLR", options, ["startFactor", "totalIters", "after", "target"]);
    const { startFactor = 1 / 3, totalIters = 5, after, target = after?.target ?? "lr" } = options;
    checkInteger("WarmupLR: totalIters", totalIters, after === undefined ? 1 : 0);
    // Before the warm-up is made, which moves the groups.
    if (after !== undefined) checkMember("WarmupLR: after", after, optimizer, target);
    const warmup = new LinearLR(optimizer, { startFactor, totalIters, target });
    super(optimizer, after === undefined ? { schedulers: [warmup], milestones: [] } : { schedulers: [warmup, after], milestones: [totalIters] });
  }
}
