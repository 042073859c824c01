/** Schedulers one after the other, as torch.optim.lr_scheduler.SequentialLR: number i takes over at milestone i - 1 and begins anew. */

import { checkInteger, isPlainObject, optionsOf } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import type { FormulaOptions } from "./formula.js";
import { EpochScheduler, type Schedulable, type Scheduler, type SchedulerStateDict, type ScheduleTarget } from "./scheduler.js";

export interface SequentialLROptions extends FormulaOptions {
  /** In their order, all for this optimizer and with the same `target`, which is this scheduler's, too. */
  schedulers: readonly EpochScheduler[];
  /** The epochs at which the next one takes over: one fewer than there are schedulers, ascending. */
  milestones: readonly number[];
}

export class SequentialLR extends EpochScheduler<{ milestones: readonly number[] }> {
  private readonly schedulers: readonly EpochScheduler[];

  constructor(optimizer: Schedulable, options: SequentialLROptions) {
    const name = new.target.name;
    const known = ["schedulers", "milestones", "target", "lastEpoch"];
    const { schedulers, milestones, target, lastEpoch = -1 } = optionsOf<Partial<SequentialLROptions>>(name, options, known);
    if (!Array.isArray(schedulers) || schedulers.length === 0) throw argumentError(`${name}: schedulers`, "an array of at least one scheduler", schedulers);
    super(optimizer, target ?? (schedulers[0] as Scheduler | null | undefined)?.target ?? "lr", lastEpoch, { milestones: milestones as readonly number[] });
    schedulers.forEach((each: unknown, i) => checkMember(`${name}: schedulers[${i}]`, each, optimizer, this.target));
    this.schedulers = [...schedulers] as EpochScheduler[];
    this.checkCount(this.options.milestones);
    this.lastEpoch++;
    // Making them has moved the groups: back to what they began with.
    this.write(this.current().map((value, i) => (this.groups[i]![this.initialKey] ?? value) as number));
    this.rewind();
    this.run(this.schedulers[this.indexAt(0)]!, (scheduler) => scheduler.begin());
  }

  protected check({ milestones }: { milestones: readonly number[] }): void {
    const name = `${this.constructor.name}: milestones`;
    if (!Array.isArray(milestones)) throw argumentError(name, "an array of epochs", milestones);
    milestones.forEach((each, i) => checkInteger(`${name}[${i}]`, each, i === 0 ? 0 : (milestones[i - 1] as number)));
  }

  private checkCount(milestones: readonly number[]): void {
    const { length } = this.schedulers;
    if (milestones.length !== length - 1)
      throw new DgsamError(
        "ERR_ARGUMENT",
        `${this.constructor.name}: milestones: expected ${length - 1} for ${length} schedulers, one fewer than those, got ${milestones.length}`,
      );
  }

  step(): void {
    const epoch = this.lastEpoch + 1;
    const index = this.indexAt(epoch);
    const takesOver = index > 0 && this.options.milestones[index - 1] === epoch;
    this.run(this.schedulers[index]!, (scheduler) => (takesOver ? scheduler.restart() : scheduler.step()));
    this.lastEpoch = epoch;
  }

  // PyTorch lets one that is itself the first of a sequence make its first step here: its milestones come one epoch early.
  begin(): void {
    this.step();
  }

  restart(): void {
    this.run(this.schedulers[this.indexAt(0)]!, (scheduler) => scheduler.restart());
    this.lastEpoch = 0;
  }

  rewind(): void {
    for (const scheduler of this.schedulers) scheduler.rewind();
  }

  private run(scheduler: EpochScheduler, move: (scheduler: EpochScheduler) => void): void {
    move(scheduler);
    this.write(scheduler.getLastValues());
  }

  /** Which scheduler an epoch belongs to. */
  private indexAt(epoch: number): number {
    return this.options.milestones.filter((milestone) => milestone <= epoch).length;
  }

  override stateDict(): SchedulerStateDict {
    return { ...super.stateDict(), schedulers: this.schedulers.map((scheduler) => scheduler.stateDict()) };
  }

  override readState(dict: SchedulerStateDict): () => void {
    const takeOwn = super.readState(dict);
    const name = `${this.constructor.name}.loadStateDict: schedulers`;
    const states: unknown = dict["schedulers"];
    const { length } = this.schedulers;
    if (!Array.isArray(states) || states.length !== length || !states.every(isPlainObject)) throw argumentError(name, `an array of ${length} state dicts`, states);
    this.checkCount(dict.options["milestones"] as number[]);
    const takes = this.schedulers.map((scheduler, i) => scheduler.readState(states[i] as SchedulerStateDict));
    return () => {
      takeOwn();
      for (const take of takes) take();
    };
  }
}

/** Throws `ERR_ARGUMENT` unless it is a scheduler that can be one of a sequence for this optimizer and target. */
export function checkMember(name: string, scheduler: unknown, optimizer: Schedulable, target: ScheduleTarget): void {
  if (!(scheduler instanceof EpochScheduler)) throw argumentError(name, "a scheduler whose step() is told nothing and that moves groups by a formula of its own", scheduler);
  // A wrapper and its base optimizer have the same groups.
  if (scheduler.optimizer !== optimizer && scheduler.optimizer.paramGroups !== optimizer.paramGroups)
    throw new DgsamError("ERR_ARGUMENT", `${name}: expected one of the same optimizer, got a ${scheduler.constructor.name} of another`);
  if (scheduler.target !== target) throw argumentError(`${name}: target`, JSON.stringify(target), scheduler.target);
}
