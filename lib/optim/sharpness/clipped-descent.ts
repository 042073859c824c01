/** How the base optimizer descends along what was gathered, which is clipped before. */

import type { Commands } from "../../tensor/internal.js";
import type { Tensor } from "../../tensor/index.js";
import { Optimizer, type OptimizerLike, type Stopping } from "../descent/optimizer.js";
import { clipGradNorm, clipGradValue } from "../gradients.js";
import type { Ledger } from "./ledger.js";

/** The greatest norm of all gradients together, and the greatest magnitude of their elements. */
export interface Greatest {
  readonly norm: number | undefined;
  readonly value: number | undefined;
}

export class ClippedDescent {
  /** @param parameters the list itself, which may change */
  constructor(private readonly base: OptimizerLike, private readonly parameters: readonly Tensor[], private readonly greatest: Greatest) {}

  private get clips(): boolean {
    return this.greatest.norm !== undefined || this.greatest.value !== undefined;
  }

  /** At once. */
  step(): void {
    const { norm, value } = this.greatest;
    if (norm !== undefined) clipGradNorm(this.parameters, norm);
    if (value !== undefined) clipGradValue(this.parameters, value);
    this.base.step();
  }

  /** Leaves it to the commands. Returns false where it cannot be told beforehand. */
  plan(commands: Commands, stopped: Stopping | null = null): boolean {
    if (this.clips || !(this.base instanceof Optimizer)) return false;
    try {
      const calls = this.base.plan(stopped);
      for (const { operator, args } of calls ?? []) commands.call(operator, args);
      return calls !== null;
    } catch {
      // An option is out of range, which step() will say.
      return false;
    }
  }

  /** Why a late step could not be planned with it; null where that was its first one. */
  get reasonToWait(): string | null {
    const { norm, value } = this.greatest;
    if (norm !== undefined || value !== undefined) return "gradients are clipped";
    const { base } = this;
    return base instanceof Optimizer && !base.hasBegun ? null : `${base.constructor.name} cannot leave a step out on the device`;
  }

  /** Unless the step has stopped, which the device knows. Returns false where that must be read first; nothing happened then. */
  stepUnlessStopped(ledger: Ledger): boolean {
    return !this.clips && this.base instanceof Optimizer && this.base.stepUnless(ledger.stopped());
  }
}
