/** Normalisation layers. */

import { argumentError, DgsamError } from "../errors.js";
import { noGrad, ones, ops, zeros, type Tensor } from "../tensor/index.js";
import { checkSize } from "./checks.js";
import { Buffer, Module, Parameter, type RunningStatsMode } from "./module.js";

export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Share of the new batch in the running statistics; null for the plain mean over all batches. Default 0.1. */
  momentum?: number | null;
  /** Learn a scale and a shift per feature. Default true. */
  affine?: boolean;
  /** Keep running statistics for evaluation. Default true. */
  trackRunningStats?: boolean;
  /** Always normalise by the running statistics and never move them; scale and shift are still trained. Default false. */
  frozen?: boolean;
}

abstract class BatchNorm extends Module {
  weight: Tensor | null;
  bias: Tensor | null;
  runningMean: Tensor | null;
  runningVar: Tensor | null;
  numBatchesTracked: Tensor | null;
  /** Frozen statistics: see {@link BatchNormOptions.frozen}. May be switched at any time. */
  frozen: boolean;
  readonly eps: number;
  readonly momentum: number | null;
  #holding = false;

  constructor(readonly numFeatures: number, options: BatchNormOptions, private readonly dimensions: readonly number[]) {
    super();
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true, frozen = false } = options;
    checkSize(`${this.constructor.name}: numFeatures`, numFeatures);
    if (typeof eps !== "number" || !(eps >= 0)) throw argumentError(`${this.constructor.name}: eps`, "a number >= 0", eps);
    if (momentum !== null && (typeof momentum !== "number" || !(momentum >= 0 && momentum <= 1))) throw argumentError(`${this.constructor.name}: momentum`, "a number from 0 to 1, or null", momentum);
    if (frozen && !trackRunningStats) throw new DgsamError("ERR_ARGUMENT", `${this.constructor.name}: frozen statistics need trackRunningStats`);
    this.weight = affine ? new Parameter(ones([numFeatures])) : null;
    this.bias = affine ? new Parameter(zeros([numFeatures])) : null;
    this.runningMean = trackRunningStats ? new Buffer(zeros([numFeatures])) : null;
    this.runningVar = trackRunningStats ? new Buffer(ones([numFeatures])) : null;
    this.numBatchesTracked = trackRunningStats ? new Buffer(zeros([], { dtype: "int64" })) : null;
    this.frozen = frozen;
    this.eps = eps;
    this.momentum = momentum;
  }

  protected override onRunningStats(mode: RunningStatsMode): void {
    this.#holding = mode === "hold";
  }

  override forward(x: Tensor): Tensor {
    const { ndim } = x;
    if (!this.dimensions.includes(ndim)) throw new DgsamError("ERR_SHAPE", `${this.constructor.name}: expected an input of ${this.dimensions.join(" or ")} dimensions, got shape [${x.shape.join(", ")}]`);
    const byBatch = this.runningMean === null || (this.training && !this.frozen);
    const moving = byBatch && this.training && this.runningMean !== null && !this.#holding;
    let factor = this.momentum ?? 0;
    if (moving) {
      noGrad(() => ops.aten["add_.Scalar"](this.numBatchesTracked!, 1));
      if (this.momentum === null) factor = 1 / Number(this.numBatchesTracked!.item());
    }
    const hasStatistics = moving || !byBatch;
    return ops.aten["batch_norm.default"](
      x, this.weight, this.bias, hasStatistics ? this.runningMean : null, hasStatistics ? this.runningVar : null, byBatch, factor, this.eps, true,
    );
  }
}

/** Normalises each feature over the batch; x [N, C] or [N, C, L]. */
export class BatchNorm1d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, options, [2, 3]);
  }
}

/** Normalises each channel over batch and space; x [N, C, H, W]. */
export class BatchNorm2d extends BatchNorm {
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, options, [4]);
  }
}

export interface NormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Learn a scale and a shift. Default true. */
  affine?: boolean;
}

/** Normalises groups of channels within each example; x [N, C, ...]. */
export class GroupNorm extends Module {
  weight: Tensor | null;
  bias: Tensor | null;
  readonly eps: number;

  constructor(readonly numGroups: number, readonly numChannels: number, { eps = 1e-5, affine = true }: NormOptions = {}) {
    super();
    checkSize("GroupNorm: numGroups", numGroups);
    checkSize("GroupNorm: numChannels", numChannels);
    if (numChannels % numGroups !== 0) throw new DgsamError("ERR_ARGUMENT", `GroupNorm: expected numChannels (${numChannels}) to be a multiple of numGroups (${numGroups})`);
    this.weight = affine ? new Parameter(ones([numChannels])) : null;
    this.bias = affine ? new Parameter(zeros([numChannels])) : null;
    this.eps = eps;
  }

  override forward(x: Tensor): Tensor {
    return ops.aten["group_norm.default"](x, this.numGroups, this.weight, this.bias, this.eps);
  }
}

/** Normalises the last dimensions of each example; x [..., ...normalizedShape]. */
export class LayerNorm extends Module {
  weight: Tensor | null;
  bias: Tensor | null;
  readonly #shape: readonly number[];
  readonly eps: number;

  /** @param options `affine` for scale and shift (PyTorch's elementwise_affine), `bias` false for a scale only */
  constructor(normalizedShape: number | readonly number[], { eps = 1e-5, affine = true, bias = true }: NormOptions & { bias?: boolean } = {}) {
    super();
    const shape = typeof normalizedShape === "number" ? [normalizedShape] : [...normalizedShape];
    shape.forEach((size, i) => checkSize(`LayerNorm: normalizedShape[${i}]`, size));
    this.#shape = shape;
    this.weight = affine ? new Parameter(ones(shape)) : null;
    this.bias = affine && bias ? new Parameter(zeros(shape)) : null;
    this.eps = eps;
  }

  override forward(x: Tensor): Tensor {
    return ops.aten["layer_norm.default"](x, this.#shape, this.weight, this.bias, this.eps);
  }
}
