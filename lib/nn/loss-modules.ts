/** The losses as modules, with torch.nn's names: options are given once, and weights move with `to()`. */

import type { Tensor } from "../tensor/index.js";
import {
  binaryCrossEntropyWithLogits, crossEntropy, l1Loss, mseLoss, nllLoss, smoothL1Loss, type BinaryCrossEntropyOptions, type CrossEntropyOptions,
  type NllLossOptions, type ReductionOptions, type SmoothL1Options,
} from "./losses.js";
import { Module } from "./module.js";
import { Buffer } from "./parameter.js";

function toBuffer(weight: Tensor | null | undefined): Buffer | null {
  return weight == null ? null : new Buffer(weight);
}

/** See {@link crossEntropy}. */
export class CrossEntropyLoss extends Module {
  readonly options: Omit<CrossEntropyOptions, "weight">;
  /** [C] */
  weight: Buffer | null;

  constructor({ weight, ...options }: CrossEntropyOptions = {}) {
    super();
    this.options = options;
    this.weight = toBuffer(weight);
  }

  forward(logits: Tensor, target: Tensor): Tensor {
    return crossEntropy(logits, target, { ...this.options, weight: this.weight });
  }
}

/** See {@link nllLoss}. */
export class NLLLoss extends Module {
  readonly options: Omit<NllLossOptions, "weight">;
  /** [C] */
  weight: Buffer | null;

  constructor({ weight, ...options }: NllLossOptions = {}) {
    super();
    this.options = options;
    this.weight = toBuffer(weight);
  }

  forward(logProbabilities: Tensor, target: Tensor): Tensor {
    return nllLoss(logProbabilities, target, { ...this.options, weight: this.weight });
  }
}

/** See {@link mseLoss}. */
export class MSELoss extends Module {
  constructor(readonly options: ReductionOptions = {}) {
    super();
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return mseLoss(input, target, this.options);
  }
}

/** See {@link l1Loss}. */
export class L1Loss extends Module {
  constructor(readonly options: ReductionOptions = {}) {
    super();
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return l1Loss(input, target, this.options);
  }
}

/** See {@link smoothL1Loss}. */
export class SmoothL1Loss extends Module {
  constructor(readonly options: SmoothL1Options = {}) {
    super();
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return smoothL1Loss(input, target, this.options);
  }
}

/** See {@link binaryCrossEntropyWithLogits}. */
export class BCEWithLogitsLoss extends Module {
  readonly options: Omit<BinaryCrossEntropyOptions, "weight" | "posWeight">;
  /** Broadcast to the logits' shape. */
  weight: Buffer | null;
  /** Broadcast to the logits' shape. */
  posWeight: Buffer | null;

  constructor({ weight, posWeight, ...options }: BinaryCrossEntropyOptions = {}) {
    super();
    this.options = options;
    this.weight = toBuffer(weight);
    this.posWeight = toBuffer(posWeight);
  }

  forward(logits: Tensor, target: Tensor): Tensor {
    return binaryCrossEntropyWithLogits(logits, target, { ...this.options, weight: this.weight, posWeight: this.posWeight });
  }
}
