/**
 * How much goes on at once, of all data sets together. Without a limit a batch's images would all lie decoded in memory, or all its files
 * be open, while libuv's threads are busy with the first; and who asked first is to be served first.
 */

export class Slots {
  #free: number;
  #waiting: { readonly signal: AbortSignal | undefined; readonly go: () => void; readonly stop: (reason: unknown) => void }[] = [];
  /** Signals that are listened to: once each, whatever number waits with it. */
  readonly #heard = new WeakSet<AbortSignal>();

  constructor(count: number) {
    this.#free = count;
  }

  /** Runs `work` when a slot is free. @throws what it throws; the signal's reason where it was aborted before */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#acquire(signal);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next.go();
    }
  }

  async #acquire(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    if (signal !== undefined && !this.#heard.has(signal)) {
      this.#heard.add(signal);
      signal.addEventListener("abort", () => this.#stopWaiting(signal), { once: true });
    }
    await new Promise<void>((go, stop) => this.#waiting.push({ signal, go, stop }));
  }

  #stopWaiting(signal: AbortSignal): void {
    const stopped = this.#waiting.filter((each) => each.signal === signal);
    this.#waiting = this.#waiting.filter((each) => each.signal !== signal);
    for (const { stop } of stopped) stop(signal.reason);
  }
}
