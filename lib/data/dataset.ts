/**
 * What a domain-generalisation data set is here: named domains (hospitals, cameras, angles) over one class list.
 */
import { checkInteger } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import type { Generator, Tensor } from "../tensor/index.js";
import { checkDataset } from "./checks.js";

/** Items of one domain, ready for a network. */
export interface Batch {
  /** float32 [B, ...inputShape], for images [B, C, H, W]. */
  readonly x: Tensor<"float32">;
  /** int64 [B]: class indices. */
  readonly y: Tensor<"int64">;
}

/** One item of a domain. */
export interface Item {
  /** float32 [...inputShape], for images [C, H, W]. */
  readonly x: Tensor<"float32">;
  /** The class index. */
  readonly y: number;
}

/** One domain of a data set. Items are numbered 0 .. length-1 and never change. */
export interface Domain {
  /** Unique in its data set. */
  readonly name: string;
  readonly length: number;
  /** The class index of each item, [length]; known without making any item. */
  readonly labels: ArrayLike<number>;
  /** @throws ERR_ARGUMENT for an index out of range. */
  item(index: number): Item;
  /**
   * The items of `indices` in that order; an index may occur twice. Items that cannot be had are replaced by others in a batch to train on,
   * or left out of one to evaluate on, where the domain was told so; else they are errors.
   * @throws ERR_ARGUMENT for an index out of range; ERR_STATE when items are to be read first: see `load`.
   */
  batch(indices: ArrayLike<number>, options?: BatchOptions): Batch;
  /**
   * The same for domains that have to read and decode; the loaders call it where it is there, several batches ahead.
   * @throws as `batch`; ERR_DATA for an item that cannot be read; the signal's reason.
   */
  load?(indices: ArrayLike<number>, options?: LoadOptions): Promise<Batch>;
}

export interface BatchOptions {
  /** Augments for training, drawing from this generator. Without one a batch is made as for evaluation. */
  generator?: Generator;
}

export interface LoadOptions extends BatchOptions {
  signal?: AbortSignal;
}

/** Domains that share their classes and the shape of an item. */
export interface DomainDataset {
  readonly name: string;
  /** Class names; a label is an index into this list. */
  readonly classes: readonly string[];
  /** The shape of one item, for images [C, H, W]. */
  readonly inputShape: readonly number[];
  readonly domains: readonly Domain[];
}

/** One way to hold a domain out. */
export interface LeaveOneDomainOut {
  /** The domains to train on, in the data set's order. */
  readonly sources: readonly Domain[];
  /** The domain that training never sees. */
  readonly target: Domain;
}

/**
 * Holds one domain out for testing and leaves the others for training.
 *
 * For DomainBed's protocol split first and hold out afterwards, since a split is seeded by a domain's index in the whole
 * data set: `leaveOneDomainOut(splitDataset(dataset).in, 0).sources`.
 *
 * @param target the held-out domain, by index or by name.
 * @throws ERR_ARGUMENT when `dataset` is none, when there is no such domain, or only one.
 */
export function leaveOneDomainOut(dataset: DomainDataset, target: number | string): LeaveOneDomainOut {
  checkDataset("leaveOneDomainOut(dataset)", dataset);
  const { domains } = dataset;
  if (typeof target !== "string" && typeof target !== "number") {
    throw argumentError("leaveOneDomainOut: target", "the index or the name of a domain", target);
  }
  if (domains.length < 2) {
    throw new DgsamError("ERR_ARGUMENT",
      `leaveOneDomainOut: ${dataset.name} has ${domains.length} domain(s); at least 2 are needed to hold one out`);
  }
  const index = typeof target === "string" ? domains.findIndex((domain) => domain.name === target) : target;
  if (typeof target === "string" && index === -1) {
    const names = domains.map((domain) => JSON.stringify(domain.name)).join(", ");
    throw argumentError("leaveOneDomainOut: target", `one of ${dataset.name}'s domains ${names}`, target);
  }
  checkInteger("leaveOneDomainOut: target", index, 0, domains.length - 1);
  return { sources: domains.filter((_, i) => i !== index), target: domains[index]! };
}
