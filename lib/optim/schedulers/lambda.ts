/** A schedule by function, as torch.optim.lr_scheduler.LambdaLR: lr = initial * lrLambda(epoch). */

import { argumentError } from "../../errors.js";
import { FormulaScheduler, type FormulaOptions } from "./formula.js";
import { REQUIRED, type Schedulable } from "./scheduler.js";

/** The factor of an epoch, from 0. */
export type LrLambda = (epoch: number) => number;

export interface LambdaLROptions extends FormulaOptions {
  /** One function, or one per group. Functions are not state: a state dict leaves them out. */
  lrLambda: LrLambda | readonly LrLambda[];
}

export class LambdaLR extends FormulaScheduler<{ lrLambda: LrLambda | readonly LrLambda[] }> {
  constructor(optimizer: Schedulable, options: LambdaLROptions) {
    super(optimizer, { lrLambda: REQUIRED }, options);
    this.begin();
  }

  protected check({ lrLambda }: { lrLambda: LrLambda | readonly LrLambda[] }): void {
    for (const each of this.perGroup("lrLambda", lrLambda))
      if (typeof each !== "function") throw argumentError("LambdaLR: lrLambda", "a function from the epoch to a factor, or one per group", each);
  }

  protected next(epoch: number): number[] {
    const lambdas = this.perGroup("lrLambda", this.options.lrLambda);
    return this.baseValues.map((base, i) => {
      const factor: unknown = lambdas[i]!(epoch);
      if (typeof factor !== "number") throw argumentError(`LambdaLR: lrLambda(${epoch})`, "a number", factor);
      return base * factor;
    });
  }

  protected first(): number[] {
    return this.next(0);
  }

  protected override savedOptions(): object {
    return {};
  }
}
