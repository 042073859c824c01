/** Schedules that are a formula of the epoch: what they share. */

import { withDefaults } from "../../checks.js";
import { DgsamError } from "../../errors.js";
import { checkNumbers, EpochScheduler, type Schedulable, type SchedulerOptions, type SchedulerStateDict } from "./scheduler.js";

export interface FormulaOptions extends SchedulerOptions {
  /** The epoch to go on from, when the groups hold their initial numbers already. Default -1: begin. */
  lastEpoch?: number;
}

/** Options as a constructor takes them: those that have defaults may be left out. */
export type Given<O extends object> = { readonly [K in keyof O]?: O[K] | undefined };

/**
 * Base of the schedules by formula. As in PyTorch the formulas are recursive where they can be: they take the groups' numbers
 * as they are, so that several schedulers, and the user, may move the same groups.
 *
 * Constructors end with `begin()`, when all their fields are there.
 */
export abstract class FormulaScheduler<O extends object> extends EpochScheduler<O> {
  /** What each group began with. */
  protected baseValues: number[] = [];

  protected constructor(optimizer: Schedulable, defaults: O, options: Given<O> & FormulaOptions) {
    const all: O & Required<FormulaOptions> = { ...defaults, target: "lr", lastEpoch: -1 };
    const { target, lastEpoch, ...own } = withDefaults(new.target.name, options as never, all);
    super(optimizer, target, lastEpoch, own as unknown as O);
    if (lastEpoch >= 0)
      this.groups.forEach((group, i) => {
        if (group[this.initialKey] === undefined)
          throw new DgsamError(
            "ERR_ARGUMENT",
            `${new.target.name}: lastEpoch: group ${i} has no ${this.initialKey}; load the optimizer's state dict first, or leave lastEpoch out to begin anew`,
          );
      });
    this.adopt();
  }

  /** The groups' numbers at an epoch, where they are what the epoch before left. Changes nothing. */
  protected abstract next(epoch: number, initial: boolean): number[];

  /** The groups' numbers at epoch 0, whatever they are now. */
  protected abstract first(): number[];

  step(): void {
    this.advance(false);
  }

  begin(): void {
    this.advance(true);
  }

  restart(): void {
    this.adopt();
    this.write(this.first());
    this.lastEpoch = 0;
  }

  rewind(): void {
    this.lastEpoch--;
  }

  private advance(initial: boolean): void {
    this.adopt();
    const epoch = this.lastEpoch + 1;
    this.write(this.next(epoch, initial));
    this.lastEpoch = epoch;
  }

  /** Of groups that are new, what they came with is what they began with. */
  protected adopt(): void {
    const values = this.current();
    for (let i = this.baseValues.length; i < values.length; i++) this.baseValues.push((this.groups[i]![this.initialKey] ??= values[i]!) as number);
  }

  override stateDict(): SchedulerStateDict {
    return { ...super.stateDict(), baseValues: [...this.baseValues] };
  }

  override readState(dict: SchedulerStateDict): () => void {
    const take = super.readState(dict);
    const name = `${this.constructor.name}.loadStateDict: baseValues`;
    checkNumbers(name, dict["baseValues"]);
    const baseValues = [...(dict["baseValues"] as number[])];
    if (baseValues.length > this.groups.length)
      throw new DgsamError("ERR_ARGUMENT", `${name}: expected at most one per parameter group, ${this.groups.length}, got ${baseValues.length}`);
    return () => {
      take();
      this.baseValues = baseValues;
    };
  }
}
