/**
 * What every scheduler is: it moves one number of each of an optimizer's groups, the learning rate or the radius, from step
 * to step, and its state can be saved as JSON.
 */

import { checkChoice, checkInteger, checkNumber, isPlainObject } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import type { OptimizerLike } from "../descent/optimizer.js";

/** What schedulers need of an optimizer: groups to move. Plain optimizers have them, and so have SAM, DGSAM and their kin. */
export type Schedulable = Pick<OptimizerLike, "paramGroups"> & { readonly radiusKey?: string };

/** What a scheduler moves: the learning rate, or the radius of a sharpness-aware optimizer. */
export type ScheduleTarget = "lr" | "rho";

export interface SchedulerOptions {
  /** Which number of the groups it moves; options named after the learning rate then mean the radius. Default `"lr"`. */
  target?: ScheduleTarget;
}

/** Everything needed to go on, as JSON can hold it. */
export interface SchedulerStateDict {
  target: ScheduleTarget;
  lastEpoch: number;
  lastValues: number[];
  options: Record<string, unknown>;
  [more: string]: unknown;
}

/** A group as schedulers see it. */
export type ScheduledGroup = Record<string, unknown>;

/** Base of the schedulers, `O` their options with all defaults filled in. */
export abstract class Scheduler<O extends object = object> {
  readonly optimizer: Schedulable;
  readonly target: ScheduleTarget;
  /** How many steps lie behind: 0 after construction. */
  lastEpoch: number;
  protected options: O;
  private lastValues: number[] = [];

  /** @throws DgsamError `ERR_ARGUMENT` when a group has no such number, or an option is out of range */
  protected constructor(optimizer: Schedulable, target: ScheduleTarget, lastEpoch: number, options: O) {
    const name = this.constructor.name;
    const groups: unknown = (optimizer as Schedulable | null | undefined)?.paramGroups;
    if (!Array.isArray(groups)) throw argumentError(`new ${name}(optimizer)`, "an optimizer such as SGD or DGSAM", optimizer);
    checkChoice(`${name}: target`, target, ["lr", "rho"]);
    checkInteger(`${name}: lastEpoch`, lastEpoch, -1);
    this.optimizer = optimizer;
    this.target = target;
    this.lastEpoch = lastEpoch;
    this.options = copy(options);
    this.current();
    this.check(this.options);
  }

  /** Checks options, the constructor's and those of a state dict; throws `ERR_ARGUMENT`. */
  protected abstract check(options: O): void;

  /**
   * Moves every group on. Call it after the optimizer's `step()`.
   *
   * @param value what some schedulers are told, such as the metric of {@link ReduceLROnPlateau}
   * @throws DgsamError `ERR_ARGUMENT`; then nothing is changed
   */
  abstract step(value?: number): void;

  /** What it last set, one number per group: learning rates, or radii with `target: "rho"`. */
  getLastValues(): number[] {
    return [...this.lastValues];
  }

  /** {@link getLastValues} under PyTorch's name. */
  getLastLr(): number[] {
    return this.getLastValues();
  }

  /** A copy of what it is told and remembers; functions are not state. The groups' own numbers are the optimizer's state. */
  stateDict(): SchedulerStateDict {
    return { target: this.target, lastEpoch: this.lastEpoch, lastValues: [...this.lastValues], options: copy(this.savedOptions()) as Record<string, unknown> };
  }

  /**
   * Takes over a state dict, options included, as PyTorch does. The groups keep their numbers: load the optimizer's state, too.
   *
   * @throws DgsamError `ERR_ARGUMENT` when it is another scheduler's or does not fit; then nothing is changed
   */
  loadStateDict(dict: SchedulerStateDict): void {
    this.readState(dict)();
  }

  /** Checks a state dict. What is returned takes it over, so that schedulers made of others change wholly or not at all. */
  readState(dict: SchedulerStateDict): () => void {
    const name = `${this.constructor.name}.loadStateDict`;
    checkKeys(`${name}(dict)`, dict, this.stateDict());
    checkKeys(`${name}: options`, dict.options, this.savedOptions());
    if (dict.target !== this.target) throw argumentError(`${name}: target`, JSON.stringify(this.target), dict.target);
    checkInteger(`${name}: lastEpoch`, dict.lastEpoch, Number.MIN_SAFE_INTEGER);
    checkNumbers(`${name}: lastValues`, dict.lastValues);
    const options = copy({ ...this.options, ...dict.options });
    this.check(options);
    const { lastEpoch, lastValues } = dict;
    return () => {
      this.lastEpoch = lastEpoch;
      this.lastValues = [...lastValues];
      this.options = options;
    };
  }

  /** Those options that JSON can hold. */
  protected savedOptions(): object {
    return this.options;
  }

  protected get groups(): ScheduledGroup[] {
    return this.optimizer.paramGroups as unknown as ScheduledGroup[];
  }

  /** Where a group keeps the number that it began with. */
  protected get initialKey(): "initialLr" | "initialRho" {
    return this.target === "lr" ? "initialLr" : "initialRho";
  }

  /** Where a group keeps the number that is moved. */
  private get key(): string {
    if (this.target === "lr") return "lr";
    const { radiusKey } = this.optimizer;
    if (radiusKey === undefined)
      throw new DgsamError("ERR_ARGUMENT", `${this.constructor.name}: target "rho": the optimizer has no radius; pass SAM, DGSAM or one of their kin, not its base`);
    return radiusKey;
  }

  /** The groups' numbers as they are. */
  protected current(): number[] {
    const { key } = this;
    return this.groups.map((group, i) => {
      const value = group[key];
      if (typeof value !== "number") throw new DgsamError("ERR_ARGUMENT", `${this.constructor.name}: group ${i} has no ${key}`);
      return value;
    });
  }

  protected write(values: readonly number[]): void {
    const { key } = this;
    this.groups.forEach((group, i) => (group[key] = values[i]!));
    this.lastValues = [...values];
  }

  /** An option that is one value for all groups or one for each, as one for each; throws `ERR_ARGUMENT` when they do not match. */
  protected perGroup<T>(option: string, value: T | readonly T[]): readonly T[] {
    const { length } = this.groups;
    if (!Array.isArray(value)) return Array.from({ length }, () => value as T);
    if (value.length === length) return value as readonly T[];
    const expected = `one value, or one for each of the ${length} parameter groups`;
    throw new DgsamError("ERR_ARGUMENT", `${this.constructor.name}: ${option}: expected ${expected}, got ${value.length} values`);
  }

  /** Checks an option that is one number or one per group. */
  protected checkPerGroup(option: string, value: unknown, low: number, high = Infinity): void {
    this.perGroup(option, value).forEach((each) => checkNumber(`${this.constructor.name}: ${option}`, each, low, high, false));
  }
}

/** A scheduler whose steps can be counted from elsewhere: one that a {@link SequentialLR} can be made of. */
export abstract class EpochScheduler<O extends object = object> extends Scheduler<O> {
  abstract override step(): void;
  /** Goes to epoch 0 as the constructor does. */
  abstract begin(): void;
  /** Goes to epoch 0 in the midst of a run: from the groups' initial numbers, whatever they are now. */
  abstract restart(): void;
  /** Takes the count one back, the groups stay. */
  abstract rewind(): void;
}

/** In place of the default of an option that has none: checks refuse it. */
export const REQUIRED = undefined as never;

/** Throws `ERR_ARGUMENT` unless `value` is an array of numbers. */
export function checkNumbers(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw argumentError(name, "an array of numbers", value);
  value.forEach((each, i) => checkNumber(`${name}[${i}]`, each, -Infinity));
}

function checkKeys(name: string, value: unknown, like: object): void {
  const keys = (object: object) => Object.keys(object).sort().join(", ") || "no fields";
  if (!isPlainObject(value)) throw argumentError(name, `{ ${keys(like)} } from stateDict()`, value);
  if (keys(value) !== keys(like)) throw new DgsamError("ERR_ARGUMENT", `${name}: expected ${keys(like)}, got ${keys(value)}; is it of another scheduler?`);
}

/** Options are the scheduler's own: lists in them are copied. */
function copy<O extends object>(options: O): O {
  return Object.fromEntries(Object.entries(options).map(([option, value]) => [option, Array.isArray(value) ? [...value] : value])) as O;
}
