/** Minibatches to train on: one per source domain and step. */
import { checkBoolean, checkInteger, checkOptions, optionsOf } from "../checks.js";
import { argumentError, describeValue, DgsamError } from "../errors.js";
import { Generator as RandomGenerator } from "../tensor/index.js";
import { Ahead, disposeBatch } from "./ahead.js";
import { checkDomains, checkSignal } from "./checks.js";
import type { Batch, Domain } from "./dataset.js";
import { seedHash } from "./random.js";
import { DomainSampler, type Sampling } from "./sampler.js";

export interface DomainLoaderOptions {
  /** Items per domain and step: one number, or one for each domain. DomainBed: 64 for MNIST, 32 for images. */
  batchSize: number | readonly number[];
  /** Default 0. */
  seed?: number;
  /** Default "replacement", as DomainBed does. */
  sampling?: Sampling;
  /** Every class that a domain has is equally likely in its minibatches, however many items it has. Default false. */
  balanced?: boolean;
  /** Steps that `for await` has read and decoded ahead of the one it gives. Default 2. */
  prefetch?: number;
  /** Ends `for await` and `loadNext()` with its reason. */
  signal?: AbortSignal;
}

const OPTIONS: readonly string[] = ["batchSize", "seed", "sampling", "balanced", "prefetch", "signal"] satisfies (keyof DomainLoaderOptions)[];

/** The minibatch of one domain. */
export interface Minibatch extends Batch {
  /** The name of the domain. */
  readonly domain: string;
}

/** Where a loader stands, as plain data for a checkpoint; the other fields tell whether it fits the loader. */
export interface DomainLoaderState {
  /** Steps taken: minibatches that were given, not those that were prefetched. */
  readonly step: number;
  readonly seed: number;
  readonly sampling: Sampling;
  /** Missing in states of older versions, which had no balanced loaders. */
  readonly balanced?: boolean;
  readonly domains: readonly { readonly name: string; readonly length: number; readonly batchSize: number }[];
}

/**
 * An infinite, seeded stream with one minibatch per source domain and step. All minibatches are full.
 *
 * A domain's stream depends on the seed, its name, its length and its batch size (and, balanced, its labels), not on the domains beside it.
 * What augments its minibatch of step k draws from a generator of its own, seeded by `seedHash(seed, name, k, "augment")`: a resumed run sees the same
 * crops, however many steps are prefetched.
 *
 *     for await (const minibatches of loader) { ... break; }   // for ever, reading and decoding ahead
 *     const minibatches = await loader.loadNext();             // one step
 *     const minibatches = loader.next();                       // one step at once, of domains in memory or in the cache
 */
export class DomainLoader {
  readonly domains: readonly Domain[];
  readonly #samplers: readonly DomainSampler[];
  readonly #seed: number;
  readonly #sampling: Sampling;
  readonly #balanced: boolean;
  readonly #prefetch: number;
  readonly #signal: AbortSignal | undefined;
  #step = 0;

  /**
   * @param domains the source domains.
   * @throws ERR_ARGUMENT for no domains, a data set in their place, two of one name, an empty one, a bad or unknown option,
   *   or a shuffled domain that has fewer items than a batch.
   */
  constructor(domains: readonly Domain[], options: DomainLoaderOptions) {
    checkDomains("DomainLoader: domains", domains);
    checkOptions("DomainLoader", options, OPTIONS);
    const { batchSize, seed = 0, sampling = "replacement", balanced = false, prefetch = 2, signal } = options;
    checkBoolean("DomainLoader: balanced", balanced);
    checkInteger("DomainLoader: prefetch", prefetch, 0, 1000);
    checkSignal("DomainLoader", signal);
    if (typeof batchSize !== "number" && !Array.isArray(batchSize)) {
      throw argumentError("DomainLoader: batchSize", "an integer, or an array of one for each domain", batchSize);
    }
    if (domains.length === 0) throw new DgsamError("ERR_ARGUMENT", "DomainLoader: expected at least one domain, got none");
    const names = domains.map((domain) => domain.name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) {
      throw new DgsamError("ERR_ARGUMENT", `DomainLoader: two domains have the name ${JSON.stringify(twice)}; ` +
        "names must be unique, since a domain's random stream follows from its name");
    }
    if (typeof batchSize !== "number" && batchSize.length !== domains.length) {
      throw new DgsamError("ERR_ARGUMENT", `DomainLoader: expected one batchSize, or one for each of the ` +
        `${domains.length} domains, got ${batchSize.length}`);
    }
    this.domains = [...domains];
    this.#seed = seed;
    this.#sampling = sampling;
    this.#balanced = balanced;
    this.#prefetch = prefetch;
    this.#signal = signal;
    this.#samplers = domains.map(({ name, length, labels }, i) => new DomainSampler({
      name, length, seed, sampling, batchSize: typeof batchSize === "number" ? batchSize : batchSize[i]!, ...(balanced ? { balanceBy: labels } : {}),
    }));
  }

  /** Steps taken. */
  get step(): number {
    return this.#step;
  }

  /**
   * The next minibatch of each domain, in the order of `domains`. The tensors are the caller's to free.
   * @throws ERR_STATE when a domain has to read or decode: use `loadNext()` or `for await`, or prepare the data set. The step is then not taken.
   */
  next(): Minibatch[] {
    const minibatches: Minibatch[] = [];
    try {
      this.domains.forEach((domain, i) => {
        const generator = this.#generator(domain, this.#step);
        try {
          const { x, y } = domain.batch(this.#samplers[i]!.indices(this.#step), generator === undefined ? undefined : { generator });
          minibatches.push({ x, y, domain: domain.name });
        } finally {
          generator?.dispose();
        }
      });
    } catch (cause) {
      minibatches.forEach(disposeBatch);
      throw cause;
    }
    this.#step++;
    return minibatches;
  }

  /**
   * The next minibatches, read and decoded where need be, of all domains at once. The tensors are the caller's to free, and belong to no scope.
   * @throws what a domain throws, and then the step is not taken; the signal's reason; ERR_STATE when the loader was moved on meanwhile
   */
  async loadNext(options: { signal?: AbortSignal } = {}): Promise<Minibatch[]> {
    const { signal } = optionsOf<{ signal?: AbortSignal }>("DomainLoader.loadNext", options, ["signal"]);
    checkSignal("DomainLoader.loadNext", signal);
    const step = this.#step;
    const signals = [signal, this.#signal].filter((each) => each !== undefined);
    const ahead = this.#ahead(0, signals.length === 2 ? AbortSignal.any(signals) : signals[0]);
    try {
      const minibatches = await ahead.take(step);
      if (this.#step !== step) {
        minibatches.forEach(disposeBatch);
        throw new DgsamError("ERR_STATE", "DomainLoader.loadNext: the loader was moved on before this step was there; await one before the next");
      }
      this.#step++;
      return minibatches;
    } finally {
      ahead.close();
    }
  }

  /** `next()` for ever: `for (const minibatches of loader) { ... break; }`. */
  *[Symbol.iterator](): Generator<Minibatch[], never, void> {
    for (;;) yield this.next();
  }

  /**
   * `loadNext()` for ever, with the next steps on their way: `for await (const minibatches of loader) { ... break; }`. Leaving the loop stops them
   * and frees their tensors. An error shows at the step that it belongs to, and that step is not taken.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Minibatch[], never, void> {
    const ahead = this.#ahead(this.#prefetch, this.#signal);
    try {
      for (;;) {
        const step = this.#step;
        const minibatches = await ahead.take(step);
        if (this.#step !== step) {
          // restore() or next() while it waited.
          minibatches.forEach(disposeBatch);
          continue;
        }
        this.#step++;
        yield minibatches;
      }
    } finally {
      ahead.close();
    }
  }

  /** Where the loader stands; `JSON.stringify` keeps all of it. */
  state(): DomainLoaderState {
    return { step: this.#step, ...this.#identity() };
  }

  /**
   * Goes to where another loader of the same domains and options stood: the next minibatches are the same, bit for bit.
   * @throws ERR_STATE when the state is from other domains or options, and says which; ERR_ARGUMENT when it is no state at
   *   all. The loader is then unchanged.
   */
  restore(state: DomainLoaderState): void {
    if (typeof state !== "object" || state === null || Array.isArray(state)) {
      throw argumentError("DomainLoader.restore(state)", "an object, such as state() returns", state);
    }
    const { step, ...given } = state;
    const own = this.#identity();
    for (const field of ["seed", "sampling", "balanced", "domains"] as const) {
      const expected = asText(own[field]);
      const got = asText(field === "balanced" ? (given.balanced ?? false) : given[field]);
      if (expected !== got) {
        throw new DgsamError("ERR_STATE", `DomainLoader.restore: the state is from another loader: ${field} is ${got} ` +
          `there, ${expected} here; make the loader with the options of the saved run`);
      }
    }
    if (!Number.isSafeInteger(step) || step < 0) {
      throw new DgsamError("ERR_STATE", `DomainLoader.restore: step must be an integer of at least 0, got ${describeValue(step)}`);
    }
    this.#step = step;
  }

  #identity(): Omit<DomainLoaderState, "step"> {
    const domains = this.domains.map(({ name, length }, i) => ({ name, length, batchSize: this.#samplers[i]!.batchSize }));
    return { seed: this.#seed, sampling: this.#sampling, balanced: this.#balanced, domains };
  }

  #ahead(depth: number, signal: AbortSignal | undefined): Ahead<Minibatch[]> {
    return new Ahead((step, stop) => this.#load(step, stop), (minibatches) => minibatches.forEach(disposeBatch), { depth, signal });
  }

  async #load(step: number, signal: AbortSignal): Promise<Minibatch[]> {
    const ends = await Promise.allSettled(this.domains.map((domain, i) => this.#loadDomain(domain, this.#samplers[i]!.indices(step), step, signal)));
    const failed = ends.find((end) => end.status === "rejected");
    if (failed === undefined) return ends.map((end) => (end as PromiseFulfilledResult<Minibatch>).value);
    for (const end of ends) if (end.status === "fulfilled") disposeBatch(end.value);
    throw failed.reason;
  }

  async #loadDomain(domain: Domain, indices: Uint32Array, step: number, signal: AbortSignal): Promise<Minibatch> {
    const generator = this.#generator(domain, step);
    try {
      const { x, y } = domain.load === undefined ? domain.batch(indices) : await domain.load(indices, { ...(generator === undefined ? {} : { generator }), signal });
      return { x, y, domain: domain.name };
    } finally {
      generator?.dispose();
    }
  }

  /** For domains that may augment: those that load. */
  #generator({ name, load }: Domain, step: number): RandomGenerator | undefined {
    return load === undefined ? undefined : new RandomGenerator().manualSeed(seedHash(this.#seed, name, step, "augment"));
  }
}

function asText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? describeValue(value);
  } catch {
    // A bigint, say, or a list that contains itself: no state of ours.
    return describeValue(value);
  }
}
