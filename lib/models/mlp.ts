/** A multi-layer perceptron. */

import { argumentError } from "../errors.js";
import { Linear, Module } from "../nn/index.js";
import { ops, type Tensor } from "../tensor/index.js";

/** x [N, sizes[0]] -> [N, last size]; ReLU between the layers. Keys are `layers.0.weight`, ... */
export class MLP extends Module {
  layers: Linear[];

  /** @param sizes of input, hidden layers and output */
  constructor(sizes: readonly number[]) {
    super();
    if (!Array.isArray(sizes) || sizes.length < 2) throw argumentError("new MLP(sizes)", "at least two sizes, of input and output", sizes);
    this.layers = sizes.slice(1).map((size, i) => new Linear(sizes[i]!, size));
  }

  override forward(x: Tensor): Tensor {
    const last = this.layers.length - 1;
    this.layers.forEach((layer, i) => {
      x = layer.forward(x);
      if (i < last) x = ops.aten["relu.default"](x);
    });
    return x;
  }
}
