/** Which items of a domain each training step sees. */
import { checkInteger, checkOptions, checkString } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import { checkSeed } from "./checks.js";
import { RandomState, seedHash } from "./random.js";

/**
 * "replacement": every item of a batch is drawn from the whole domain, as DomainBed does.
 * "shuffle": the domain is dealt out in random order, again and again; what is left over at the end of a round is not
 * dealt, since it would make an incomplete batch.
 */
export type Sampling = "replacement" | "shuffle";

export interface SamplerOptions {
  /** The domain's name; domains of other names get independent streams from the same seed. */
  name: string;
  /** Number of items in the domain. */
  length: number;
  batchSize: number;
  seed: number;
  /** Default "replacement". */
  sampling?: Sampling;
  /**
   * The class of each item, [length]: then each class that has items is equally likely. Drawn with replacement the class comes first, then
   * an item of it. Shuffled, every run of as many items as there are classes has one of each, and a class is dealt out in random order,
   * again and again, so that small ones come more often. Default: all items are equally likely.
   */
  balanceBy?: ArrayLike<number>;
}

const OPTIONS: readonly string[] = ["name", "length", "batchSize", "seed", "sampling", "balanceBy"] satisfies (keyof SamplerOptions)[];

/**
 * The infinite seeded stream of batches of one domain, by step: batch k is a function of the options and k alone, so
 * resuming needs nothing but the step, and batches can be prepared ahead.
 *
 * The stream is cut into rounds of `max(1, floor(length / batchSize))` batches; those of round r are drawn from
 * `RandomState(seedHash(seed, name, r))`, by `randint(0, length)` or by `permutation(length)`. Balanced ones are drawn from
 * `RandomState(seedHash(seed, name, r, "balanced"))`.
 */
export class DomainSampler {
  readonly batchSize: number;
  readonly #options: Required<Omit<SamplerOptions, "balanceBy">>;
  /** The items of each class that has any; undefined where all items are equally likely. */
  readonly #classes: readonly Uint32Array[] | undefined;
  readonly #batchesPerRound: number;
  #round = -1;
  #order: Uint32Array = new Uint32Array();

  /** @throws ERR_ARGUMENT for a bad or unknown option, or when a shuffled domain has fewer items than a batch. */
  constructor(options: SamplerOptions) {
    checkOptions("DomainSampler", options, OPTIONS);
    const { name, length, batchSize, seed, sampling = "replacement", balanceBy } = options;
    checkString("DomainSampler: name", name);
    const where = `sampling from ${JSON.stringify(name)}`;
    checkInteger(`${where}: length`, length, 1, 2 ** 32 - 1);
    checkInteger(`${where}: batchSize`, batchSize, 1, 2 ** 32 - 1);
    checkSeed(`${where}: seed`, seed);
    if (sampling !== "replacement" && sampling !== "shuffle") {
      throw argumentError(`${where}: sampling`, '"replacement" or "shuffle"', sampling);
    }
    if (sampling === "shuffle" && length < batchSize) {
      throw new DgsamError("ERR_ARGUMENT", `${where}: ${length} items make no batch of ${batchSize} without repetition; ` +
        'take a smaller batchSize, or sampling: "replacement"');
    }
    if (balanceBy !== undefined && balanceBy.length !== length) {
      throw new DgsamError("ERR_ARGUMENT", `${where}: balanceBy: expected the classes of ${length} items, got ${balanceBy.length}`);
    }
    this.batchSize = batchSize;
    this.#classes = balanceBy === undefined ? undefined : itemsByClass(balanceBy);
    this.#options = { name, length, batchSize, seed, sampling };
    this.#batchesPerRound = Math.max(1, Math.floor(length / batchSize));
  }

  /**
   * The items of batch `step`, [batchSize]; 0 is the first. Going forward is fast; going back is allowed.
   * @throws ERR_ARGUMENT unless it is an integer of at least 0.
   */
  indices(step: number): Uint32Array {
    checkInteger("DomainSampler.indices: step", step, 0);
    const round = Math.floor(step / this.#batchesPerRound);
    if (round !== this.#round) {
      this.#order = this.#drawRound(round);
      this.#round = round;
    }
    const start = (step % this.#batchesPerRound) * this.batchSize;
    return this.#order.slice(start, start + this.batchSize);
  }

  #drawRound(round: number): Uint32Array {
    const { name, length, seed, sampling } = this.#options;
    if (this.#classes !== undefined) return this.#drawBalanced(new RandomState(seedHash(seed, name, round, "balanced")), this.#classes);
    const random = new RandomState(seedHash(seed, name, round));
    if (sampling === "shuffle") return random.permutation(length);
    const drawn = new Uint32Array(this.#batchesPerRound * this.batchSize);
    for (let i = 0; i < drawn.length; i++) drawn[i] = random.randint(0, length);
    return drawn;
  }
  #drawBalanced(random: RandomState, classes: readonly Uint32Array[]): Uint32Array {
    const drawn = new Uint32Array(this.#batchesPerRound * this.batchSize);
    if (this.#options.sampling === "replacement") {
      for (let i = 0; i < drawn.length; i++) {
        const items = classes[random.randint(0, classes.length)]!;
        drawn[i] = items[random.randint(0, items.length)]!;
      }
      return drawn;
    }
    const decks = classes.map((items) => ({ items: items.slice(), next: items.length }));
    let order = new Uint32Array();
    for (let i = 0; i < drawn.length; i++) {
      const turn = i % classes.length;
      if (turn === 0) order = random.permutation(classes.length) as Uint32Array<ArrayBuffer>;
      const deck = decks[order[turn]!]!;
      if (deck.next === deck.items.length) {
        random.shuffle(deck.items);
        deck.next = 0;
      }
      drawn[i] = deck.items[deck.next++]!;
    }
    return drawn;
  }
}

/** In the order of the classes, and of the items in each. */
function itemsByClass(labels: ArrayLike<number>): Uint32Array[] {
  const found = new Map<number, number[]>();
  for (let i = 0; i < labels.length; i++) {
    const items = found.get(labels[i]!);
    if (items === undefined) found.set(labels[i]!, [i]);
    else items.push(i);
  }
  return [...found].sort(([a], [b]) => a - b).map(([, items]) => Uint32Array.from(items));
}
