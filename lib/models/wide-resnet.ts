/**
 * Wide residual networks for images of 32 x 32 (Zagoruyko and Komodakis, arXiv 1605.07146), as DomainBed has them
 * (facebookresearch/DomainBed, domainbed/lib/wide_resnet.py): biases in all convolutions, a last normalisation of momentum 0.9.
 */

import { checkInteger, checkNumber, withDefaults } from "../checks.js";
import { argumentError } from "../errors.js";
import { AdaptiveAvgPool2d, BatchNorm2d, Conv2d, Dropout, Linear, Module, Sequential, type Layer, type Placement } from "../nn/index.js";
import { ops, type Tensor } from "../tensor/index.js";
import { Backbone, BACKBONE_DEFAULTS, checkNumClasses, type BackboneOptions } from "./backbone.js";

const addInPlace = ops.aten["add_.Tensor"];
const flatten = ops.aten["flatten.using_ints"];
const reluInPlace = ops.aten["relu_.default"];

export interface WideResNetOptions extends BackboneOptions {
  /** How many logits come out. Default 10. */
  numClasses?: number;
  /** Channels of an image. Default 3. */
  inChannels?: number;
  /** How many convolutions lie on the longest way, 6 n + 4 with n blocks a stage. Default 16. */
  depth?: number;
  /** How many times 16, 32 and 64 channels the stages have. Default 2. */
  widenFactor?: number;
  /** Probability of dropout between the two convolutions of a block. Default 0. */
  dropout?: number;
}

/** Normalisation and ReLU come before each convolution. */
class WideBasic extends Module {
  bn1: BatchNorm2d;
  conv1: Conv2d;
  dropout: Dropout;
  bn2: BatchNorm2d;
  conv2: Conv2d;
  shortcut: Sequential;

  constructor(inPlanes: number, planes: number, stride: number, dropout: number, placement: Required<Placement>) {
    super();
    this.bn1 = new BatchNorm2d(inPlanes, placement);
    this.conv1 = new Conv2d(inPlanes, planes, 3, { padding: 1, ...placement });
    this.dropout = new Dropout(dropout);
    this.bn2 = new BatchNorm2d(planes, placement);
    this.conv2 = new Conv2d(planes, planes, 3, { stride, padding: 1, ...placement });
    this.shortcut = stride === 1 && inPlanes === planes ? new Sequential() : new Sequential(new Conv2d(inPlanes, planes, 1, { stride, ...placement }));
  }

  forward(x: Tensor): Tensor {
    const inner = this.dropout.forward(this.conv1.forward(reluInPlace(this.bn1.forward(x))));
    return addInPlace(this.conv2.forward(reluInPlace(this.bn2.forward(inner))), this.shortcut.forward(x));
  }
}

const DEFAULTS: Required<WideResNetOptions> = { inChannels: 3, depth: 16, widenFactor: 2, dropout: 0, ...BACKBONE_DEFAULTS, numClasses: 10 };

/**
 * Keys of the features are those of DomainBed's Wide_ResNet, which has no last layer; here it is `classifier`. Made from one
 * seed, the numbers are the same. Images may have other sizes: all of the last stage's places are averaged.
 */
export class WideResNet extends Backbone {
  readonly numFeatures: number;
  conv1: Conv2d;
  layer1: Sequential;
  layer2: Sequential;
  layer3: Sequential;
  bn1: BatchNorm2d;
  avgpool = new AdaptiveAvgPool2d(1);
  classifier: Layer;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(options: WideResNetOptions = {}) {
    super();
    const { inChannels, numClasses, depth, widenFactor, dropout, ...placement } = withDefaults("WideResNet", options, DEFAULTS);
    checkInteger("WideResNet: inChannels", inChannels, 1);
    checkNumClasses("WideResNet", numClasses);
    if (!Number.isSafeInteger(depth) || depth < 10 || (depth - 4) % 6 !== 0) throw argumentError("WideResNet: depth", "an integer 6 n + 4 of at least 10", depth);
    checkInteger("WideResNet: widenFactor", widenFactor, 1);
    checkNumber("WideResNet: dropout", dropout, 0, 1);
    const stage = (inPlanes: number, planes: number, stride: number): Sequential =>
      new Sequential(...Array.from({ length: (depth - 4) / 6 }, (_, i) => new WideBasic(i === 0 ? inPlanes : planes, planes, i === 0 ? stride : 1, dropout, placement)));
    this.numFeatures = 64 * widenFactor;
    this.conv1 = new Conv2d(inChannels, 16, 3, { padding: 1, ...placement });
    this.layer1 = stage(16, 16 * widenFactor, 1);
    this.layer2 = stage(16 * widenFactor, 32 * widenFactor, 2);
    this.layer3 = stage(32 * widenFactor, this.numFeatures, 2);
    this.bn1 = new BatchNorm2d(this.numFeatures, { momentum: 0.9, ...placement });
    this.classifier = new Linear(this.numFeatures, numClasses, placement);
  }

  get head(): Layer {
    return this.classifier;
  }
  set head(layer: Layer) {
    this.classifier = layer;
  }

  /**
   * x [N, inChannels, H, W] -> logits [N, numClasses]
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  forward(x: Tensor): Tensor {
    x = this.conv1.forward(x);
    x = this.layer1.forward(x);
    x = this.layer2.forward(x);
    x = this.layer3.forward(x);
    x = reluInPlace(this.bn1.forward(x));
    return this.classifier.forward(flatten(this.avgpool.forward(x), 1));
  }
}

/** @throws DgsamError `ERR_ARGUMENT` */
export const wideResnet = (options?: WideResNetOptions): WideResNet => new WideResNet(options);
