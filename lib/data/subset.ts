/** A domain that is a part of another. */
import { checkItem } from "./checks.js";
import type { Batch, Domain, Item } from "./dataset.js";

/** The items of `base` at `indices`, in that order, under a name of its own. Nothing is copied but the indices. */
export class Subset implements Domain {
  readonly name: string;
  readonly labels: Int32Array;
  readonly #base: Domain;
  readonly #indices: Uint32Array;

  /** @throws ERR_ARGUMENT for an index that `base` has not. */
  constructor(base: Domain, indices: ArrayLike<number>, name = base.name) {
    for (let i = 0; i < indices.length; i++) checkItem(base, indices[i]);
    this.name = name;
    this.#base = base;
    this.#indices = Uint32Array.from(indices);
    this.labels = Int32Array.from(this.#indices, (index) => base.labels[index]!);
  }

  get length(): number {
    return this.#indices.length;
  }

  item(index: number): Item {
    return this.#base.item(this.#toBase(index));
  }

  batch(indices: ArrayLike<number>): Batch {
    return this.#base.batch(Uint32Array.from(indices, (index) => this.#toBase(index)));
  }

  #toBase(index: number): number {
    checkItem(this, index);
    return this.#indices[index]!;
  }
}
