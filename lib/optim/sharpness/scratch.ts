/** The memory that a climb needs beside the parameters: a copy of them, and a sum of gradients. It is no state. */

import { keep, noGrad, ops, type Tensor } from "../../tensor/index.js";

export class Scratch {
  private readonly lists: { saved: Tensor[]; sums: Tensor[] } = { saved: [], sums: [] };

  /** @param parameters the list itself, which may change: {@link drop} is called then */
  constructor(private readonly parameters: readonly Tensor[]) {}

  /** Where parameters are saved; of their shapes and dtypes when it was made. */
  get saved(): Tensor[] {
    return this.made(this.lists.saved);
  }

  /** Where gradients are summed. */
  get sums(): Tensor[] {
    return this.made(this.lists.sums);
  }

  /** Whether parameters were saved before. */
  get isOld(): boolean {
    return this.lists.saved.length > 0;
  }

  // Made when first needed: a module may move to its device after the optimizer was built.
  private made(list: Tensor[]): Tensor[] {
    if (list.length === 0) for (const parameter of this.parameters) list.push(keep(noGrad(() => ops.aten["empty_like.default"](parameter))));
    return list;
  }

  drop(): void {
    for (const each of [...this.lists.saved, ...this.lists.sums]) each.dispose();
    this.lists.saved = [];
    this.lists.sums = [];
  }

  /** Hands out the tensors of the sum, which are the caller's from now on; `replacement` takes their place, if it fits. */
  exchangeSums(replacement: Tensor[]): Tensor[] {
    const { sums } = this.lists;
    const fits = replacement.length === sums.length;
    if (!fits) for (const each of replacement) each.dispose();
    this.lists.sums = fits ? replacement : [];
    return sums;
  }
}
