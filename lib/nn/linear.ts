/** The fully connected layer. */

import { ops, type Tensor } from "../tensor/index.js";
import { checkBoolean, checkInteger, withDefaults } from "../checks.js";
import { Module } from "./module.js";
import type { Parameter, Placement } from "./parameter.js";
import { makeWeightAndBias } from "./weight-and-bias.js";

const linear = ops.aten["linear.default"];

export interface LinearOptions extends Placement {
  /** Whether it adds a learned bias. Default true. */
  bias?: boolean;
}

/** y = x W^T + b, as torch.nn.Linear. */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** [outFeatures, inFeatures] */
  weight: Parameter;
  /** [outFeatures] */
  bias: Parameter | null;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    checkInteger("Linear: inFeatures", inFeatures, 0);
    checkInteger("Linear: outFeatures", outFeatures, 0);
    const { bias, ...placement } = withDefaults<Required<LinearOptions>>("Linear", options, { bias: true, dtype: "float32", device: "cpu" });
    checkBoolean("Linear: bias", bias);
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    ({ weight: this.weight, bias: this.bias } = makeWeightAndBias([outFeatures, inFeatures], bias, placement));
  }

  /**
   * x [..., inFeatures] -> [..., outFeatures]
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}
