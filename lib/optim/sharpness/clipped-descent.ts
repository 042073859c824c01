/** How the base optimizer descends along what was gathered, which is clipped before. */

import type { Commands } from "../../tensor/internal.js";
import { ops, type Tensor } from "../../tensor/index.js";
import { Optimizer, type OptimizerLike } from "../descent/optimizer.js";
import { clipGradNorm, clipGradValue } from "../gradients.js";
import { once } from "../once.js";
import type { LateOperator, Ledger } from "./ledger.js";

const clipNorm = once(() => ops.dgsam["clip_grad_norm_.late"]);

/** The greatest norm of all gradients together, and the greatest magnitude of their elements. */
export interface Greatest {
  readonly norm: number | undefined;
  readonly value: number | undefined;
}

export class ClippedDescent {
  /** @param parameters the list itself, which may change */
  constructor(private readonly base: OptimizerLike, private readonly parameters: readonly Tensor[], private readonly greatest: Greatest) {}

  /** At once. */
  step(): void {
    const { norm, value } = this.greatest;
    if (norm !== undefined) clipGradNorm(this.parameters, norm);
    if (value !== undefined) clipGradValue(this.parameters, value);
    this.base.step();
  }

  /** Leaves it to the commands. Returns false where it cannot be told beforehand. */
  plan(commands: Commands): boolean {
    const { norm, value } = this.greatest;
    if (norm !== undefined || value !== undefined || !(this.base instanceof Optimizer)) return false;
    try {
      const calls = this.base.plan();
      for (const { operator, args } of calls ?? []) commands.call(operator, args);
      return calls !== null;
    } catch {
      // An option is out of range, which step() will say.
      return false;
    }
  }

  /** Unless the step has stopped, which the device knows. Returns false where that must be read first; nothing happened then. */
  stepUnlessStopped(ledger: Ledger): boolean {
    const { base, parameters } = this;
    if (!(base instanceof Optimizer) || !base.canStepUnless) return false;
    const { norm, value } = this.greatest;
    if (norm !== undefined) ledger.call(clipNorm() as LateOperator, [parameters, norm], ["gradient"], () => {});
    if (value !== undefined) clipGradValue(parameters, value);
    base.stepUnless(ledger.stopped());
    return true;
  }
}
