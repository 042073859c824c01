/** The memory that a climb needs beside the parameters: a copy of them, and a sum of gradients. It is no state. */

import { keep, noGrad, ops, type Tensor } from "../../tensor/index.js";

export class Scratch {
  private readonly lists: { saved: Tensor[]; sums: Tensor[] } = { saved: [], sums: [] };
  /** The last list of sums that was handed out, where it is like the present one. */
  private twin: Tensor[] | null = null;

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

  // Made when first needed: a module may move to its device after the optimizer was built.
  private made(list: Tensor[]): Tensor[] {
    if (list.length === 0) for (const parameter of this.parameters) list.push(keep(noGrad(() => ops.aten["empty_like.default"](parameter))));
    return list;
  }

  drop(): void {
    this.dropSaved();
    this.dropSums();
  }

  /** Drops what is of other kinds than the parameters now are. Returns whether there was any. */
  dropUnlike(): boolean {
    const isUnlike = (list: Tensor[]): boolean => list.length > 0 && !areLike(list, this.parameters);
    const [saved, sums] = [isUnlike(this.lists.saved), isUnlike(this.lists.sums)];
    if (saved) this.dropSaved();
    if (sums) this.dropSums();
    return saved || sums;
  }

  dropSaved(): void {
    for (const each of this.lists.saved) each.dispose();
    this.lists.saved = [];
  }

  dropSums(): void {
    for (const each of this.lists.sums) each.dispose();
    this.lists.sums = [];
    this.twin = null;
  }

  /** Whether tensors may take the place of the sum's: they are of the same shapes and dtypes, on the same devices. */
  takes(replacement: Tensor[]): boolean {
    // Looking at tensors takes calls.
    return replacement === this.twin || areLike(replacement, this.sums);
  }

  /** Hands out the tensors of the sum, which are the caller's from now on; `replacement` takes their place, if it fits. */
  exchangeSums(replacement: Tensor[]): Tensor[] {
    const { sums } = this;
    const fits = this.takes(replacement);
    if (!fits) for (const each of replacement) each.dispose();
    this.lists.sums = fits ? replacement : [];
    this.twin = fits ? sums : null;
    return sums;
  }
}

/** Whether tensors are of the same shapes and dtypes, on the same devices. */
export function areLike(tensors: readonly Tensor[], others: readonly Tensor[]): boolean {
  const kind = ({ shape, dtype, device }: Tensor): string => `${shape} ${dtype} ${device}`;
  return tensors.length === others.length && tensors.every((each, i) => kind(each) === kind(others[i]!));
}
