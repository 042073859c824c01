/** EfficientNet-B0 (Tan and Le, arXiv 1905.11946) as torchvision has it. */

import { checkChoice, checkNumber, withDefaults } from "../checks.js";
import {
  AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Dropout, init, Linear, Module, Sequential, Sigmoid, SiLU, StochasticDepth, type Layer, type Placement,
} from "../nn/index.js";
import { ops, type Tensor } from "../tensor/index.js";
import { Backbone, BACKBONE_DEFAULTS, checkNumClasses, type BackboneOptions } from "./backbone.js";
import { Conv2dNormActivation } from "./conv-norm-activation.js";
import { CONV_PADDINGS, type ConvPadding } from "./padding.js";
import { SqueezeExcitation } from "./squeeze-excitation.js";

const addInPlace = ops.aten["add_.Tensor"];
const flatten = ops.aten["flatten.using_ints"];

export interface EfficientNetOptions extends BackboneOptions {
  /** Probability of dropout before the last layer. Default 0.2. */
  dropout?: number;
  /** Probability that the deepest residual branch is left out in training; for the others it falls to 0 at the first. Default 0.2. */
  stochasticDepthProb?: number;
  /** How convolutions extend their input. Default `"symmetric"`; weights that were trained in TensorFlow want `"same"`. */
  padding?: ConvPadding;
  /** What normalisation adds to variances. Default 1e-5; weights that were trained in TensorFlow want 1e-3. */
  eps?: number;
}

/** One stage of mobile inverted bottlenecks; the first has the stride and the change of channels. */
export interface MBConvStage {
  expandRatio: number;
  kernelSize: number;
  stride: number;
  inChannels: number;
  outChannels: number;
  count: number;
}

/** The stages of EfficientNet-B0, the paper's table 1; the Lite network has the same. */
export const B0_STAGES: readonly MBConvStage[] = [
  { expandRatio: 1, kernelSize: 3, stride: 1, inChannels: 32, outChannels: 16, count: 1 },
  { expandRatio: 6, kernelSize: 3, stride: 2, inChannels: 16, outChannels: 24, count: 2 },
  { expandRatio: 6, kernelSize: 5, stride: 2, inChannels: 24, outChannels: 40, count: 2 },
  { expandRatio: 6, kernelSize: 3, stride: 2, inChannels: 40, outChannels: 80, count: 3 },
  { expandRatio: 6, kernelSize: 5, stride: 1, inChannels: 80, outChannels: 112, count: 3 },
  { expandRatio: 6, kernelSize: 5, stride: 2, inChannels: 112, outChannels: 192, count: 4 },
  { expandRatio: 6, kernelSize: 3, stride: 1, inChannels: 192, outChannels: 320, count: 1 },
];

/** The blocks of a stage: all but the first keep size and channels. */
export function blocksOf(stage: MBConvStage): Omit<MBConvStage, "count">[] {
  const { count, ...first } = stage;
  return Array.from({ length: count }, (_, i) => (i === 0 ? first : { ...first, stride: 1, inChannels: first.outChannels }));
}

type MakeNorm = (channels: number) => BatchNorm2d;

class MBConv extends Module {
  block: Sequential;
  stochasticDepth: StochasticDepth;
  readonly #skips: boolean;

  constructor(settings: Omit<MBConvStage, "count">, dropProbability: number, norm: MakeNorm, padding: ConvPadding, placement: Required<Placement>) {
    super();
    const { expandRatio, kernelSize, stride, inChannels, outChannels } = settings;
    this.#skips = stride === 1 && inChannels === outChannels;
    const expanded = inChannels * expandRatio;
    // In place it would first copy its input, which its gradient needs.
    const activation = (): Layer => new SiLU();
    const layers: Layer[] = [];
    if (expandRatio !== 1) layers.push(new Conv2dNormActivation(inChannels, expanded, { kernelSize: 1, norm, activation, placement }));
    layers.push(
      new Conv2dNormActivation(expanded, expanded, { kernelSize, stride, padding, groups: expanded, norm, activation, placement }),
      new SqueezeExcitation(expanded, Math.floor(inChannels / 4), new SiLU(), new Sigmoid(), placement),
      new Conv2dNormActivation(expanded, outChannels, { kernelSize: 1, norm, activation: null, placement }),
    );
    this.block = new Sequential(...layers);
    this.stochasticDepth = new StochasticDepth(dropProbability, "row");
  }

  forward(x: Tensor): Tensor {
    const branch = this.block.forward(x);
    return this.#skips ? addInPlace(this.stochasticDepth.forward(branch), x) : branch;
  }
}

const DEFAULTS: Required<EfficientNetOptions> = { dropout: 0.2, stochasticDepthProb: 0.2, padding: "symmetric", eps: 1e-5, ...BACKBONE_DEFAULTS };

/** Keys and, made from one seed, numbers are those of torchvision.models.EfficientNet. */
export class EfficientNet extends Backbone {
  readonly numFeatures: number;
  readonly padding: ConvPadding;
  features: Sequential;
  avgpool = new AdaptiveAvgPool2d(1);
  classifier: Sequential;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(stages: readonly MBConvStage[], options: EfficientNetOptions = {}) {
    super();
    const { numClasses, dropout, stochasticDepthProb, padding, eps, ...placement } = withDefaults("EfficientNet", options, DEFAULTS);
    checkNumClasses("EfficientNet", numClasses);
    checkNumber("EfficientNet: dropout", dropout, 0, 1);
    checkNumber("EfficientNet: stochasticDepthProb", stochasticDepthProb, 0, 1);
    checkChoice("EfficientNet: padding", padding, CONV_PADDINGS);
    checkNumber("EfficientNet: eps", eps, 0);
    const norm: MakeNorm = (channels) => new BatchNorm2d(channels, { eps, ...placement });
    const activation = (): Layer => new SiLU();
    const total = stages.reduce((sum, { count }) => sum + count, 0);
    let depth = 0;
    const last = stages.at(-1)!.outChannels;
    this.numFeatures = 4 * last;
    this.padding = padding;
    this.features = new Sequential(
      new Conv2dNormActivation(3, stages[0]!.inChannels, { stride: 2, padding, norm, activation, placement }),
      ...stages.map((stage) => new Sequential(...blocksOf(stage).map((block) => new MBConv(block, (stochasticDepthProb * depth++) / total, norm, padding, placement)))),
      new Conv2dNormActivation(last, this.numFeatures, { kernelSize: 1, norm, activation, placement }),
    );
    this.classifier = new Sequential(new Dropout(dropout, { inplace: true }), new Linear(this.numFeatures, numClasses, placement));
    for (const module of this.modules()) {
      if (module instanceof Conv2d) init.kaimingNormal_(module.weight, { mode: "fan_out" });
      else if (module instanceof Linear) init.uniform_(module.weight, -1 / Math.sqrt(module.outFeatures), 1 / Math.sqrt(module.outFeatures));
      else continue;
      if (module.bias !== null) init.zeros_(module.bias);
    }
  }

  get head(): Layer {
    return this.classifier[1]!;
  }
  set head(layer: Layer) {
    this.classifier[1] = layer;
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
export const efficientnetB0 = (options?: EfficientNetOptions): EfficientNet => new EfficientNet(B0_STAGES, options);
