/**
 * How many images are in the making at once, of all data sets together. Without a limit a batch's images would all lie decoded in
 * memory while libuv's threads are busy with the first; and who asked first is to be served first.
 */

// Twice libuv's default number of threads: while one image's pixels are copied the next is decoded.
let free = 8;
let waiting: { readonly signal: AbortSignal | undefined; readonly go: () => void; readonly stop: (reason: unknown) => void }[] = [];
/** Those that are listened to: once each, whatever number of images waits with it. */
const heard = new WeakSet<AbortSignal>();

/** Waits for a slot, which {@link release} gives back. @throws the signal's reason, then without a slot */
export async function acquire(signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  if (free > 0) {
    free--;
    return;
  }
  if (signal !== undefined && !heard.has(signal)) {
    heard.add(signal);
    signal.addEventListener("abort", () => stopWaiting(signal), { once: true });
  }
  await new Promise<void>((go, stop) => waiting.push({ signal, go, stop }));
}

function stopWaiting(signal: AbortSignal): void {
  const stopped = waiting.filter((each) => each.signal === signal);
  waiting = waiting.filter((each) => each.signal !== signal);
  for (const { stop } of stopped) stop(signal.reason);
}

export function release(): void {
  const next = waiting.shift();
  if (next === undefined) free++;
  else next.go();
}
