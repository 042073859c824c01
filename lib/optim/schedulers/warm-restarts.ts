/**
 * Cosine annealing with warm restarts, as torch.optim.lr_scheduler.CosineAnnealingWarmRestarts:
 *
 *     lr = etaMin + (initial - etaMin) * (1 + cos(pi * tCur / tI)) / 2
 *
 * tCur epochs after the last restart; the restarts lie tI = t0, t0 * tMult, t0 * tMult^2, ... epochs apart.
 *
 * Loshchilov & Hutter 2017, arXiv 1608.03983.
 */

import { checkInteger, checkNumber } from "../../checks.js";
import { FormulaScheduler, type FormulaOptions } from "./formula.js";
import { roundedCosine } from "./rounded-cosine.js";
import { REQUIRED, type Schedulable, type SchedulerStateDict } from "./scheduler.js";

export interface CosineAnnealingWarmRestartsOptions extends FormulaOptions {
  /** Epochs to the first restart. */
  t0: number;
  /** How many times longer each next stretch is, an integer. Default 1. */
  tMult?: number;
  /** The minimum, before a restart. Default 0. */
  etaMin?: number;
}

interface Stretch {
  /** Epochs since the last restart. */
  tCur: number;
  /** Epochs from the last restart to the next. */
  tI: number;
}

export class CosineAnnealingWarmRestarts extends FormulaScheduler<{ t0: number; tMult: number; etaMin: number }> {
  private stretch: Stretch;

  constructor(optimizer: Schedulable, options: CosineAnnealingWarmRestartsOptions) {
    super(optimizer, { t0: REQUIRED, tMult: 1, etaMin: 0 }, options);
    this.stretch = { tCur: this.lastEpoch, tI: this.options.t0 };
    this.begin();
  }

  protected check({ t0, tMult, etaMin }: { t0: number; tMult: number; etaMin: number }): void {
    checkInteger("CosineAnnealingWarmRestarts: t0", t0, 1);
    checkInteger("CosineAnnealingWarmRestarts: tMult", tMult, 1);
    checkNumber("CosineAnnealingWarmRestarts: etaMin", etaMin, 0, Infinity, false);
  }

  /** @param epoch where to go, fractions of epochs included, say epoch + minibatch / minibatches. Default: one on. */
  override step(epoch?: number): void {
    if (epoch !== undefined) checkNumber("CosineAnnealingWarmRestarts.step(epoch)", epoch, 0, Infinity, false);
    this.adopt();
    this.stretch = epoch === undefined && this.lastEpoch >= 0 ? this.after(this.stretch) : this.at(epoch ?? 0);
    this.lastEpoch = epoch === undefined ? this.lastEpoch + 1 : Math.floor(epoch);
    this.write(this.next());
  }

  override begin(): void {
    this.step();
  }

  protected next(): number[] {
    const { etaMin } = this.options;
    const { tCur, tI } = this.stretch;
    return this.baseValues.map((base) => etaMin + ((base - etaMin) * (1 + roundedCosine((Math.PI * tCur) / tI))) / 2);
  }

  protected first(): number[] {
    return this.next();
  }

  private after({ tCur, tI }: Stretch): Stretch {
    return tCur + 1 >= tI ? { tCur: (tCur + 1) % tI, tI: tI * this.options.tMult } : { tCur: tCur + 1, tI };
  }

  private at(epoch: number): Stretch {
    const { t0, tMult } = this.options;
    if (tMult === 1) return { tCur: epoch % t0, tI: t0 };
    let tI = t0;
    let start = 0;
    // Counted, not by logarithms as PyTorch does: rounding makes those miss a restart here and there.
    for (; start + tI <= epoch; tI *= tMult) start += tI;
    return { tCur: epoch - start, tI };
  }

  override stateDict(): SchedulerStateDict {
    return { ...super.stateDict(), ...this.stretch };
  }

  override readState(dict: SchedulerStateDict): () => void {
    const take = super.readState(dict);
    const { tCur, tI } = dict as unknown as Stretch;
    checkNumber("CosineAnnealingWarmRestarts.loadStateDict: tCur", tCur, 0, Infinity, false);
    checkInteger("CosineAnnealingWarmRestarts.loadStateDict: tI", tI, 1);
    return () => {
      take();
      this.stretch = { tCur, tI };
    };
  }
}
