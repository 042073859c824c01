/**
 * How much goes on at once, of all data sets together. Without a limit a batch's images would all lie decoded in memory, or all its files
 * be open, while libuv's threads are busy with the first; and who asked first is to be served first.
 */

export class Slots {
  readonly #count: number;
  #free: number;
  #waiting: { readonly size: number; readonly signal: AbortSignal | undefined; readonly go: () => void; readonly stop: (reason: unknown) => void }[] = [];
  /** Signals that are listened to: once each, whatever number waits with it. */
  readonly #heard = new WeakSet<AbortSignal>();

  constructor(count: number) {
    this.#count = count;
    this.#free = count;
  }

  /**
   * Runs `work` when so many slots are free; what takes more than there are takes all.
   * @throws what it throws; the signal's reason where it was aborted before
   */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal, slots = 1): Promise<T> {
    const size = Math.min(slots, this.#count);
    await this.#acquire(size, signal);
    try {
      return await work();
    } finally {
      this.#free += size;
      this.#letIn();
    }
  }

  #letIn(): void {
    while (this.#waiting.length > 0 && this.#waiting[0]!.size <= this.#free) {
      const { size, go } = this.#waiting.shift()!;
      this.#free -= size;
      go();
    }
  }

  async #acquire(size: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#waiting.length === 0 && this.#free >= size) {
      this.#free -= size;
      return;
    }
    if (signal !== undefined && !this.#heard.has(signal)) {
      this.#heard.add(signal);
      signal.addEventListener("abort", () => this.#stopWaiting(signal), { once: true });
    }
    await new Promise<void>((go, stop) => this.#waiting.push({ size, signal, go, stop }));
  }

  #stopWaiting(signal: AbortSignal): void {
    const stopped = this.#waiting.filter((each) => each.signal === signal);
    this.#waiting = this.#waiting.filter((each) => each.signal !== signal);
    for (const { stop } of stopped) stop(signal.reason);
    // Behind one that wanted many there may be some that fit.
    this.#letIn();
  }
}

/** Of images that are being read: files may be as many as a batch is large, and the system lets a process have so many open and no more. */
export const readers = new Slots(32);
