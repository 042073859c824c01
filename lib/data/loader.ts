/** Minibatches: one per source domain and step to train on, and a whole domain in order to evaluate on. */
import { checkInteger, checkOptions } from "../checks.js";
import { argumentError, describeValue, DgsamError } from "../errors.js";
import { checkDomain, checkDomains } from "./checks.js";
import type { Batch, Domain } from "./dataset.js";
import { DomainSampler, type Sampling } from "./sampler.js";

export interface DomainLoaderOptions {
  /** Items per domain and step: one number, or one for each domain. DomainBed: 64 for MNIST, 32 for images. */
  batchSize: number | readonly number[];
  /** Default 0. */
  seed?: number;
  /** Default "replacement", as DomainBed does. */
  sampling?: Sampling;
}

const OPTIONS: readonly string[] = ["batchSize", "seed", "sampling"] satisfies (keyof DomainLoaderOptions)[];

/** The minibatch of one domain. */
export interface Minibatch extends Batch {
  /** The name of the domain. */
  readonly domain: string;
}

/** Where a loader stands, as plain data for a checkpoint; the other fields tell whether it fits the loader. */
export interface DomainLoaderState {
  /** Steps taken. */
  readonly step: number;
  readonly seed: number;
  readonly sampling: Sampling;
  readonly domains: readonly { readonly name: string; readonly length: number; readonly batchSize: number }[];
}

/**
 * An infinite, seeded stream with one minibatch per source domain and step. All minibatches are full.
 *
 * A domain's stream depends on the seed, its name, its length and its batch size, not on the domains beside it.
 */
export class DomainLoader {
  readonly domains: readonly Domain[];
  readonly #samplers: readonly DomainSampler[];
  readonly #seed: number;
  readonly #sampling: Sampling;
  #step = 0;

  /**
   * @param domains the source domains.
   * @throws ERR_ARGUMENT for no domains, a data set in their place, two of one name, an empty one, a bad or unknown option,
   *   or a shuffled domain that has fewer items than a batch.
   */
  constructor(domains: readonly Domain[], options: DomainLoaderOptions) {
    checkDomains("DomainLoader: domains", domains);
    checkOptions("DomainLoader", options, OPTIONS);
    const { batchSize, seed = 0, sampling = "replacement" } = options;
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
    this.#samplers = domains.map(({ name, length }, i) => new DomainSampler({
      name, length, seed, sampling, batchSize: typeof batchSize === "number" ? batchSize : batchSize[i]!,
    }));
  }

  /** Steps taken. */
  get step(): number {
    return this.#step;
  }

  /** The next minibatch of each domain, in the order of `domains`. The tensors are the caller's to free. */
  next(): Minibatch[] {
    const minibatches = this.domains.map((domain, i) => {
      const { x, y } = domain.batch(this.#samplers[i]!.indices(this.#step));
      return { x, y, domain: domain.name };
    });
    this.#step++;
    return minibatches;
  }

  /** `next()` for ever: `for (const minibatches of loader) { ... break; }`. */
  *[Symbol.iterator](): Generator<Minibatch[], never, void> {
    for (;;) yield this.next();
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
    for (const field of ["seed", "sampling", "domains"] as const) {
      const expected = asText(own[field]);
      const got = asText(given[field]);
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
    return { seed: this.#seed, sampling: this.#sampling, domains };
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
  for (let start = 0; start < domain.length; start += batchSize) {
    const count = Math.min(batchSize, domain.length - start);
    yield domain.batch(Uint32Array.from({ length: count }, (_, i) => start + i));
  }
}
