/** Files from addresses into the cache, whole and checked or not at all. */

import { createHash, randomBytes } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { cacheFolder } from "../../../install/cache.mjs";
import { withLock } from "../../../install/lock.mjs";
import { DgsamError } from "../../errors.js";
import { malformed } from "../../weights/malformed.js";

/** Bytes that have come, and how many there will be where the server tells. */
export interface DownloadProgress {
  received: number;
  total: number | null;
}

export interface DownloadOptions {
  /** Is told of every piece that came. Throws nothing. */
  progress?: ((progress: DownloadProgress) => void) | undefined;
  /** Ends the download. */
  signal?: AbortSignal | undefined;
  /** Milliseconds without a byte after which a server is given up. */
  timeout: number;
  /** How often a download that broke off is begun anew. */
  retries: number;
}

// A pause before another try, doubled each time.
const PAUSE_MS = 250;

/** What is known of a file before it is there: its SHA-256 in hexadecimal digits, or the beginning of it. */
export type Digest = string | null;

/** Where weights are kept: `$XDG_CACHE_HOME/dgsam/weights`, else `~/.cache/dgsam/weights`. */
export function weightsFolder(): string {
  return join(cacheFolder(process.env), "weights");
}

/** The beginning of the SHA-256 in the name of a file, as torch.hub has it: "resnet18-f37072fd.pth". */
export function digestInName(name: string): Digest {
  return /-([0-9a-f]{8,64})\.\w+$/.exec(name)?.[1] ?? null;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** @throws DgsamError `ERR_DATA` when a file is another than expected */
export async function checkDigest(path: string, digest: Digest, from = path): Promise<void> {
  if (digest === null) return;
  const found = await sha256Of(path);
  if (!found.startsWith(digest)) throw malformed(from, `the file is another than expected: its SHA-256 is ${found}, not ${digest}${digest.length < 64 ? "..." : ""}`);
}

/**
 * The file of this name in the cache, which `fill` makes where there is none, or a bad one. Two processes, or two calls, do it once.
 *
 * @param check throws a DgsamError when a file is another than expected: a file that lies there is made anew then, a new one is not kept
 * @param fill writes a file, which is checked and comes into its place when it is whole
 * @param signal ends it, waiting for the other process too
 * @throws DgsamError `ERR_DATA`; what `signal` was aborted with
 */
export async function cached(name: string, check: (path: string) => void | Promise<void>, fill: (path: string) => Promise<void>, signal: AbortSignal | undefined): Promise<string> {
  const place = join(weightsFolder(), name);
  return withLock(place, async () => {
    if (existsSync(place)) {
      try {
        await check(place);
        return place;
      } catch (error) {
        if (!(error instanceof DgsamError)) throw error;
      }
    }
    const staging = `${place}.${randomBytes(6).toString("hex")}.part`;
    try {
      mkdirSync(dirname(place), { recursive: true });
    } catch (cause) {
      throw cannotBeMade(place, cause);
    }
    try {
      await fill(staging);
      signal?.throwIfAborted();
      await check(staging);
      renameSync(staging, place);
    } catch (cause) {
      signal?.throwIfAborted();
      if (typeof (cause as NodeJS.ErrnoException | null)?.syscall !== "string") throw cause;
      throw cannotBeMade(place, cause);
    } finally {
      rmSync(staging, { force: true });
    }
    return place;
  }, { signal });
}

function cannotBeMade(place: string, cause: unknown): DgsamError {
  return malformed(place, `cannot be made: ${(cause as Error).message}; set XDG_CACHE_HOME to a folder that you may write to`, cause);
}

/** Another try may do better. */
class Passing extends Error {}

/**
 * Downloads an http or https address into a file.
 *
 * @throws DgsamError `ERR_DATA` when the server refuses, falls silent or breaks off; what `signal` was aborted with, and the system's error when the
 *   file cannot be written
 */
export async function download(url: string, path: string, options: DownloadOptions): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await downloadOnce(url, path, options);
    } catch (cause) {
      options.signal?.throwIfAborted();
      if (!(cause instanceof Passing)) throw cause;
      if (attempt >= options.retries) throw malformed(url, `cannot be downloaded: ${cause.message}`, cause);
      await pause(PAUSE_MS * 2 ** attempt, options.signal);
    }
  }
}

/** @throws what the signal was aborted with; Node's timer throws an error of its own */
async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(milliseconds, undefined, { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause;
  }
}

async function downloadOnce(url: string, path: string, { progress, signal, timeout }: DownloadOptions): Promise<void> {
  const silence = new AbortController();
  const stop = signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]);
  // Waits for the server, and for nothing else. Node's fetch() may leave a read pending for ever that its signal should have ended.
  const heard = async <T>(answer: Promise<T>): Promise<T> => {
    const timer = setTimeout(() => silence.abort(), timeout);
    let onStop = (): void => undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        onStop = () => reject(stop.reason as Error);
        stop.addEventListener("abort", onStop);
        answer.then(resolve, reject);
        if (stop.aborted) onStop();
      });
    } catch (cause) {
      signal?.throwIfAborted();
      if (silence.signal.aborted) throw new Passing(`nothing came for ${timeout / 1000} seconds`);
      // fetch() says "fetch failed" or "terminated", and why in the cause.
      const reason = (cause as Error).cause instanceof Error ? ((cause as Error).cause as Error).message : "";
      throw new Passing([(cause as Error).message, reason].filter((text) => text !== "").join(": "));
    } finally {
      stop.removeEventListener("abort", onStop);
      clearTimeout(timer);
    }
  };
  try {
    const response = await heard(fetch(url, { signal: stop }));
    if (!response.ok || response.body === null) {
      const text = `the server answered ${response.status} ${response.statusText}`.trim();
      throw response.status >= 500 || response.status === 429 ? new Passing(text) : malformed(url, `cannot be downloaded: ${text}`);
    }
    const length = response.headers.get("content-length");
    // With an encoding it is the length of what is sent, not of what comes out.
    const total = length === null || response.headers.has("content-encoding") ? null : Number(length);
    let received = 0;
    const body = response.body.getReader();
    // Opened here and not by a stream, which may still be about to make the file when the caller removes it.
    const file = await open(path, "w");
    try {
      for (;;) {
        const { done, value } = await heard(body.read());
        if (done) break;
        await file.writeFile(value);
        received += value.length;
        progress?.({ received, total });
      }
    } finally {
      await file.close();
    }
    if (total !== null && received !== total) throw new Passing(`it broke off after ${received} of ${total} bytes`);
  } finally {
    // Whatever else ended it: nobody reads what is still to come.
    silence.abort();
  }
}

/** What a file from an address is called in the cache: a name with its own digest, else one with the digest of the address. */
export function nameOf(url: string): string {
  const name = decodeURIComponent(basename(new URL(url).pathname)).replace(/[^\w.-]/g, "_") || "weights";
  return digestInName(name) !== null ? name : `${createHash("sha256").update(url).digest("hex").slice(0, 16)}-${name}`;
}
