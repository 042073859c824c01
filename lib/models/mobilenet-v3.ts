/** MobileNetV3 (Howard et al., arXiv 1905.02244) as torchvision has it. */

import { checkChoice, checkNumber, withDefaults } from "../checks.js";
import { argumentError } from "../errors.js";
import { AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Dropout, Hardsigmoid, Hardswish, init, Linear, Module, ReLU, Sequential, type Layer, type Placement } from "../nn/index.js";
import { ops, type Tensor } from "../tensor/index.js";
import { Backbone, BACKBONE_DEFAULTS, checkNumClasses, type BackboneOptions } from "./backbone.js";
import { Conv2dNormActivation, makeDivisible } from "./conv-norm-activation.js";
import { CONV_PADDINGS, type ConvPadding } from "./padding.js";
import { SqueezeExcitation } from "./squeeze-excitation.js";

const addInPlace = ops.aten["add_.Tensor"];
const flatten = ops.aten["flatten.using_ints"];

export interface MobileNetV3Options extends BackboneOptions {
  /** Probability of dropout before the last layer. Default 0.2. */
  dropout?: number;
  /** How convolutions extend their input. Default `"symmetric"`; weights that were trained in TensorFlow want `"same"`. */
  padding?: ConvPadding;
  /** What normalisation adds to variances. Default 1e-3; timm's weights that were not trained in TensorFlow want 1e-5. */
  eps?: number;
}

type BlockRow = readonly [inChannels: number, kernelSize: number, expandedChannels: number, outChannels: number, squeezes: boolean, activation: "RE" | "HS", stride: number];

// The paper's tables 1 and 2; the last number is the width of the classifier's hidden layer.
const SETTINGS: Readonly<Record<"large" | "small", { blocks: readonly BlockRow[]; hidden: number }>> = {
  large: {
    blocks: [
      [16, 3, 16, 16, false, "RE", 1],
      [16, 3, 64, 24, false, "RE", 2],
      [24, 3, 72, 24, false, "RE", 1],
      [24, 5, 72, 40, true, "RE", 2],
      [40, 5, 120, 40, true, "RE", 1],
      [40, 5, 120, 40, true, "RE", 1],
      [40, 3, 240, 80, false, "HS", 2],
      [80, 3, 200, 80, false, "HS", 1],
      [80, 3, 184, 80, false, "HS", 1],
      [80, 3, 184, 80, false, "HS", 1],
      [80, 3, 480, 112, true, "HS", 1],
      [112, 3, 672, 112, true, "HS", 1],
      [112, 5, 672, 160, true, "HS", 2],
      [160, 5, 960, 160, true, "HS", 1],
      [160, 5, 960, 160, true, "HS", 1],
    ],
    hidden: 1280,
  },
  small: {
    blocks: [
      [16, 3, 16, 16, true, "RE", 2],
      [16, 3, 72, 24, false, "RE", 2],
      [24, 3, 88, 24, false, "RE", 1],
      [24, 5, 96, 40, true, "HS", 2],
      [40, 5, 240, 40, true, "HS", 1],
      [40, 5, 240, 40, true, "HS", 1],
      [40, 5, 120, 48, true, "HS", 1],
      [48, 5, 144, 48, true, "HS", 1],
      [48, 5, 288, 96, true, "HS", 2],
      [96, 5, 576, 96, true, "HS", 1],
      [96, 5, 576, 96, true, "HS", 1],
    ],
    hidden: 1024,
  },
};

type MakeNorm = (channels: number) => BatchNorm2d;

/** Expand, convolve each channel by itself, weigh the channels, project. */
class InvertedResidual extends Module {
  block: Sequential;
  readonly #skips: boolean;

  constructor([inChannels, kernelSize, expanded, outChannels, squeezes, kind, stride]: BlockRow, norm: MakeNorm, padding: ConvPadding, placement: Required<Placement>) {
    super();
    this.#skips = stride === 1 && inChannels === outChannels;
    // Hardswish in place would first copy its input, which its gradient needs.
    const activation = (): Layer => (kind === "HS" ? new Hardswish() : new ReLU({ inplace: true }));
    const layers: Layer[] = [];
    if (expanded !== inChannels) layers.push(new Conv2dNormActivation(inChannels, expanded, { kernelSize: 1, norm, activation, placement }));
    layers.push(new Conv2dNormActivation(expanded, expanded, { kernelSize, stride, padding, groups: expanded, norm, activation, placement }));
    if (squeezes) layers.push(new SqueezeExcitation(expanded, makeDivisible(Math.floor(expanded / 4)), new ReLU({ inplace: true }), new Hardsigmoid(), placement));
    layers.push(new Conv2dNormActivation(expanded, outChannels, { kernelSize: 1, norm, activation: null, placement }));
    this.block = new Sequential(...layers);
  }

  forward(x: Tensor): Tensor {
    const branch = this.block.forward(x);
    return this.#skips ? addInPlace(branch, x) : branch;
  }
}

const DEFAULTS: Required<MobileNetV3Options> = { dropout: 0.2, padding: "symmetric", eps: 1e-3, ...BACKBONE_DEFAULTS };

/** Keys and, made from one seed, numbers are those of torchvision.models.MobileNetV3. */
export class MobileNetV3 extends Backbone {
  readonly numFeatures: number;
  readonly padding: ConvPadding;
  features: Sequential;
  avgpool = new AdaptiveAvgPool2d(1);
  classifier: Sequential;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(size: "large" | "small", options: MobileNetV3Options = {}) {
    super();
    const { numClasses, dropout, padding, eps, ...placement } = withDefaults("MobileNetV3", options, DEFAULTS);
    if (size !== "large" && size !== "small") throw argumentError("MobileNetV3: size", "\"large\" or \"small\"", size);
    checkNumClasses("MobileNetV3", numClasses);
    checkNumber("MobileNetV3: dropout", dropout, 0, 1);
    checkChoice("MobileNetV3: padding", padding, CONV_PADDINGS);
    checkNumber("MobileNetV3: eps", eps, 0);
    const { blocks, hidden } = SETTINGS[size];
    const norm: MakeNorm = (channels) => new BatchNorm2d(channels, { eps, momentum: 0.01, ...placement });
    const activation = (): Layer => new Hardswish();
    const last = blocks.at(-1)![3];
    this.numFeatures = hidden;
    this.padding = padding;
    this.features = new Sequential(
      new Conv2dNormActivation(3, blocks[0]![0], { stride: 2, padding, norm, activation, placement }),
      ...blocks.map((row) => new InvertedResidual(row, norm, padding, placement)),
      new Conv2dNormActivation(last, 6 * last, { kernelSize: 1, norm, activation, placement }),
    );
    this.classifier = new Sequential(new Linear(6 * last, hidden, placement), new Hardswish(), new Dropout(dropout, { inplace: true }), new Linear(hidden, numClasses, placement));
    for (const module of this.modules()) {
      if (module instanceof Conv2d) init.kaimingNormal_(module.weight, { mode: "fan_out" });
      else if (module instanceof Linear) init.normal_(module.weight, 0, 0.01);
      else continue;
      if (module.bias !== null) init.zeros_(module.bias);
    }
  }

  get head(): Layer {
    return this.classifier[3]!;
  }
  set head(layer: Layer) {
    this.classifier[3] = layer;
  }

  /**
   * x [N, 3, H, W] -> logits [N, numClasses]
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  forward(x: Tensor): Tensor {
    return this.classifier.forward(flatten(this.avgpool.forward(this.features.forward(x)), 1));
  }
}

/** @throws DgsamError `ERR_ARGUMENT` */
export const mobilenetV3Large = (options?: MobileNetV3Options): MobileNetV3 => new MobileNetV3("large", options);
/** @throws DgsamError `ERR_ARGUMENT` */
export const mobilenetV3Small = (options?: MobileNetV3Options): MobileNetV3 => new MobileNetV3("small", options);
