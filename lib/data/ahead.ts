/** Batches that are made before they are asked for, a few and no more. */

import { setMaxListeners } from "node:events";
import { outsideScopes } from "../tensor/lifetime.js";
import type { Batch } from "./dataset.js";

/**
 * Makes numbered things a few ahead of those that are taken. What was made and is not taken is discarded; what fails, fails when its turn
 * comes.
 */
export class Ahead<T> {
  readonly #make: (step: number, signal: AbortSignal) => Promise<T>;
  readonly #discard: (made: T) => void;
  readonly #depth: number;
  readonly #end: number;
  readonly #signal: AbortSignal | undefined;
  readonly #stop = new AbortController();
  #queue: { readonly step: number; readonly made: Promise<T> }[] = [];

  /**
   * @param depth how many are made while the one taken is used
   * @param end the number of the first that is not to be made
   * @param signal aborts what is being made; `make` is given one that `close` aborts, too
   */
  constructor(
    make: (step: number, signal: AbortSignal) => Promise<T>, discard: (made: T) => void,
    { depth, end = Infinity, signal }: { depth: number; end?: number; signal: AbortSignal | undefined },
  ) {
    this.#make = make;
    this.#discard = discard;
    this.#depth = depth;
    this.#end = end;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#abort);
    // Every image that is read may listen to it, and Node takes more than ten for a leak.
    setMaxListeners(0, this.#stop.signal);
  }

  readonly #abort = (): void => this.#stop.abort(this.#signal!.reason);

  /** The thing of this number. @throws what making it threw; the signal's reason */
  async take(step: number): Promise<T> {
    this.#signal?.throwIfAborted();
    // Somebody went elsewhere.
    if (this.#queue.length > 0 && this.#queue[0]!.step !== step) this.#discardQueue();
    while (this.#queue.length <= this.#depth && step + this.#queue.length < this.#end) this.#start(step + this.#queue.length);
    const first = this.#queue.shift()!;
    // Awaiting what is there already lets neither timers nor signals in.
    await new Promise((resolve) => setImmediate(resolve));
    return await this.#orAborted(first.made);
  }

  /** Stops what is being made and discards what was. */
  close(): void {
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#stop.abort(new DOMException("nobody waits for it any more", "AbortError"));
    this.#discardQueue();
  }

  #start(step: number): void {
    // A scope of whoever takes this step would end before a later step is taken.
    const made = outsideScopes(() => this.#make(step, this.#stop.signal));
    made.catch(() => {});
    this.#queue.push({ step, made });
  }

  #discardQueue(): void {
    for (const { made } of this.#queue) made.then(this.#discard, () => {});
    this.#queue = [];
  }

  /** Also where the maker does not listen to the signal. */
  async #orAborted(made: Promise<T>): Promise<T> {
    const signal = this.#signal;
    if (signal === undefined) return await made;
    let abort!: () => void;
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(signal.reason as Error);
      signal.addEventListener("abort", abort);
    });
    try {
      if (signal.aborted) abort();
      return await Promise.race([made, aborted]);
    } catch (cause) {
      made.then(this.#discard, () => {});
      throw cause;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }
}

/** Frees the tensors of a batch. */
export function disposeBatch({ x, y }: Batch): void {
  x.dispose();
  y.dispose();
}
