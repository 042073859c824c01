/**
 * What a step finds while the device still computes: losses and norms, noted on the device (native/ops/late.h), sent to the host
 * together at the step's end, and read when somebody asks. Nothing waits until then.
 */

import { startFetch } from "../../tensor/internal.js";
import { keep, ops, zeros, type Device, type Tensor } from "../../tensor/index.js";
import { NonFinite } from "../closures.js";
import { once } from "../once.js";

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

/** An operator of `dgsam::` in its late form, which takes the ledger and a place in it after its own arguments. */
export type LateOperator = (...args: never[]) => number;

export class Ledger {
  private numbers: Tensor;
  private next = 1;
  private readonly entries: Entry[] = [];
  /** Gives the numbers on the host, once they are on their way there. */
  private fetch: (() => Tensor) | null = null;
  private outcome: { readonly stop: Stop | null } | null = null;

  /**
   * @param device where the parameters lie
   * @param size for how many numbers there is room at first
   * @param place where the step is now; forgotten at its end, with all that the step holds
   */
  constructor(device: Device, size: number, private place: (() => Place) | null) {
    // It is read when the step's scope is gone.
    this.numbers = keep(zeros([1 + size], { dtype: "float64", device }));
  }

  /** Notes the mean of some scalars. */
  note(values: readonly Tensor[], what: NonFinite["what"], take: (value: number) => void): void {
    this.noting([what], ([value]) => take(value!), (at) => operators().note(values as Tensor[], this.numbers, at));
  }

  /** Calls an operator, which notes numbers of these kinds. Returns how many parameters had a gradient. */
  call(operator: LateOperator, args: readonly unknown[], whats: readonly NonFinite["what"][], take: (numbers: readonly number[]) => void): number {
    return this.noting(whats, take, (at) => operator(...([...args, this.numbers, at] as never[])));
  }

  /** Numbers are entered when the call that notes them was made: one that throws may be made again. */
  private noting<R>(whats: Entry["whats"], take: Entry["take"], call: (at: number) => R): R {
    const at = this.next;
    if (at + whats.length > this.numbers.numel) {
      const before = this.numbers;
      this.numbers = keep(ops.aten.cat([before, ops.aten["zeros_like.default"](before)]));
      before.dispose();
    }
    const result = call(at);
    this.entries.push({ at, whats, place: this.place!(), take });
    this.next += whats.length;
    return result;
  }

  /** Gives tensors their old values back, on the device, if the step has stopped. Once that was read, one that has does not get here. */
  revert(tensors: Tensor[], saved: Tensor[]): void {
    if (tensors.length > 0 && !this.isRead) operators().revert(tensors, saved, this.numbers);
  }

  /** 1 if the step has stopped, else 0: a float32 scalar on the device. */
  stopped(): Tensor {
    return operators().stopped(this.numbers);
  }

  /** Ends the noting. From now on {@link read} waits for no more than what the device was told until now. */
  close(): void {
    if (this.fetch !== null) return;
    this.fetch = startFetch(this.numbers);
    this.numbers.dispose();
    this.place = null;
  }

  /** Frees it unread, when the step failed otherwise. */
  drop(): void {
    this.numbers.dispose();
  }

  /** Why the step stopped, as far as that was read. */
  get stop(): Stop | null {
    return this.outcome?.stop ?? null;
  }

  /** Whether it was read, and knows all there is to know. */
  get isRead(): boolean {
    return this.outcome !== null;
  }

  /** Waits for the numbers, and hands all out that came before the first that is not finite. Returns why the step stopped, if it did. */
  read(): Stop | null {
    if (this.outcome !== null) return this.outcome.stop;
    this.close();
    const fetched = this.fetch!();
    const numbers = fetched.toArray() as number[];
    fetched.dispose();
    let stop: Stop | null = null;
    for (const { at, whats, place, take } of this.entries) {
      const own = numbers.slice(at, at + whats.length);
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
