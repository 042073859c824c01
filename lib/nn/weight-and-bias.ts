/** The weight and bias of linear maps and convolutions, as PyTorch initialises them. */

import { calculateFanInAndFanOut, kaimingUniform_, uniform_ } from "./init.js";
import { makeParameter, type Parameter, type Placement } from "./parameter.js";

/**
 * Both uniform within 1 / sqrt(fanIn), which torch.nn spells as Kaiming's rule with a = sqrt(5) for the weight. Without
 * inputs the bias is zero.
 *
 * @param shape of the weight; the bias has its first size
 */
export function makeWeightAndBias(shape: readonly number[], bias: boolean, placement: Required<Placement>): { weight: Parameter; bias: Parameter | null } {
  const weight = makeParameter(shape, placement, (tensor) => kaimingUniform_(tensor, { a: Math.sqrt(5) }));
  if (!bias) return { weight, bias: null };
  const [fanIn] = calculateFanInAndFanOut(weight);
  // 0 - bound, since -0 would make zeros negative.
  const bound = fanIn === 0 ? 0 : 1 / Math.sqrt(fanIn);
  return { weight, bias: makeParameter([shape[0]!], placement, (tensor) => uniform_(tensor, 0 - bound, bound)) };
}
