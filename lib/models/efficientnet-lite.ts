/**
 * EfficientNet-Lite0: EfficientNet-B0 for small devices, without squeeze and excitation and with ReLU6
 * (tensorflow/tpu, models/official/efficientnet/lite), as the package efficientnet-lite-pytorch names its parts.
 *
 * Its ImageNet weights expect (x - 127) / 128 of pixels from 0 to 255.
 */

import { checkChoice, checkNumber, withDefaults } from "../checks.js";
import { AdaptiveAvgPool2d, BatchNorm2d, Dropout, Linear, Module, ReLU6, type Conv2d, type Layer, type Placement } from "../nn/index.js";
import { noGrad, ops, rand, type Tensor } from "../tensor/index.js";
import { Backbone, BACKBONE_DEFAULTS, checkNumClasses, type BackboneOptions } from "./backbone.js";
import { B0_STAGES, blocksOf, type MBConvStage } from "./efficientnet.js";
import { CONV_PADDINGS, paddedConv2d, type ConvPadding } from "./padding.js";

const { aten } = ops;
const addInPlace = aten["add_.Tensor"];
const flatten = aten["flatten.using_ints"];

export interface EfficientNetLiteOptions extends BackboneOptions {
  /** Probability of dropout before the last layer. Default 0.2. */
  dropout?: number;
  /** Probability that the residual branch after the last is left out in training; for the others it falls to 0 at the first. Default 0.2. */
  dropConnect?: number;
  /** How convolutions extend their input. Default `"same"`, as the weights of TensorFlow and of the package want it; timm's `efficientnet_lite0` wants `"symmetric"`. */
  padding?: ConvPadding;
  /** What normalisation adds to variances. Default 1e-3, likewise; timm's `efficientnet_lite0` wants 1e-5. */
  eps?: number;
}

type MakeNorm = (channels: number) => BatchNorm2d;

/** x without the examples that are dropped, divided by the probability of staying: stochastic depth, by the draws of the package. */
function dropConnected(x: Tensor, probability: number): Tensor {
  const staying = 1 - probability;
  const mask = noGrad(() => aten["floor_.default"](aten["add_.Scalar"](rand([x.shape[0]!, 1, 1, 1], { dtype: x.dtype, device: x.device }), staying)));
  return aten["mul.Tensor"](aten["div.Scalar"](x, staying), mask);
}

class MBConvBlock extends Module {
  _expand_conv: Conv2d | null;
  _bn0: BatchNorm2d | null;
  _depthwise_conv: Conv2d;
  _bn1: BatchNorm2d;
  _project_conv: Conv2d;
  _bn2: BatchNorm2d;
  _swish = new ReLU6({ inplace: true });
  readonly dropConnect: number;
  readonly #skips: boolean;

  constructor(settings: Omit<MBConvStage, "count">, dropConnect: number, norm: MakeNorm, padding: ConvPadding, placement: Required<Placement>) {
    super();
    const { expandRatio, kernelSize, stride, inChannels, outChannels } = settings;
    const expanded = inChannels * expandRatio;
    this.dropConnect = dropConnect;
    this.#skips = stride === 1 && inChannels === outChannels;
    this._expand_conv = expandRatio === 1 ? null : paddedConv2d(inChannels, expanded, 1, padding, { bias: false, ...placement });
    this._bn0 = expandRatio === 1 ? null : norm(expanded);
    this._depthwise_conv = paddedConv2d(expanded, expanded, kernelSize, padding, { stride, groups: expanded, bias: false, ...placement });
    this._bn1 = norm(expanded);
    this._project_conv = paddedConv2d(expanded, outChannels, 1, padding, { bias: false, ...placement });
    this._bn2 = norm(outChannels);
  }

  forward(x: Tensor): Tensor {
    const { _swish: activation, dropConnect } = this;
    let branch = x;
    if (this._expand_conv !== null && this._bn0 !== null) branch = activation.forward(this._bn0.forward(this._expand_conv.forward(branch)));
    branch = activation.forward(this._bn1.forward(this._depthwise_conv.forward(branch)));
    branch = this._bn2.forward(this._project_conv.forward(branch));
    if (!this.#skips) return branch;
    return addInPlace(this.training && dropConnect > 0 ? dropConnected(branch, dropConnect) : branch, x);
  }
}

const DEFAULTS: Required<EfficientNetLiteOptions> = { dropout: 0.2, dropConnect: 0.2, padding: "same", eps: 1e-3, ...BACKBONE_DEFAULTS };

/** Keys and, made from one seed, numbers are those of the package's EfficientNet. Images may have any size. */
export class EfficientNetLite extends Backbone {
  readonly numFeatures = 1280;
  readonly padding: ConvPadding;
  _conv_stem: Conv2d;
  _bn0: BatchNorm2d;
  _blocks: MBConvBlock[];
  _conv_head: Conv2d;
  _bn1: BatchNorm2d;
  _avg_pooling = new AdaptiveAvgPool2d(1);
  _dropout: Dropout;
  _fc: Layer;
  _swish = new ReLU6({ inplace: true });

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(options: EfficientNetLiteOptions = {}) {
    super();
    const { numClasses, dropout, dropConnect, padding, eps, ...placement } = withDefaults("EfficientNetLite", options, DEFAULTS);
    checkNumClasses("EfficientNetLite", numClasses);
    checkNumber("EfficientNetLite: dropout", dropout, 0, 1);
    checkNumber("EfficientNetLite: dropConnect", dropConnect, 0, 1, false);
    checkChoice("EfficientNetLite: padding", padding, CONV_PADDINGS);
    checkNumber("EfficientNetLite: eps", eps, 0);
    this.padding = padding;
    const norm: MakeNorm = (channels) => new BatchNorm2d(channels, { eps, momentum: 0.01, ...placement });
    const blocks = B0_STAGES.flatMap(blocksOf);
    this._conv_stem = paddedConv2d(3, 32, 3, padding, { stride: 2, bias: false, ...placement });
    this._bn0 = norm(32);
    this._blocks = blocks.map((block, i) => new MBConvBlock(block, (dropConnect * i) / blocks.length, norm, padding, placement));
    this._conv_head = paddedConv2d(320, this.numFeatures, 1, padding, { bias: false, ...placement });
    this._bn1 = norm(this.numFeatures);
    this._dropout = new Dropout(dropout);
    this._fc = new Linear(this.numFeatures, numClasses, placement);
  }

  get head(): Layer {
    return this._fc;
  }
  set head(layer: Layer) {
    this._fc = layer;
  }

  /**
   * x [N, 3, H, W] -> logits [N, numClasses]
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  forward(x: Tensor): Tensor {
    x = this._swish.forward(this._bn0.forward(this._conv_stem.forward(x)));
    for (const block of this._blocks) x = block.forward(x);
    x = this._swish.forward(this._bn1.forward(this._conv_head.forward(x)));
    return this._fc.forward(this._dropout.forward(flatten(this._avg_pooling.forward(x), 1)));
  }
}

/** @throws DgsamError `ERR_ARGUMENT` */
export const efficientnetLite0 = (options?: EfficientNetLiteOptions): EfficientNetLite => new EfficientNetLite(options);
