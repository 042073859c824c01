/** The losses as modules, with torch.nn's names: options are given once and checked then, and weights move with `to()`. */

import { checkNumber, withDefaults } from "../checks.js";
import { argumentError } from "../errors.js";
import type { Tensor } from "../tensor/index.js";
import { checkTensor } from "./checks.js";
import {
  BINARY_DEFAULTS, binaryCrossEntropyWithLogits, CROSS_ENTROPY_DEFAULTS, crossEntropy, l1Loss, mseLoss, NLL_DEFAULTS, nllLoss, REDUCTION_DEFAULTS,
  reductionCode, SMOOTH_L1_DEFAULTS, smoothL1Loss, type BinaryCrossEntropyOptions, type CrossEntropyOptions, type NllLossOptions, type ReductionOptions,
  type SmoothL1Options,
} from "./losses.js";
import { Module } from "./module.js";
import { Buffer } from "./parameter.js";

function checkedOptions<O extends Required<ReductionOptions>>(name: string, options: { readonly [K in keyof O]?: O[K] | undefined }, defaults: O): O {
  const checked = withDefaults(name, options, defaults);
  reductionCode(name, checked.reduction);
  return checked;
}

function checkClass(name: string, index: unknown): void {
  if (!Number.isSafeInteger(index)) throw argumentError(name, "an integer", index);
}

function toBuffer(name: string, weight: Tensor | null): Buffer | null {
  if (weight === null) return null;
  checkTensor(name, weight);
  return new Buffer(weight);
}

/** See {@link crossEntropy}. */
export class CrossEntropyLoss extends Module {
  readonly options: Required<Omit<CrossEntropyOptions, "weight">>;
  /** [C] */
  weight: Buffer | null;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(options: CrossEntropyOptions = {}) {
    super();
    const { weight, ...others } = checkedOptions("CrossEntropyLoss", options, CROSS_ENTROPY_DEFAULTS);
    checkClass("CrossEntropyLoss: ignoreIndex", others.ignoreIndex);
    checkNumber("CrossEntropyLoss: labelSmoothing", others.labelSmoothing, 0, 1);
    this.options = others;
    this.weight = toBuffer("CrossEntropyLoss: weight", weight);
  }

  forward(logits: Tensor, target: Tensor): Tensor {
    return crossEntropy(logits, target, { ...this.options, weight: this.weight });
  }
}

/** See {@link nllLoss}. */
export class NLLLoss extends Module {
  readonly options: Required<Omit<NllLossOptions, "weight">>;
  /** [C] */
  weight: Buffer | null;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(options: NllLossOptions = {}) {
    super();
    const { weight, ...others } = checkedOptions("NLLLoss", options, NLL_DEFAULTS);
    checkClass("NLLLoss: ignoreIndex", others.ignoreIndex);
    this.options = others;
    this.weight = toBuffer("NLLLoss: weight", weight);
  }

  forward(logProbabilities: Tensor, target: Tensor): Tensor {
    return nllLoss(logProbabilities, target, { ...this.options, weight: this.weight });
  }
}

/** See {@link mseLoss}. */
export class MSELoss extends Module {
  readonly options: Required<ReductionOptions>;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(options: ReductionOptions = {}) {
    super();
    this.options = checkedOptions("MSELoss", options, REDUCTION_DEFAULTS);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, this.options);
  }
}

/** See {@link l1Loss}. */
export class L1Loss extends Module {
  readonly options: Required<ReductionOptions>;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(options: ReductionOptions = {}) {
    super();
    this.options = checkedOptions("L1Loss", options, REDUCTION_DEFAULTS);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return l1Loss(input, target, this.options);
  }
}

/** See {@link smoothL1Loss}. */
export class SmoothL1Loss extends Module {
  readonly options: Required<SmoothL1Options>;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(options: SmoothL1Options = {}) {
    super();
    this.options = checkedOptions("SmoothL1Loss", options, SMOOTH_L1_DEFAULTS);
    checkNumber("SmoothL1Loss: beta", this.options.beta, 0);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return smoothL1Loss(input, target, this.options);
  }
}

/** See {@link binaryCrossEntropyWithLogits}. */
export class BCEWithLogitsLoss extends Module {
  readonly options: Required<ReductionOptions>;
  /** Broadcast to the logits' shape. */
  weight: Buffer | null;
  /** Broadcast to the logits' shape. */
  posWeight: Buffer | null;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(options: BinaryCrossEntropyOptions = {}) {
    super();
    const { weight, posWeight, ...others } = checkedOptions("BCEWithLogitsLoss", options, BINARY_DEFAULTS);
    this.options = others;
    this.weight = toBuffer("BCEWithLogitsLoss: weight", weight);
    this.posWeight = toBuffer("BCEWithLogitsLoss: posWeight", posWeight);
  }

  forward(logits: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropyWithLogits(logits, target, { ...this.options, weight: this.weight, posWeight: this.posWeight });
  }
}
