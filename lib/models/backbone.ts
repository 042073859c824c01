/** What classification networks have in common. */

import { checkInteger } from "../checks.js";
import { Module, type Layer, type Placement } from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";

export interface BackboneOptions extends Placement {
  /** How many logits come out. Default 1000, as ImageNet has. */
  numClasses?: number;
}

/** A network from images to logits whose last layer can be taken out: what comes out then are features. */
export abstract class Backbone extends Module {
  /** How many features the last layer sees. */
  abstract readonly numFeatures: number;
  /** The last layer: `net.head = new Identity()` takes it out, `net.head = new Linear(net.numFeatures, 7)` puts in another. */
  abstract head: Layer;

  /** x [N, C, H, W] -> [N, numClasses] */
  abstract override forward(x: Tensor): Tensor;
}

export const BACKBONE_DEFAULTS: Required<BackboneOptions> = { numClasses: 1000, dtype: "float32", device: "cpu" };

export function checkNumClasses(name: string, numClasses: unknown): asserts numClasses is number {
  checkInteger(`${name}: numClasses`, numClasses, 1);
}
