/** A domain that is a part of another. */
import { checkString } from "../checks.js";
import { checkDomain, checkItem, checkList } from "./checks.js";
import type { Batch, BatchOptions, Domain, Item, LoadOptions } from "./dataset.js";

/** The items of `base` at `indices`, in that order, under a name of its own. Nothing is copied but the indices. */
export class Subset implements Domain {
  readonly name: string;
  readonly labels: Int32Array;
  /** As that of the base, and there where the base has one. */
  readonly load?: (indices: ArrayLike<number>, options?: LoadOptions) => Promise<Batch>;
  readonly #base: Domain;
  readonly #indices: Uint32Array;

  /**
   * @param name default: that of `base`.
   * @throws ERR_ARGUMENT for an index that `base` has not, and for another kind of value.
   */
  constructor(base: Domain, indices: ArrayLike<number>, name?: string) {
    checkDomain("Subset: base", base);
    checkList("Subset: indices", indices);
    if (name !== undefined) checkString("Subset: name", name);
    for (let i = 0; i < indices.length; i++) checkItem(base, indices[i]);
    this.name = name ?? base.name;
    this.#base = base;
    this.#indices = Uint32Array.from(indices);
    this.labels = Int32Array.from(this.#indices, (index) => base.labels[index]!);
    if (base.load !== undefined) this.load = async (numbers, options) => await base.load!(this.#allToBase(numbers), options);
  }

  get length(): number {
    return this.#indices.length;
  }

  item(index: number): Item {
    return this.#base.item(this.#toBase(index));
  }

  batch(indices: ArrayLike<number>, options?: BatchOptions): Batch {
    return this.#base.batch(this.#allToBase(indices), options);
  }

  #allToBase(indices: ArrayLike<number>): Uint32Array {
    checkList(`domain ${JSON.stringify(this.name)}: indices`, indices);
    return Uint32Array.from(indices, (index) => this.#toBase(index));
  }

  #toBase(index: number): number {
    checkItem(this, index);
    return this.#indices[index]!;
  }
}
