/**
 * DomainBed's MNIST_CNN (Gulrajani & Lopez-Paz, "In Search of Lost Domain Generalization", ICLR 2021; networks.py):
 * four 3x3 convolutions, each with ReLU and then group norm, a global mean, a linear classifier. Keys of the features are
 * DomainBed's.
 */

import { checkWidth } from "./checks.js";
import { Conv2d, GroupNorm, Linear, Module } from "../nn/index.js";
import { ops, type Tensor } from "../tensor/index.js";

export interface MnistCnnOptions {
  /** Channels of the input. Default 1. */
  inChannels?: number;
  /** Default 10. */
  numClasses?: number;
  /** Channels of the first convolution, a multiple of 8; the others have twice as many. DomainBed's, and the default, is 64. */
  width?: number;
}

/** x [N, inChannels, H, W] -> logits [N, numClasses]. */
export class MnistCnn extends Module {
  conv1: Conv2d;
  conv2: Conv2d;
  conv3: Conv2d;
  conv4: Conv2d;
  bn0: GroupNorm;
  bn1: GroupNorm;
  bn2: GroupNorm;
  bn3: GroupNorm;
  classifier: Linear;

  constructor({ inChannels = 1, numClasses = 10, width = 64 }: MnistCnnOptions = {}) {
    super();
    checkWidth("MnistCnn: width", width, 8);
    const wide = 2 * width;
    this.conv1 = new Conv2d(inChannels, width, 3, { padding: 1 });
    this.conv2 = new Conv2d(width, wide, 3, { stride: 2, padding: 1 });
    this.conv3 = new Conv2d(wide, wide, 3, { padding: 1 });
    this.conv4 = new Conv2d(wide, wide, 3, { padding: 1 });
    this.bn0 = new GroupNorm(8, width);
    this.bn1 = new GroupNorm(8, wide);
    this.bn2 = new GroupNorm(8, wide);
    this.bn3 = new GroupNorm(8, wide);
    this.classifier = new Linear(wide, numClasses);
  }

  /** The features before the classifier: [N, 2 * width]. */
  features(x: Tensor): Tensor {
    const relu = ops.aten["relu.default"];
    x = this.bn0.forward(relu(this.conv1.forward(x)));
    x = this.bn1.forward(relu(this.conv2.forward(x)));
    x = this.bn2.forward(relu(this.conv3.forward(x)));
    x = this.bn3.forward(relu(this.conv4.forward(x)));
    return ops.aten["mean.dim"](x, [2, 3]);
  }

  override forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features(x));
  }
}
