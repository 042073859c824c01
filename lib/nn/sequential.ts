/** Modules one after the other. */

import { argumentError, DgsamError } from "../errors.js";
import type { Tensor } from "../tensor/index.js";
import { Module } from "./module.js";

/** A module from one tensor to one tensor. */
export interface Layer extends Module {
  forward(x: Tensor): Tensor;
}

/** Feeds its input through the layers in order. Keys are `0.weight`, `1.bias`, ... as in PyTorch. */
export class Sequential extends Module {
  // Numbered own fields give PyTorch's keys without a name in front.
  readonly [index: number]: Layer;
  readonly length: number;

  constructor(...layers: Layer[]) {
    super();
    layers.forEach((layer, i) => {
      if (!(layer instanceof Module)) throw argumentError(`Sequential: layer ${i}`, "a Module", layer);
      (this as Record<number, Layer>)[i] = layer;
    });
    this.length = layers.length;
  }

  /** The layer at `index`; negative ones count from the end. */
  at(index: number): Layer {
    const layer = this[index < 0 ? index + this.length : index];
    if (layer === undefined) throw new DgsamError("ERR_ARGUMENT", `Sequential.at(index): expected an index below ${this.length}, got ${index}`);
    return layer;
  }

  *[Symbol.iterator](): Generator<Layer> {
    for (let i = 0; i < this.length; i++) yield this[i]!;
  }

  override forward(x: Tensor): Tensor {
    for (let i = 0; i < this.length; i++) x = this[i]!.forward(x);
    return x;
  }
}
