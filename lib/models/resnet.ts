/**
 * Residual networks (He et al., arXiv 1512.03385) as torchvision has them: a bottleneck's stride lies in its 3x3
 * convolution. Wide ones for ImageNet: Zagoruyko and Komodakis, arXiv 1605.07146.
 */

import { checkBoolean, checkInteger, withDefaults } from "../checks.js";
import { argumentError } from "../errors.js";
import { AdaptiveAvgPool2d, BatchNorm2d, Conv2d, init, Linear, MaxPool2d, Module, ReLU, Sequential, type Layer, type Placement } from "../nn/index.js";
import { ops, type Tensor } from "../tensor/index.js";
import { Backbone, BACKBONE_DEFAULTS, checkNumClasses, type BackboneOptions } from "./backbone.js";

const addInPlace = ops.aten["add_.Tensor"];
const flatten = ops.aten["flatten.using_ints"];

export interface ResNetOptions extends BackboneOptions {
  /** Channels of an image. Default 3. `loadPretrained` makes the first convolution of files for 3 fit others, as DomainBed does. */
  inChannels?: number;
  /** Whether each residual branch gives zeros at the start (arXiv 1706.02677). Default false. */
  zeroInitResidual?: boolean;
  /** Groups of a bottleneck's 3x3 convolution. Default 1. */
  groups?: number;
  /** Channels of a bottleneck's 3x3 convolution per 64 planes and group. Default 64. */
  widthPerGroup?: number;
}

/** What a block is made with. */
export interface ResidualBlockSettings {
  stride: number;
  /** What the input passes by the branch where shapes change. */
  downsample: Layer | null;
  groups: number;
  widthPerGroup: number;
  placement: Required<Placement>;
}

/** Two 3x3 convolutions, of resnet18 and resnet34. */
export class BasicBlock extends Module {
  /** Channels of the output per plane. */
  static readonly expansion = 1;
  conv1: Conv2d;
  bn1: BatchNorm2d;
  relu = new ReLU({ inplace: true });
  conv2: Conv2d;
  bn2: BatchNorm2d;
  downsample: Layer | null;

  /** @throws DgsamError `ERR_ARGUMENT` for groups or another width, which only bottlenecks have */
  constructor(inPlanes: number, planes: number, { stride, downsample, groups, widthPerGroup, placement }: ResidualBlockSettings) {
    super();
    if (groups !== 1) throw argumentError("BasicBlock: groups", "1, since only Bottleneck has groups", groups);
    if (widthPerGroup !== 64) throw argumentError("BasicBlock: widthPerGroup", "64, since only Bottleneck has another width", widthPerGroup);
    this.conv1 = new Conv2d(inPlanes, planes, 3, { stride, padding: 1, bias: false, ...placement });
    this.bn1 = new BatchNorm2d(planes, placement);
    this.conv2 = new Conv2d(planes, planes, 3, { padding: 1, bias: false, ...placement });
    this.bn2 = new BatchNorm2d(planes, placement);
    this.downsample = downsample;
  }

  /** The normalisation that ends the branch. */
  get lastNorm(): BatchNorm2d {
    return this.bn2;
  }

  forward(x: Tensor): Tensor {
    const { relu, downsample } = this;
    const inner = relu.forward(this.bn1.forward(this.conv1.forward(x)));
    const branch = this.bn2.forward(this.conv2.forward(inner));
    return relu.forward(addInPlace(branch, downsample === null ? x : downsample.forward(x)));
  }
}

/** 1x1, 3x3 and 1x1 convolutions, of the deeper networks. */
export class Bottleneck extends Module {
  /** Channels of the output per plane. */
  static readonly expansion = 4;
  conv1: Conv2d;
  bn1: BatchNorm2d;
  conv2: Conv2d;
  bn2: BatchNorm2d;
  conv3: Conv2d;
  bn3: BatchNorm2d;
  relu = new ReLU({ inplace: true });
  downsample: Layer | null;

  constructor(inPlanes: number, planes: number, { stride, downsample, groups, widthPerGroup, placement }: ResidualBlockSettings) {
    super();
    const width = Math.floor((planes * widthPerGroup) / 64) * groups;
    const outPlanes = planes * Bottleneck.expansion;
    this.conv1 = new Conv2d(inPlanes, width, 1, { bias: false, ...placement });
    this.bn1 = new BatchNorm2d(width, placement);
    this.conv2 = new Conv2d(width, width, 3, { stride, padding: 1, groups, bias: false, ...placement });
    this.bn2 = new BatchNorm2d(width, placement);
    this.conv3 = new Conv2d(width, outPlanes, 1, { bias: false, ...placement });
    this.bn3 = new BatchNorm2d(outPlanes, placement);
    this.downsample = downsample;
  }

  /** The normalisation that ends the branch. */
  get lastNorm(): BatchNorm2d {
    return this.bn3;
  }

  forward(x: Tensor): Tensor {
    const { relu, downsample } = this;
    const reduced = relu.forward(this.bn1.forward(this.conv1.forward(x)));
    const inner = relu.forward(this.bn2.forward(this.conv2.forward(reduced)));
    const branch = this.bn3.forward(this.conv3.forward(inner));
    return relu.forward(addInPlace(branch, downsample === null ? x : downsample.forward(x)));
  }
}

/** The classes of blocks. */
export type ResidualBlock = typeof BasicBlock | typeof Bottleneck;

const DEFAULTS: Required<ResNetOptions> = { inChannels: 3, zeroInitResidual: false, groups: 1, widthPerGroup: 64, ...BACKBONE_DEFAULTS };

/** A residual network; keys and, made from one seed, numbers are those of torchvision.models.ResNet. */
export class ResNet extends Backbone {
  readonly numFeatures: number;
  conv1: Conv2d;
  bn1: BatchNorm2d;
  relu = new ReLU({ inplace: true });
  maxpool = new MaxPool2d(3, { stride: 2, padding: 1 });
  layer1: Sequential;
  layer2: Sequential;
  layer3: Sequential;
  layer4: Sequential;
  avgpool = new AdaptiveAvgPool2d(1);
  fc: Layer;

  /**
   * @param layers how many blocks each of the four stages has
   * @throws DgsamError `ERR_ARGUMENT`
   */
  constructor(block: ResidualBlock, layers: readonly [number, number, number, number], options: ResNetOptions = {}) {
    super();
    const { inChannels, numClasses, zeroInitResidual, groups, widthPerGroup, ...placement } = withDefaults("ResNet", options, DEFAULTS);
    if (block !== BasicBlock && block !== Bottleneck) throw argumentError("ResNet: block", "BasicBlock or Bottleneck", block);
    if (!Array.isArray(layers) || layers.length !== 4) throw argumentError("ResNet: layers", "an array of four integers", layers);
    layers.forEach((count, i) => checkInteger(`ResNet: layers[${i}]`, count, 1));
    checkInteger("ResNet: inChannels", inChannels, 1);
    checkNumClasses("ResNet", numClasses);
    checkBoolean("ResNet: zeroInitResidual", zeroInitResidual);
    checkInteger("ResNet: groups", groups, 1);
    checkInteger("ResNet: widthPerGroup", widthPerGroup, 1);
    this.numFeatures = 512 * block.expansion;
    this.conv1 = new Conv2d(inChannels, 64, 7, { stride: 2, padding: 3, bias: false, ...placement });
    this.bn1 = new BatchNorm2d(64, placement);
    const stage = (inPlanes: number, planes: number, count: number, stride: number): Sequential =>
      makeStage(block, inPlanes, planes, count, stride, { groups, widthPerGroup, placement });
    this.layer1 = stage(64, 64, layers[0], 1);
    this.layer2 = stage(64 * block.expansion, 128, layers[1], 2);
    this.layer3 = stage(128 * block.expansion, 256, layers[2], 2);
    this.layer4 = stage(256 * block.expansion, 512, layers[3], 2);
    this.fc = new Linear(this.numFeatures, numClasses, placement);
    for (const module of this.modules()) {
      if (module instanceof Conv2d) init.kaimingNormal_(module.weight, { mode: "fan_out", nonlinearity: "relu" });
      if (zeroInitResidual && (module instanceof BasicBlock || module instanceof Bottleneck)) init.zeros_(module.lastNorm.weight!);
    }
  }

  get head(): Layer {
    return this.fc;
  }
  set head(layer: Layer) {
    this.fc = layer;
  }

  /**
   * x [N, inChannels, H, W] -> logits [N, numClasses]
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  forward(x: Tensor): Tensor {
    x = this.maxpool.forward(this.relu.forward(this.bn1.forward(this.conv1.forward(x))));
    x = this.layer1.forward(x);
    x = this.layer2.forward(x);
    x = this.layer3.forward(x);
    x = this.layer4.forward(x);
    return this.fc.forward(flatten(this.avgpool.forward(x), 1));
  }
}

type StageSettings = Pick<ResidualBlockSettings, "groups" | "widthPerGroup" | "placement">;

function makeStage(block: ResidualBlock, inPlanes: number, planes: number, count: number, stride: number, settings: StageSettings): Sequential {
  const outPlanes = planes * block.expansion;
  const { placement } = settings;
  const downsample = stride === 1 && inPlanes === outPlanes
    ? null
    : new Sequential(new Conv2d(inPlanes, outPlanes, 1, { stride, bias: false, ...placement }), new BatchNorm2d(outPlanes, placement));
  return new Sequential(
    new block(inPlanes, planes, { stride, downsample, ...settings }),
    ...Array.from({ length: count - 1 }, () => new block(outPlanes, planes, { stride: 1, downsample: null, ...settings })),
  );
}

/** @throws DgsamError `ERR_ARGUMENT` */
export const resnet18 = (options?: ResNetOptions): ResNet => new ResNet(BasicBlock, [2, 2, 2, 2], options);
/** @throws DgsamError `ERR_ARGUMENT` */
export const resnet34 = (options?: ResNetOptions): ResNet => new ResNet(BasicBlock, [3, 4, 6, 3], options);
/** @throws DgsamError `ERR_ARGUMENT` */
export const resnet50 = (options?: ResNetOptions): ResNet => new ResNet(Bottleneck, [3, 4, 6, 3], options);
/** @throws DgsamError `ERR_ARGUMENT` */
export const resnet101 = (options?: ResNetOptions): ResNet => new ResNet(Bottleneck, [3, 4, 23, 3], options);
/** @throws DgsamError `ERR_ARGUMENT` */
export const resnet152 = (options?: ResNetOptions): ResNet => new ResNet(Bottleneck, [3, 8, 36, 3], options);
/** resnet50 with 3x3 convolutions twice as wide. @throws DgsamError `ERR_ARGUMENT` */
export const wideResnet50_2 = (options?: ResNetOptions): ResNet => new ResNet(Bottleneck, [3, 4, 6, 3], { widthPerGroup: 128, ...options });
