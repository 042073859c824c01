/** Group normalisation (arXiv 1803.08494). */

import { checkBoolean, checkInteger, checkNumber, withDefaults } from "../checks.js";
import { DgsamError } from "../errors.js";
import { ops, type Tensor } from "../tensor/index.js";
import { checkTensor } from "./checks.js";
import { ones_, zeros_ } from "./init.js";
import { Module } from "./module.js";
import { makeParameter, type Parameter, type Placement } from "./parameter.js";

const groupNorm = ops.aten["group_norm.default"];

export interface GroupNormOptions extends Placement {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Whether it learns a scale and a shift per channel. Default true. */
  affine?: boolean;
  /** Whether it learns the shift beside the scale. Default true. */
  bias?: boolean;
}

const DEFAULTS: Required<GroupNormOptions> = { eps: 1e-5, affine: true, bias: true, dtype: "float32", device: "cpu" };

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
    checkInteger("GroupNorm: numGroups", numGroups, 1);
    checkInteger("GroupNorm: numChannels", numChannels, 0);
    if (numChannels % numGroups !== 0) throw new DgsamError("ERR_ARGUMENT", `GroupNorm: numChannels: expected a multiple of numGroups ${numGroups}, got ${numChannels}`);
    const { eps, affine, bias, ...placement } = withDefaults("GroupNorm", options, DEFAULTS);
    checkNumber("GroupNorm: eps", eps, 0);
    checkBoolean("GroupNorm: affine", affine);
    checkBoolean("GroupNorm: bias", bias);
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = eps;
    this.weight = affine ? makeParameter([numChannels], placement, ones_) : null;
    this.bias = affine && bias ? makeParameter([numChannels], placement, zeros_) : null;
  }

  /**
   * x [N, numChannels, ...] -> the same shape
   *
   * @throws DgsamError `ERR_SHAPE` when x does not fit, or is one example with a single value per group, in evaluation as
   *   well; `ERR_DTYPE`
   */
  forward(x: Tensor): Tensor {
    checkTensor("GroupNorm.forward(x)", x);
    const { shape } = x;
    // PyTorch's rule: several examples of a single value per group pass, and come out as the shift alone.
    const values = shape.reduce((product, size) => product * size, 1);
    if (shape[1] === this.numChannels && values === this.numGroups)
      throw new DgsamError("ERR_SHAPE", `GroupNorm: expected more than one value per group, got shape [${shape.join(", ")}] for ${this.numGroups} groups; use fewer groups`);
    return groupNorm(x, this.numGroups, this.weight, this.bias, this.eps);
  }
}
