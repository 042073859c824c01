/** Loss functions, as torch.nn.functional. */

import { argumentError } from "../errors.js";
import { ops, type Tensor } from "../tensor/index.js";

/** How the losses of the examples become one: their mean, their sum, or not at all. */
export type Reduction = "mean" | "sum" | "none";

// The order is LibTorch's at::Reduction.
const REDUCTIONS: readonly Reduction[] = ["none", "mean", "sum"];

function reductionCode(name: string, reduction: Reduction): number {
  const code = REDUCTIONS.indexOf(reduction);
  if (code === -1) throw argumentError(`${name}: reduction`, "\"mean\", \"sum\" or \"none\"", reduction);
  return code;
}

export interface ReductionOptions {
  /** Default "mean". */
  reduction?: Reduction;
}

export interface ClassLossOptions extends ReductionOptions {
  /** A weight per class, [C]. */
  weight?: Tensor | null;
  /** The label whose examples are left out. Default -100. */
  ignoreIndex?: number;
}

/**
 * Cross entropy of logits [N, C, ...] against class indices int64 [N, ...], or against probabilities [N, C, ...].
 *
 * @param options `labelSmoothing` from 0 to 1 mixes the target with the uniform distribution
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: ClassLossOptions & { labelSmoothing?: number } = {}): Tensor {
  const { weight = null, ignoreIndex = -100, reduction = "mean", labelSmoothing = 0 } = options;
  return ops.aten["cross_entropy_loss.default"](logits, target, weight, reductionCode("crossEntropy", reduction), ignoreIndex, labelSmoothing);
}

/** Negative log-likelihood of log-probabilities [N, C, ...] against class indices int64 [N, ...]. */
export function nllLoss(logProbabilities: Tensor, target: Tensor, options: ClassLossOptions = {}): Tensor {
  const { weight = null, ignoreIndex = -100, reduction = "mean" } = options;
  return ops.aten["nll_loss_nd.default"](logProbabilities, target, weight, reductionCode("nllLoss", reduction), ignoreIndex);
}

/** Squared error of tensors of one shape. */
export function mseLoss(input: Tensor, target: Tensor, { reduction = "mean" }: ReductionOptions = {}): Tensor {
  return ops.aten["mse_loss.default"](input, target, reductionCode("mseLoss", reduction));
}

/** Absolute error of tensors of one shape. */
export function l1Loss(input: Tensor, target: Tensor, { reduction = "mean" }: ReductionOptions = {}): Tensor {
  return ops.aten["l1_loss.default"](input, target, reductionCode("l1Loss", reduction));
}

export interface BinaryLossOptions extends ReductionOptions {
  /** A weight per element, broadcast. */
  weight?: Tensor | null;
  /** A weight of the positive examples, broadcast. */
  posWeight?: Tensor | null;
}

/** Binary cross entropy of logits against probabilities of one shape. */
export function binaryCrossEntropyWithLogits(logits: Tensor, target: Tensor, options: BinaryLossOptions = {}): Tensor {
  const { weight = null, posWeight = null, reduction = "mean" } = options;
  return ops.aten["binary_cross_entropy_with_logits.default"](logits, target, weight, posWeight, reductionCode("binaryCrossEntropyWithLogits", reduction));
}
