/**
 * DomainBed's MNIST_CNN: four 3x3 convolutions, each with ReLU and then group norm, a global mean, and a linear
 * classifier (Gulrajani and Lopez-Paz, arXiv 2007.01434; facebookresearch/DomainBed, domainbed/networks.py).
 */

import { checkInteger, withDefaults } from "../checks.js";
import { argumentError } from "../errors.js";
import { Conv2d, GroupNorm, Linear, type Layer, type Placement } from "../nn/index.js";
import { ops, type Tensor } from "../tensor/index.js";
import { Backbone } from "./backbone.js";

const relu = ops.aten["relu.default"];
const mean = ops.aten["mean.dim"];

const GROUPS = 8;

export interface MnistCnnOptions extends Placement {
  /** Channels of an image. Default 1; ColoredMNIST has 2. */
  inChannels?: number;
  /** How many logits come out. Default 10; ColoredMNIST has 2. */
  numClasses?: number;
  /** Channels of the first convolution, a multiple of 8; the others have twice as many. Default 64, as in DomainBed. */
  width?: number;
}

const DEFAULTS: Required<MnistCnnOptions> = { inChannels: 1, numClasses: 10, width: 64, dtype: "float32", device: "cpu" };

/**
 * The network of DomainBed's MNIST experiments. State-dict keys are those of its MNIST_CNN, whose `bn0` to `bn3` are
 * group norms, and `classifier.weight`, `classifier.bias`; made from one seed, the numbers are DomainBed's too.
 */
export class MnistCnn extends Backbone {
  readonly numFeatures: number;
  conv1: Conv2d;
  conv2: Conv2d;
  conv3: Conv2d;
  conv4: Conv2d;
  bn0: GroupNorm;
  bn1: GroupNorm;
  bn2: GroupNorm;
  bn3: GroupNorm;
  classifier: Layer;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(options: MnistCnnOptions = {}) {
    super();
    const { inChannels, numClasses, width, ...placement } = withDefaults("MnistCnn", options, DEFAULTS);
    checkInteger("MnistCnn: inChannels", inChannels, 1);
    checkInteger("MnistCnn: numClasses", numClasses, 1);
    if (!Number.isSafeInteger(width) || width < GROUPS || width % GROUPS !== 0) throw argumentError("MnistCnn: width", `a multiple of ${GROUPS}`, width);
    this.numFeatures = 2 * width;
    this.conv1 = new Conv2d(inChannels, width, 3, { padding: 1, ...placement });
    this.conv2 = new Conv2d(width, 2 * width, 3, { stride: 2, padding: 1, ...placement });
    this.conv3 = new Conv2d(2 * width, 2 * width, 3, { padding: 1, ...placement });
    this.conv4 = new Conv2d(2 * width, 2 * width, 3, { padding: 1, ...placement });
    this.bn0 = new GroupNorm(GROUPS, width, placement);
    this.bn1 = new GroupNorm(GROUPS, 2 * width, placement);
    this.bn2 = new GroupNorm(GROUPS, 2 * width, placement);
    this.bn3 = new GroupNorm(GROUPS, 2 * width, placement);
    this.classifier = new Linear(2 * width, numClasses, placement);
  }

  get head(): Layer {
    return this.classifier;
  }
  set head(layer: Layer) {
    this.classifier = layer;
  }

  /** x [N, inChannels, H, W] -> features [N, 2 * width], what the classifier sees. */
  features(x: Tensor): Tensor {
    x = this.bn0.forward(relu(this.conv1.forward(x)));
    x = this.bn1.forward(relu(this.conv2.forward(x)));
    x = this.bn2.forward(relu(this.conv3.forward(x)));
    x = this.bn3.forward(relu(this.conv4.forward(x)));
    return mean(x, [2, 3]);
  }

  /**
   * x [N, inChannels, H, W] -> logits [N, numClasses]
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features(x));
  }
}
