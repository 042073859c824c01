/**
 * How many images are in the making at once, of all data sets together. Without a limit a batch's images would all lie decoded in
 * memory while libuv's threads are busy with the first; and who asked first is to be served first.
 */

// Twice libuv's default number of threads: while one image's pixels are copied the next is decoded.
let free = 8;
const waiting: (() => void)[] = [];

/** Waits for a slot, which {@link release} gives back. @throws the signal's reason, then without a slot */
export async function acquire(signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  if (free > 0) {
    free--;
    return;
  }
  await new Promise<void>((resolve, reject) => {
    const stop = (): void => {
      waiting.splice(waiting.indexOf(go), 1);
      reject(signal!.reason as Error);
    };
    const go = (): void => {
      signal?.removeEventListener("abort", stop);
      resolve();
    };
    signal?.addEventListener("abort", stop, { once: true });
    waiting.push(go);
  });
}

export function release(): void {
  const next = waiting.shift();
  if (next === undefined) free++;
  else next();
}
