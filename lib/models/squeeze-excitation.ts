/** Squeeze and excitation (arXiv 1709.01507). */

import { AdaptiveAvgPool2d, Conv2d, Module, type Layer, type Placement } from "../nn/index.js";
import { ops, type Tensor } from "../tensor/index.js";

const multiply = ops.aten["mul.Tensor"];

/** x times gate(fc2(activation(fc1(mean of x over space)))), as torchvision.ops.SqueezeExcitation. */
export class SqueezeExcitation extends Module {
  avgpool = new AdaptiveAvgPool2d(1);
  fc1: Conv2d;
  fc2: Conv2d;
  activation: Layer;
  scaleActivation: Layer;

  constructor(channels: number, squeezeChannels: number, activation: Layer, gate: Layer, placement: Required<Placement>) {
    super();
    this.fc1 = new Conv2d(channels, squeezeChannels, 1, placement);
    this.fc2 = new Conv2d(squeezeChannels, channels, 1, placement);
    this.activation = activation;
    this.scaleActivation = gate;
  }

  /** x [N, channels, H, W] -> the same shape */
  forward(x: Tensor): Tensor {
    const squeezed = this.activation.forward(this.fc1.forward(this.avgpool.forward(x)));
    return multiply(this.scaleActivation.forward(this.fc2.forward(squeezed)), x);
  }
}
