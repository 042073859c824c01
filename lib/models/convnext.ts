/** ConvNeXt (Liu et al., arXiv 2201.03545) as torchvision has it. */

import { checkNumber, withDefaults } from "../checks.js";
import {
  AdaptiveAvgPool2d, Conv2d, Flatten, GELU, init, LayerNorm, LayerNorm2d, Linear, Module, Parameter, Permute, Sequential, StochasticDepth, type Layer,
  type Placement,
} from "../nn/index.js";
import { full, ops, scope, type Tensor } from "../tensor/index.js";
import { Backbone, BACKBONE_DEFAULTS, checkNumClasses, type BackboneOptions } from "./backbone.js";
import { Conv2dNormActivation } from "./conv-norm-activation.js";

const add = ops.aten["add_.Tensor"];
const multiply = ops.aten["mul.Tensor"];

export interface ConvNeXtOptions extends BackboneOptions {
  /** Probability that the deepest residual branch is left out in training; for the others it falls to 0 at the first. Default 0.1, of convnext_tiny. */
  stochasticDepthProb?: number;
  /** What each channel of a residual branch is multiplied by at the start (arXiv 2103.17239). Default 1e-6. */
  layerScale?: number;
}

/** A stage: channels and blocks. */
export type ConvNeXtStage = readonly [channels: number, count: number];

const EPS = 1e-6;

class CNBlock extends Module {
  /** [channels, 1, 1] */
  layerScale: Parameter;
  block: Sequential;
  stochasticDepth: StochasticDepth;

  constructor(channels: number, layerScale: number, dropProbability: number, placement: Required<Placement>) {
    super();
    this.block = new Sequential(
      new Conv2d(channels, channels, 7, { padding: 3, groups: channels, ...placement }),
      new Permute([0, 2, 3, 1]),
      new LayerNorm(channels, { eps: EPS, ...placement }),
      new Linear(channels, 4 * channels, placement),
      new GELU(),
      new Linear(4 * channels, channels, placement),
      new Permute([0, 3, 1, 2]),
    );
    this.layerScale = scope(() => new Parameter(full([channels, 1, 1], layerScale, placement)));
    this.stochasticDepth = new StochasticDepth(dropProbability, "row");
  }

  forward(x: Tensor): Tensor {
    return add(this.stochasticDepth.forward(multiply(this.layerScale, this.block.forward(x))), x);
  }
}

const DEFAULTS: Required<ConvNeXtOptions> = { stochasticDepthProb: 0.1, layerScale: 1e-6, ...BACKBONE_DEFAULTS };

/** Keys and, made from one seed, numbers are those of torchvision.models.ConvNeXt. */
export class ConvNeXt extends Backbone {
  readonly numFeatures: number;
  features: Sequential;
  avgpool = new AdaptiveAvgPool2d(1);
  classifier: Sequential;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(stages: readonly ConvNeXtStage[], options: ConvNeXtOptions = {}) {
    super();
    const { numClasses, stochasticDepthProb, layerScale, ...placement } = withDefaults("ConvNeXt", options, DEFAULTS);
    checkNumClasses("ConvNeXt", numClasses);
    checkNumber("ConvNeXt: stochasticDepthProb", stochasticDepthProb, 0, 1);
    checkNumber("ConvNeXt: layerScale", layerScale, -Infinity);
    const norm = (channels: number): LayerNorm2d => new LayerNorm2d(channels, { eps: EPS, ...placement });
    const total = stages.reduce((sum, [, count]) => sum + count, 0);
    let depth = 0;
    const layers: Layer[] = [new Conv2dNormActivation(3, stages[0]![0], { kernelSize: 4, stride: 4, padding: 0, bias: true, norm, activation: null, placement })];
    stages.forEach(([channels, count], i) => {
      layers.push(new Sequential(...Array.from({ length: count }, () => new CNBlock(channels, layerScale, (stochasticDepthProb * depth++) / (total - 1), placement))));
      const next = stages[i + 1];
      if (next !== undefined) layers.push(new Sequential(norm(channels), new Conv2d(channels, next[0], 2, { stride: 2, ...placement })));
    });
    this.features = new Sequential(...layers);
    this.numFeatures = stages.at(-1)![0];
    this.classifier = new Sequential(norm(this.numFeatures), new Flatten(1), new Linear(this.numFeatures, numClasses, placement));
    for (const module of this.modules()) {
      if (!(module instanceof Conv2d || module instanceof Linear)) continue;
      init.truncNormal_(module.weight, 0, 0.02);
      if (module.bias !== null) init.zeros_(module.bias);
    }
  }

  get head(): Layer {
    return this.classifier[2]!;
  }
  set head(layer: Layer) {
    this.classifier[2] = layer;
  }

  /**
   * x [N, 3, H, W] -> logits [N, numClasses]; H and W are at least 32
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.avgpool.forward(this.features.forward(x)));
  }
}

/** @throws DgsamError `ERR_ARGUMENT` */
export const convnextTiny = (options?: ConvNeXtOptions): ConvNeXt => new ConvNeXt([[96, 3], [192, 3], [384, 9], [768, 3]], options);
