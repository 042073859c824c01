/** How the base optimizer descends along what was gathered, which is clipped before. */

import type { Commands, OperatorFunction } from "../../tensor/internal.js";
import { ops, type Tensor } from "../../tensor/index.js";
import { Optimizer, type OptimizerLike } from "../descent/optimizer.js";
import { clipGradNorm, clipGradValue } from "../gradients.js";
import { once } from "../once.js";
import type { LateCall } from "./late-call.js";
import type { Ledger } from "./ledger.js";

const operators = once(() => ({
  clipNorm: ops.dgsam["clip_grad_norm_.late"],
  clipValue: ops.dgsam["clip_grad_value_.default"],
  noteStop: ops.dgsam["stopped_.default"],
}));

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
  plan(commands: Commands, late: LateCall | null = null): boolean {
    const { base } = this;
    const { norm, value } = this.greatest;
    if (!(base instanceof Optimizer) || (late === null && (norm !== undefined || value !== undefined))) return false;
    try {
      const calls = base.plan(late?.memory);
      if (calls === null) return false;
      if (late !== null) this.planStop(commands, late);
      for (const { operator, args } of calls) commands.call(operator, args);
      return true;
    } catch {
      // An option is out of range, which step() will say.
      return false;
    }
  }

  /** Clips, and notes whether the step has stopped by then. */
  private planStop(commands: Commands, { ledger, memory }: LateCall): void {
    const { parameters } = this;
    const { norm, value } = this.greatest;
    if (norm !== undefined) {
      const at = ledger.reserve(1);
      commands.call(operators().clipNorm as OperatorFunction, [parameters, norm, ledger.numbers, at], 0, () => ledger.enter(at, ["gradient"], () => {}));
    }
    if (value !== undefined) commands.call(operators().clipValue as OperatorFunction, [parameters, value]);
    commands.call(operators().noteStop as OperatorFunction, [memory.flag, ledger.numbers]);
  }

  /** Why a late step could not be planned with it; null where that was its first one. */
  get reasonToWait(): string | null {
    const { base } = this;
    return base instanceof Optimizer && !base.hasBegun ? null : `${base.constructor.name} cannot leave a step out on the device`;
  }

  /** Unless the step has stopped, which the device knows. Returns false where that must be read first; nothing happened then. */
  stepUnlessStopped(ledger: Ledger): boolean {
    const { base, parameters } = this;
    if (!(base instanceof Optimizer) || !base.canStepUnless) return false;
    const { norm, value } = this.greatest;
    if (norm !== undefined) ledger.call(operators().clipNorm as OperatorFunction, [parameters, norm], ["gradient"], () => {});
    if (value !== undefined) clipGradValue(parameters, value);
    base.stepUnless(ledger.stopped());
    return true;
  }
}
