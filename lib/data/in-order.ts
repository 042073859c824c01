/** A whole domain in order, to evaluate on. */
import { checkInteger, checkOptions } from "../checks.js";
import { Ahead, disposeBatch } from "./ahead.js";
import { checkDomain, checkSignal } from "./checks.js";
import type { Batch, Domain } from "./dataset.js";

export interface LoaderOptions {
  /** Items of a batch; the last one has what is left. Default 256. */
  batchSize?: number;
  /** Batches that `for await` has read and decoded ahead of the one it gives. Default 2. */
  prefetch?: number;
  /** Ends `for await` with its reason. */
  signal?: AbortSignal;
}

/**
 * A whole domain once, in order, for evaluation: `for await` reads and decodes ahead, `for` takes domains in memory or in the cache. Each loop goes
 * through all of it. Items that the domain leaves out make batches smaller, never empty.
 */
export class Loader {
  readonly domain: Domain;
  readonly batchSize: number;
  readonly #prefetch: number;
  readonly #signal: AbortSignal | undefined;

  /** @throws ERR_ARGUMENT for what is no domain, a bad or unknown option. */
  constructor(domain: Domain, options: LoaderOptions = {}) {
    checkDomain("Loader: domain", domain);
    checkOptions("Loader", options, ["batchSize", "prefetch", "signal"]);
    const { batchSize = 256, prefetch = 2, signal } = options;
    checkInteger("Loader: batchSize", batchSize, 1);
    checkInteger("Loader: prefetch", prefetch, 0, 1000);
    checkSignal("Loader", signal);
    this.domain = domain;
    this.batchSize = batchSize;
    this.#prefetch = prefetch;
    this.#signal = signal;
  }

  /** Batches of the next loop, where no item is left out. */
  get length(): number {
    return Math.ceil(this.domain.length / this.batchSize);
  }

  [Symbol.iterator](): Generator<Batch, void, void> {
    return inOrder(this.domain, this.batchSize);
  }

  /** Leaving the loop stops what is on its way and frees it. The tensors belong to no scope. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, void> {
    const { domain, length } = this;
    const load = async (k: number, signal: AbortSignal): Promise<Batch> => {
      const indices = rangeOf(domain, this.batchSize, k);
      return domain.load === undefined ? domain.batch(indices) : await domain.load(indices, { signal });
    };
    const ahead = new Ahead(load, disposeBatch, { depth: this.#prefetch, end: length, signal: this.#signal });
    try {
      for (let k = 0; k < length; k++) {
        const batch = await ahead.take(k);
        if (isEmpty(batch)) disposeBatch(batch);
        else yield batch;
      }
    } finally {
      ahead.close();
    }
  }
}

/**
 * A whole domain once, in order, for evaluation: batches of `batchSize`, the last one with what is left.
 *
 * @param batchSize default 256.
 * @throws ERR_ARGUMENT for a bad batch size, or what is no domain, at the call.
 */
export function batches(domain: Domain, batchSize = 256): Iterable<Batch> {
  checkDomain("batches(domain)", domain);
  checkInteger("batches: batchSize", batchSize, 1);
  return { [Symbol.iterator]: () => inOrder(domain, batchSize) };
}

function* inOrder(domain: Domain, batchSize: number): Generator<Batch, void, void> {
  for (let k = 0; k * batchSize < domain.length; k++) {
    const batch = domain.batch(rangeOf(domain, batchSize, k));
    if (isEmpty(batch)) disposeBatch(batch);
    else yield batch;
  }
}

function rangeOf({ length }: Domain, batchSize: number, k: number): Uint32Array {
  const start = k * batchSize;
  return Uint32Array.from({ length: Math.min(batchSize, length - start) }, (_, i) => start + i);
}

/** All its items were left out. */
function isEmpty({ y }: Batch): boolean {
  return y.shape[0] === 0;
}
