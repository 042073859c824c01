/** Layer normalisation (arXiv 1607.06450). */

import { checkBoolean, checkNumber, withDefaults } from "../checks.js";
import { argumentError } from "../errors.js";
import { ops, type Tensor } from "../tensor/index.js";
import { ones_, zeros_ } from "./init.js";
import { Module } from "./module.js";
import { makeParameter, type Parameter, type Placement } from "./parameter.js";

const permute = ops.aten["permute.default"];
const layerNorm = ops.aten["layer_norm.default"];

export interface LayerNormOptions extends Placement {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Whether it learns a scale per element. Default true. */
  elementwiseAffine?: boolean;
  /** Whether it learns a shift beside the scale. Default true. */
  bias?: boolean;
}

const DEFAULTS: Required<LayerNormOptions> = { eps: 1e-5, elementwiseAffine: true, bias: true, dtype: "float32", device: "cpu" };

/** Normalises the last dimensions of each example, as torch.nn.LayerNorm. */
export class LayerNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  /** normalizedShape */
  weight: Parameter | null;
  /** normalizedShape */
  bias: Parameter | null;

  /**
   * @param normalizedShape the sizes of the dimensions to normalise over, or that of the last one
   * @throws DgsamError `ERR_ARGUMENT`
   */
  constructor(normalizedShape: number | readonly number[], options: LayerNormOptions = {}) {
    super();
    const shape: unknown[] = Array.isArray(normalizedShape) ? [...(normalizedShape as unknown[])] : [normalizedShape];
    if (shape.length === 0 || !shape.every((size) => Number.isSafeInteger(size) && (size as number) >= 0))
      throw argumentError("LayerNorm: normalizedShape", "an integer of at least 0, or an array of them", normalizedShape);
    const { eps, elementwiseAffine, bias, ...placement } = withDefaults("LayerNorm", options, DEFAULTS);
    checkNumber("LayerNorm: eps", eps, 0);
    checkBoolean("LayerNorm: elementwiseAffine", elementwiseAffine);
    checkBoolean("LayerNorm: bias", bias);
    this.normalizedShape = shape as number[];
    this.eps = eps;
    this.weight = elementwiseAffine ? makeParameter(this.normalizedShape, placement, ones_) : null;
    this.bias = elementwiseAffine && bias ? makeParameter(this.normalizedShape, placement, zeros_) : null;
  }

  /**
   * x [..., ...normalizedShape] -> the same shape
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  forward(x: Tensor): Tensor {
    return layerNorm(x, this.normalizedShape, this.weight, this.bias, this.eps);
  }
}

/** Normalises the channels at each place of an image, as torchvision's LayerNorm2d. */
export class LayerNorm2d extends LayerNorm {
  /**
   * x [N, C, H, W] -> the same shape. Fastest with images in channels-last format.
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  override forward(x: Tensor): Tensor {
    return permute(super.forward(permute(x, [0, 2, 3, 1])), [0, 3, 1, 2]);
  }
}
