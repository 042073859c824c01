/** Complex parameters are optimized as pairs of real numbers, as in PyTorch. */

import { ops, type Tensor } from "../tensor/index.js";

/** Real views of a list of one dtype; the list itself when it is real. */
export function realViews(tensors: Tensor[]): Tensor[] {
  if (tensors.length === 0 || !tensors[0]!.dtype.startsWith("complex")) return tensors;
  return tensors.map((each) => ops.aten["view_as_real.default"](each));
}
