/** DomainBed's split of every domain into a part to train on and a part to select models with. */
import { checkInteger, checkOptions } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import { checkDataset } from "./checks.js";
import type { DomainDataset } from "./dataset.js";
import { RandomState, seedHash } from "./random.js";
import { Subset } from "./subset.js";

export interface SplitOptions {
  /** DomainBed's trial seed: repeated trials draw other splits. Default 0. */
  trialSeed?: number;
  /** The share of a domain that is held out, in [0, 1). Default 0.2. */
  holdoutFraction?: number;
}

const OPTIONS: readonly string[] = ["trialSeed", "holdoutFraction"] satisfies (keyof SplitOptions)[];

/** The two parts of a data set: the same domains in the same order in each. */
export interface DatasetSplit {
  /** To train on: by default 80% of each domain. */
  readonly in: DomainDataset;
  /** To select models with: by default 20% of each domain. */
  readonly out: DomainDataset;
}

/**
 * Splits every domain as DomainBed does: domain i is shuffled by `RandomState(seedHash(trialSeed, i))`, its first
 * `int(holdoutFraction * length)` items are "out", the rest is "in". Same indices as DomainBed's for the same lengths.
 *
 * The parts are views: of images the whole is what is prepared, asked for what it skipped, and disposed of.
 *
 * @throws ERR_ARGUMENT for a bad or unknown option, what is no data set, or when a domain is too small for a part of it to have an item.
 */
export function splitDataset(dataset: DomainDataset, options: SplitOptions = {}): DatasetSplit {
  checkDataset("splitDataset(dataset)", dataset);
  checkOptions("splitDataset", options, OPTIONS);
  const { trialSeed = 0, holdoutFraction = 0.2 } = options;
  const parts = dataset.domains.map((domain, index) => {
    const split = splitIndices(domain.length, index, { trialSeed, holdoutFraction });
    if (split.out.length === 0 || split.in.length === 0) {
      throw new DgsamError("ERR_ARGUMENT", `splitDataset: domain ${JSON.stringify(domain.name)} has ${domain.length} ` +
        `item(s), so holding out ${holdoutFraction} of it leaves ${split.in.length} in and ${split.out.length} out`);
    }
    return { in: new Subset(domain, split.in), out: new Subset(domain, split.out) };
  });
  // What else a data set has, such as how to prepare it and what it skipped, is of the whole and may change.
  const { name, classes, inputShape } = dataset;
  return {
    in: { name, classes, inputShape, domains: parts.map((part) => part.in) },
    out: { name, classes, inputShape, domains: parts.map((part) => part.out) },
  };
}

/**
 * The items of each part, for a domain of `length` items that is number `domainIndex` of its data set.
 * @throws ERR_ARGUMENT for a bad length or index, a bad or unknown option.
 */
export function splitIndices(
  length: number, domainIndex: number, options: SplitOptions = {},
): { in: Uint32Array; out: Uint32Array } {
  checkOptions("splitIndices", options, OPTIONS);
  const { trialSeed = 0, holdoutFraction = 0.2 } = options;
  checkInteger("splitIndices: length", length, 0, 2 ** 32 - 1);
  checkInteger("splitIndices: domainIndex", domainIndex, 0);
  checkInteger("splitIndices: trialSeed", trialSeed, 0);
  if (typeof holdoutFraction !== "number" || !(holdoutFraction >= 0 && holdoutFraction < 1)) {
    throw argumentError("splitIndices: holdoutFraction", "a number of at least 0 and below 1", holdoutFraction);
  }
  const order = new RandomState(seedHash(trialSeed, domainIndex)).permutation(length);
  const held = Math.trunc(length * holdoutFraction);
  return { in: order.slice(held), out: order.slice(0, held) };
}
