/** Loss functions, as torch.nn.functional: one operator each. */

import { checkNumber, withDefaults } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import { ops, type Tensor } from "../tensor/index.js";
import { checkTensor } from "./checks.js";

const crossEntropyLoss = ops.aten["cross_entropy_loss.default"];
const nllLossNd = ops.aten["nll_loss_nd.default"];
const mse = ops.aten["mse_loss.default"];
const l1 = ops.aten["l1_loss.default"];
const smoothL1 = ops.aten["smooth_l1_loss.default"];
const bceWithLogits = ops.aten["binary_cross_entropy_with_logits.default"];

/** How the elements' losses become one: by their mean, by their sum, or not. */
export type Reduction = "mean" | "sum" | "none";

// LibTorch's numbers (at::Reduction).
const REDUCTIONS: readonly Reduction[] = ["none", "mean", "sum"];

/** @internal For loss-modules.ts, which checks when it is made. */
export function reductionCode(name: string, reduction: Reduction): number {
  const code = REDUCTIONS.indexOf(reduction);
  if (code === -1) throw argumentError(`${name}: reduction`, "\"mean\", \"sum\" or \"none\"", reduction);
  return code;
}

// Broadcasting [N] against [N, 1] to [N, N] would train on a wrong loss in silence.
function checkSameShape(name: string, input: unknown, target: unknown): void {
  checkTensor(`${name}(input)`, input);
  checkTensor(`${name}(target)`, target);
  const expected = input.shape.join(", ");
  const got = target.shape.join(", ");
  if (got !== expected) throw new DgsamError("ERR_SHAPE", `${name}: expected a target of the input's shape [${expected}], got [${got}]; reshape or expand it`);
}

export interface ReductionOptions {
  /** Default `"mean"`. */
  reduction?: Reduction;
}

export interface NllLossOptions extends ReductionOptions {
  /** How much each class counts, [C]; `"mean"` divides by the sum of the weights of the targets. Default null: all alike. */
  weight?: Tensor | null;
  /** The class index that counts for nothing. Default -100. */
  ignoreIndex?: number;
}

export interface CrossEntropyOptions extends NllLossOptions {
  /** Share of the uniform distribution in the target, from 0 to 1. Default 0. */
  labelSmoothing?: number;
}

/** @internal */
export const NLL_DEFAULTS: Required<NllLossOptions> = { weight: null, ignoreIndex: -100, reduction: "mean" };
/** @internal */
export const CROSS_ENTROPY_DEFAULTS: Required<CrossEntropyOptions> = { ...NLL_DEFAULTS, labelSmoothing: 0 };

/**
 * Cross entropy of the softmax of `logits`.
 *
 * @param logits [N, C, ...], or [C]
 * @param target class indices, int64 [N, ...] or []; or probabilities, of the logits' shape and dtype
 * @returns a scalar, or the shape of the indices for reduction `"none"`
 * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`; `ERR_ARGUMENT` when an index is out of range
 */
export function crossEntropy(logits: Tensor, target: Tensor, options?: CrossEntropyOptions): Tensor {
  if (options === undefined) return crossEntropyLoss(logits, target);
  const { weight, ignoreIndex, reduction, labelSmoothing } = withDefaults("crossEntropy", options, CROSS_ENTROPY_DEFAULTS);
  checkNumber("crossEntropy: labelSmoothing", labelSmoothing, 0, 1);
  return crossEntropyLoss(logits, target, weight, reductionCode("crossEntropy", reduction), ignoreIndex, labelSmoothing);
}

/**
 * Negative log-likelihood: minus the target class's log-probability.
 *
 * @param logProbabilities [N, C, ...], or [C], as from `log_softmax`
 * @param target class indices, int64 [N, ...] or []
 * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`; `ERR_ARGUMENT` when an index is out of range
 */
export function nllLoss(logProbabilities: Tensor, target: Tensor, options: NllLossOptions = {}): Tensor {
  const { weight, ignoreIndex, reduction } = withDefaults("nllLoss", options, NLL_DEFAULTS);
  return nllLossNd(logProbabilities, target, weight, reductionCode("nllLoss", reduction), ignoreIndex);
}

/** @internal */
export const REDUCTION_DEFAULTS: Required<ReductionOptions> = { reduction: "mean" };

/** (input - target)^2. @throws DgsamError `ERR_SHAPE` unless both have one shape: PyTorch only warns; `ERR_DTYPE`; `ERR_ARGUMENT` */
export function mseLoss(input: Tensor, target: Tensor, options: ReductionOptions = {}): Tensor {
  const { reduction } = withDefaults("mseLoss", options, REDUCTION_DEFAULTS);
  checkSameShape("mseLoss", input, target);
  return mse(input, target, reductionCode("mseLoss", reduction));
}

/** |input - target|. @throws DgsamError as {@link mseLoss} */
export function l1Loss(input: Tensor, target: Tensor, options: ReductionOptions = {}): Tensor {
  const { reduction } = withDefaults("l1Loss", options, REDUCTION_DEFAULTS);
  checkSameShape("l1Loss", input, target);
  return l1(input, target, reductionCode("l1Loss", reduction));
}

export interface SmoothL1Options extends ReductionOptions {
  /** Where the square ends and the line begins. Default 1. */
  beta?: number;
}

/** @internal */
export const SMOOTH_L1_DEFAULTS: Required<SmoothL1Options> = { reduction: "mean", beta: 1 };

/** d^2 / (2 beta) where d = |input - target| is below beta, else d - beta / 2. @throws DgsamError as {@link mseLoss} */
export function smoothL1Loss(input: Tensor, target: Tensor, options: SmoothL1Options = {}): Tensor {
  const { reduction, beta } = withDefaults("smoothL1Loss", options, SMOOTH_L1_DEFAULTS);
  checkNumber("smoothL1Loss: beta", beta, 0);
  checkSameShape("smoothL1Loss", input, target);
  return smoothL1(input, target, reductionCode("smoothL1Loss", reduction), beta);
}

export interface BinaryCrossEntropyOptions extends ReductionOptions {
  /** How much each element counts; broadcast to the logits' shape. Default null: all alike. */
  weight?: Tensor | null;
  /** How much the positive targets count; broadcast to the logits' shape. Default null: as the negative ones. */
  posWeight?: Tensor | null;
}

/** @internal */
export const BINARY_DEFAULTS: Required<BinaryCrossEntropyOptions> = { weight: null, posWeight: null, reduction: "mean" };

/**
 * Binary cross entropy of the sigmoid of `logits`.
 *
 * @param target probabilities, of the logits' shape
 * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`, `ERR_ARGUMENT`
 */
export function binaryCrossEntropyWithLogits(logits: Tensor, target: Tensor, options: BinaryCrossEntropyOptions = {}): Tensor {
  const { weight, posWeight, reduction } = withDefaults("binaryCrossEntropyWithLogits", options, BINARY_DEFAULTS);
  checkSameShape("binaryCrossEntropyWithLogits", logits, target);
  return bceWithLogits(logits, target, weight, posWeight, reductionCode("binaryCrossEntropyWithLogits", reduction));
}
