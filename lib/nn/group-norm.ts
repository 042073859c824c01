/** Group normalisation (arXiv 1803.08494). */

import { DgsamError } from "../errors.js";
import { ops, type Tensor } from "../tensor/index.js";
import { checkBoolean, checkNumber, checkSize, withDefaults } from "./checks.js";
import { ones_, zeros_ } from "./init.js";
import { Module } from "./module.js";
import { makeParameter, type Parameter, type Placement } from "./parameter.js";

const groupNorm = ops.aten["group_norm.default"];

export interface GroupNormOptions extends Placement {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Whether it learns a scale and a shift per channel. Default true. */
  affine?: boolean;
}

/** Normalises groups of channels within each example, as torch.nn.GroupNorm. */
export class GroupNorm extends Module {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  /** [numChannels] */
  weight: Parameter | null;
  /** [numChannels] */
  bias: Parameter | null;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(numGroups: number, numChannels: number, options: GroupNormOptions = {}) {
    super();
    checkSize("GroupNorm: numGroups", numGroups);
    checkSize("GroupNorm: numChannels", numChannels);
    if (numChannels % numGroups !== 0) throw new DgsamError("ERR_ARGUMENT", `GroupNorm: numChannels: expected a multiple of numGroups ${numGroups}, got ${numChannels}`);
    const { eps, affine, ...placement } = withDefaults<Required<GroupNormOptions>>("GroupNorm", options, { eps: 1e-5, affine: true, dtype: "float32", device: "cpu" });
    checkNumber("GroupNorm: eps", eps, 0);
    checkBoolean("GroupNorm: affine", affine);
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = eps;
    this.weight = affine ? makeParameter([numChannels], placement, ones_) : null;
    this.bias = affine ? makeParameter([numChannels], placement, zeros_) : null;
  }

  /**
   * x [N, numChannels, ...] -> the same shape
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  forward(x: Tensor): Tensor {
    return groupNorm(x, this.numGroups, this.weight, this.bias, this.eps);
  }
}
