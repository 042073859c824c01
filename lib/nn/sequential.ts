/** Layers one after the other. */

import { argumentError } from "../errors.js";
import type { Tensor } from "../tensor/index.js";
import { Module } from "./module.js";

/** A module from one tensor to one tensor. */
export interface Layer extends Module {
  forward(x: Tensor): Tensor;
}

/**
 * Layers one after the other, as torch.nn.Sequential: `net[0]` is the first one, and may be replaced. State-dict keys are
 * `0.weight`, `1.bias`, ...
 */
export class Sequential<L extends readonly Layer[] = readonly Layer[]> extends Module implements Iterable<Layer> {
  // Numbered fields give PyTorch's keys, which have no name before the number.
  [index: number]: Layer;

  /** @throws DgsamError `ERR_ARGUMENT` when a layer is no Module with a `forward` */
  constructor(...layers: L) {
    super();
    layers.forEach((layer, i) => {
      this[i] = checkLayer(layer, i);
    });
  }

  /** How many layers there are. */
  get length(): number {
    let length = 0;
    while (this[length] !== undefined) length++;
    return length;
  }

  /** The layers in order, each with its own type. */
  get layers(): L {
    return [...this] as readonly Layer[] as L;
  }

  *[Symbol.iterator](): Generator<Layer> {
    for (let i = 0, layer; (layer = this[i]) !== undefined; i++) yield checkLayer(layer, i);
  }

  /**
   * Feeds x through the layers in order.
   *
   * @throws DgsamError `ERR_ARGUMENT` when something else was put in a layer's place; and what the layers throw
   */
  forward(x: Tensor): Tensor {
    for (let i = 0, layer; (layer = this[i]) !== undefined; i++) x = checkLayer(layer, i).forward(x);
    return x;
  }
}

function checkLayer(layer: unknown, index: number): Layer {
  if (!(layer instanceof Module) || typeof layer.forward !== "function") throw argumentError(`Sequential: layers[${index}]`, "a Module with a forward()", layer);
  return layer as Layer;
}
