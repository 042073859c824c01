/**
 * What a step finds while the device still computes: losses and norms, noted on the device (native/ops/late.h), and sent to the host
 * together when somebody asks. Nothing waits until then.
 */

import { callPlainly, NotPlannable, startFetch, takeOwner, type OperatorFunction } from "../../tensor/internal.js";
import { keep, ops, type Device, type Tensor } from "../../tensor/index.js";
import { NonFinite } from "../closures.js";
import { once } from "../once.js";
import type { LateMemory } from "./late-memory.js";
import { numbersOf, type LedgerRow, type LedgerRows } from "./ledger-rows.js";

const operators = once(() => ({
  note: ops.dgsam["note_.default"],
  revert: ops.dgsam["revert_.default"],
  stopped: ops.dgsam["stopped.default"],
}));

/** Where a step was: the pass in words, and whose it was. */
export interface Place {
  readonly where: string;
  readonly domain: number;
}

/** Why a step stopped. */
export interface Stop extends Place {
  readonly cause: NonFinite;
}

/** Numbers that follow each other in the ledger. */
interface Entry {
  readonly at: number;
  /** What each of them is. */
  readonly whats: readonly NonFinite["what"][];
  readonly place: Place;
  /** Takes them, when all are finite. */
  readonly take: (numbers: readonly number[]) => void;
}

/** Losses that are to be noted. */
interface Losses {
  readonly values: Tensor[];
  readonly place: Place;
  readonly take: (value: number) => void;
}

const LOSS = ["loss"] as const;

export class Ledger {
  /** What is noted in: a row of the optimizer's memory; that of commands; or, where neither has room enough, the ledger's own. */
  private row: LedgerRow | null = null;
  private memory: LateMemory | null = null;
  private grown: Tensor | null = null;
  private next = 1;
  /** Whether the row's flag says whether the step has stopped. */
  private isFlagged = false;
  private readonly entries: Entry[] = [];
  /** Scalars that {@link note} takes. */
  private added: Tensor[] = [];
  /** The last losses, for the operator that comes next. */
  private losses: Losses | null = null;
  /** Gives the numbers on the host, once they are on their way there. */
  private fetch: ((isOld: boolean) => Float64Array) | null = null;
  private outcome: { readonly stop: Stop | null } | null = null;

  /**
   * @param device where the parameters lie
   * @param rows memory for it, if nothing else is there
   * @param size for how many numbers there is room at first
   * @param place where the step is now; forgotten at its end, with all that the step holds
   */
  constructor(readonly device: Device, private readonly rows: LedgerRows, private readonly size: number, private place: (() => Place) | null) {}

  /** Where the numbers are. */
  get numbers(): Tensor {
    return this.grown ?? this.memory?.numbers ?? (this.row ??= this.rows.take(this.device, 1 + this.size)).numbers;
  }

  /** Begins to leave the noting to commands, which do it in this memory and are told of places by {@link reserve}. */
  beginPlan(memory: LateMemory): void {
    memory.prepare(this.device, this.size);
    this.memory = memory;
  }

  /** Takes that back: nothing was noted. */
  dropPlan(): void {
    this.memory = null;
    this.next = 1;
  }

  /** The first of so many places for numbers that commands note; {@link enter} is to follow. Throws {@link NotPlannable}. */
  reserve(count: number): number {
    const at = this.next;
    if (!this.memory!.has(at + count - 1)) throw new NotPlannable();
    this.next += count;
    return at;
  }

  /** Enters numbers that were noted. */
  enter(at: number, whats: Entry["whats"], take: Entry["take"]): void {
    this.entries.push({ at, whats, place: this.place!(), take });
  }

  /** Begins a pass: what is left of others is noted, or was of one that failed. */
  beginPass(): void {
    this.noteLosses();
    this.dropAdded();
  }

  /** Adds a scalar without history, that nobody else has, to those whose mean {@link note} notes. It is the ledger's from now on. */
  add(scalar: Tensor): void {
    if (!takeOwner(scalar)) keep(scalar);
    this.added.push(scalar);
  }

  /** Notes a loss, the mean of what was added, with the next call. */
  note(take: (value: number) => void): void {
    this.noteLosses();
    this.losses = { values: this.added, place: this.place!(), take };
    this.added = [];
  }

  /** Notes the last losses by an operator of their own, if no other took them with it. */
  noteLosses(): void {
    const { losses } = this;
    if (losses === null) return;
    const at = this.room(1);
    this.isFlagged = false;
    operators().note(losses.values, this.numbers, at);
    this.enterLosses(losses, at);
  }

  private enterLosses({ place, take }: Losses, at: number): void {
    this.dropLosses();
    this.next = at + 1;
    this.entries.push({ at, whats: LOSS, place, take: ([value]) => take(value!) });
  }

  /**
   * Calls an operator of `dgsam::` in its late form, which takes the ledger and a place in it after its own arguments, and notes numbers of
   * these kinds. Returns how many parameters had a gradient.
   *
   * @param more what it takes after these: losses, which it notes before them; and then the flag, which it sets as {@link stopped} does
   */
  call(operator: OperatorFunction, args: readonly unknown[], whats: readonly NonFinite["what"][], take: (numbers: readonly number[]) => void, more: "losses and flag" | "losses" | "nothing" = "nothing"): number {
    if (more === "nothing") this.noteLosses();
    const { losses } = this;
    let at = this.room(whats.length + (losses === null ? 0 : 1));
    const all = [...args, this.numbers, at];
    const flag = more === "losses and flag" ? this.row?.flag : undefined;
    if (losses !== null || flag !== undefined) all.push(losses?.values ?? null);
    if (flag !== undefined) all.push(flag);
    const gradients = callPlainly(operator, all) as number;
    this.isFlagged = flag !== undefined;
    // Numbers are entered when the call that notes them was made: one that throws may be made again.
    if (losses !== null) this.enterLosses(losses, at++);
    this.enter(at, whats, take);
    this.next = at + whats.length;
    return gradients;
  }

  /** The first of so many free places. */
  private room(count: number): number {
    const at = this.next;
    const before = this.numbers;
    if (at + count > before.numel) {
      const grown = keep(ops.aten.cat([before, ops.aten["zeros_like.default"](before)]));
      this.free();
      this.grown = grown;
    }
    return at;
  }

  /** Gives tensors their old values back, on the device, if the step has stopped. Once that was read, one that has does not get here. */
  revert(tensors: Tensor[], saved: Tensor[]): void {
    if (tensors.length === 0 || this.isRead) return;
    this.noteLosses();
    operators().revert(tensors, saved, this.numbers);
  }

  /** 1 if the step has stopped, else 0: a float32 scalar on the device. */
  stopped(): Tensor {
    this.noteLosses();
    return this.isFlagged && this.row !== null ? this.row.flag : operators().stopped(this.numbers);
  }

  /** Ends the noting. From now on {@link read} waits for no more than what the device was told until now. */
  close(): void {
    if (this.fetch !== null) return;
    this.noteLosses();
    const { numbers, row } = this;
    if (row === null) {
      const fetched = startFetch(numbers);
      this.fetch = () => numbersOf(fetched());
      this.free();
    } else {
      row.close();
      this.fetch = (isOld) => (isOld ? row.readAll() : row.read());
      this.row = null;
    }
    this.place = null;
  }

  /** Frees it unread, when the step failed otherwise. */
  drop(): void {
    this.dropLosses();
    this.dropAdded();
    this.free();
  }

  private dropLosses(): void {
    for (const each of this.losses?.values ?? []) each.dispose();
    this.losses = null;
  }

  private dropAdded(): void {
    for (const each of this.added) each.dispose();
    this.added = [];
  }

  private free(): void {
    this.row?.drop();
    this.row = null;
    this.grown?.dispose();
    this.grown = null;
    this.memory = null;
  }

  /** Why the step stopped, as far as that was read. */
  get stop(): Stop | null {
    return this.outcome?.stop ?? null;
  }

  /** Whether it was read, and knows all there is to know. */
  get isRead(): boolean {
    return this.outcome !== null;
  }

  /** Takes the numbers of a step that was long ago to the host. Whether it stopped: then {@link read} says why. */
  settle(): boolean {
    return this.outcome === null ? this.waitForNumbers(true)[0] !== 0 : this.outcome.stop !== null;
  }

  private waitForNumbers(isOld: boolean): Float64Array {
    this.close();
    const numbers = this.fetch!(isOld);
    this.fetch = () => numbers;
    return numbers;
  }

  /** Waits for the numbers, and hands all out that came before the first that is not finite. Returns why the step stopped, if it did. */
  read(): Stop | null {
    if (this.outcome !== null) return this.outcome.stop;
    const numbers = this.waitForNumbers(false);
    let stop: Stop | null = null;
    for (const { at, whats, place, take } of this.entries) {
      const own = [...numbers.subarray(at, at + whats.length)];
      const wrong = own.findIndex((number) => !Number.isFinite(number));
      if (wrong !== -1) {
        stop = { cause: new NonFinite(whats[wrong]!, own[wrong]!), ...place };
        break;
      }
      take(own);
    }
    this.outcome = { stop };
    return stop;
  }
}
