/** Batch normalisation (arXiv 1502.03167). */

import { checkBoolean, checkInteger, checkNumber, withDefaults } from "../checks.js";
import { DgsamError } from "../errors.js";
import { noGrad, ops, ones, zeros, type Tensor } from "../tensor/index.js";
import { checkTensor } from "./checks.js";
import { ones_, zeros_ } from "./init.js";
import { Module } from "./module.js";
import { makeBuffer, makeParameter, type Buffer, type Parameter, type Placement } from "./parameter.js";

const batchNorm = ops.aten["batch_norm.default"];
const increment = ops.aten["add_.Scalar"];

export interface BatchNormOptions extends Placement {
  /** Added to the variance; must be above 0 where minibatches are normalised by their own statistics. Default 1e-5. */
  eps?: number;
  /** Weight of the newest minibatch in the running statistics; null for the plain mean over all. Default 0.1. */
  momentum?: number | null;
  /** Whether it learns a scale and a shift per feature. Default true. */
  affine?: boolean;
  /** Whether it learns the shift beside the scale. Default true. */
  bias?: boolean;
  /** Whether it keeps running statistics; without them evaluation uses the minibatch's as well. Default true. */
  trackRunningStats?: boolean;
  /** Whether it starts frozen: see {@link BatchNorm.frozen}. Default false. */
  frozen?: boolean;
}

const DEFAULTS: Required<BatchNormOptions> = { eps: 1e-5, momentum: 0.1, affine: true, bias: true, trackRunningStats: true, frozen: false, dtype: "float32", device: "cpu" };

/** What BatchNorm1d and BatchNorm2d share. */
export abstract class BatchNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  /** Weight of the newest minibatch in the running statistics; null for the plain mean over all. */
  momentum: number | null;
  /**
   * Whether it normalises by the running statistics and leaves them alone in training too; scale and shift are still
   * trained. So networks are fine-tuned whose statistics small minibatches would spoil.
   */
  frozen: boolean;
  /** [numFeatures] */
  weight: Parameter | null;
  /** [numFeatures] */
  bias: Parameter | null;
  /** [numFeatures] */
  runningMean: Buffer | null;
  /** [numFeatures] */
  runningVar: Buffer | null;
  /** int64 [] */
  numBatchesTracked: Buffer | null;
  readonly #dimensions: readonly number[];

  /** @param dimensions how many an input may have */
  protected constructor(numFeatures: number, options: BatchNormOptions, dimensions: readonly number[]) {
    super();
    const name = new.target.name;
    checkInteger(`${name}: numFeatures`, numFeatures, 0);
    const { eps, momentum, affine, bias, trackRunningStats, frozen, ...placement } = withDefaults(name, options, DEFAULTS);
    checkNumber(`${name}: eps`, eps, 0);
    if (momentum !== null) checkNumber(`${name}: momentum`, momentum, 0, 1);
    checkBoolean(`${name}: affine`, affine);
    checkBoolean(`${name}: bias`, bias);
    checkBoolean(`${name}: trackRunningStats`, trackRunningStats);
    checkBoolean(`${name}: frozen`, frozen);
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.#dimensions = dimensions;
    this.weight = affine ? makeParameter([numFeatures], placement, ones_) : null;
    this.bias = affine && bias ? makeParameter([numFeatures], placement, zeros_) : null;
    this.runningMean = trackRunningStats ? makeBuffer(() => zeros([numFeatures], placement)) : null;
    this.runningVar = trackRunningStats ? makeBuffer(() => ones([numFeatures], placement)) : null;
    this.numBatchesTracked = trackRunningStats ? makeBuffer(() => zeros([], { dtype: "int64", device: placement.device })) : null;
    this.frozen = false;
    if (frozen) this.freeze();
  }

  /** Sets the running statistics to what they are at the start: means 0, variances 1, no minibatch tracked. */
  resetRunningStats(): void {
    noGrad(() => {
      this.runningMean?.zero_();
      this.runningVar?.fill_(1);
      this.numBatchesTracked?.zero_();
    });
  }

  /**
   * Sets {@link frozen}. Returns the layer.
   *
   * @throws DgsamError `ERR_STATE` when there are no running statistics
   */
  freeze(): this {
    if (this.runningMean === null) throw new DgsamError("ERR_STATE", `${this.constructor.name}: there are no running statistics to normalise by when frozen; leave trackRunningStats on`);
    this.frozen = true;
    return this;
  }

  /** Clears {@link frozen}. Returns the layer. */
  unfreeze(): this {
    this.frozen = false;
    return this;
  }

  /**
   * x [N, numFeatures, ...] -> the same shape, each feature normalised over all other dimensions.
   *
   * By the running statistics in evaluation and while {@link frozen}, where there are any, else by the minibatch's own.
   *
   * @throws DgsamError `ERR_SHAPE` when x does not fit, or has a single value per feature and is normalised by its own
   *   statistics; `ERR_ARGUMENT` when eps is 0 there; `ERR_DTYPE`
   */
  forward(x: Tensor): Tensor {
    const { runningMean, runningVar, weight, bias } = this;
    const byMinibatch = runningMean === null || (this.training && !this.frozen);
    this.#check(x, byMinibatch);
    if (!byMinibatch) return batchNorm(x, weight, bias, runningMean, runningVar, false, 0, this.eps, true);
    if (runningMean === null || this.runningStats === "hold") return batchNorm(x, weight, bias, null, null, true, 0, this.eps, true);
    const tracked = this.numBatchesTracked;
    if (tracked !== null) increment(tracked, 1);
    const momentum = this.momentum ?? (tracked === null ? 0 : 1 / Number(tracked.item()));
    return batchNorm(x, weight, bias, runningMean, runningVar, true, momentum, this.eps, true);
  }

  #check(x: unknown, byMinibatch: boolean): void {
    const name = this.constructor.name;
    checkTensor(`${name}.forward(x)`, x);
    const { shape } = x;
    const text = `[${shape.join(", ")}]`;
    if (!this.#dimensions.includes(shape.length))
      throw new DgsamError("ERR_SHAPE", `${name}: expected an input of ${this.#dimensions.join(" or ")} dimensions, got shape ${text}`);
    if (shape[1] !== this.numFeatures) throw new DgsamError("ERR_SHAPE", `${name}: expected ${this.numFeatures} features in dimension 1, got shape ${text}`);
    if (!byMinibatch) return;
    // All outputs would be the shift alone, and the running variance, divided by n - 1, infinite or NaN in silence.
    if (shape.reduce((product, size, axis) => (axis === 1 ? product : product * size), 1) === 1) {
      const [when, remedy] = this.runningMean === null ? ["without running statistics", "trackRunningStats"] : ["in training", "eval() or freeze()"];
      throw new DgsamError("ERR_SHAPE", `${name}: expected more than one value per feature ${when}, got shape ${text}; use larger minibatches, ${remedy}`);
    }
    if (this.eps === 0) throw new DgsamError("ERR_ARGUMENT", `${name}: eps must be positive where a minibatch is normalised by its own statistics, got 0: a constant feature would become NaN`);
  }
}

/** Normalises each feature over the minibatch, as torch.nn.BatchNorm1d: x [N, C] or [N, C, L]. */
export class BatchNorm1d extends BatchNorm {
  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, options, [2, 3]);
  }
}

/** Normalises each channel over the minibatch and space, as torch.nn.BatchNorm2d: x [N, C, H, W]. */
export class BatchNorm2d extends BatchNorm {
  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super(numFeatures, options, [4]);
  }
}
