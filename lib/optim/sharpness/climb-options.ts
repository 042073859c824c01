/** What a climb is told, and what it tells of gradients. */

import type { Tensor } from "../../tensor/index.js";

/** How an ascent follows the scale of the parameters, `T` in `e = rho T^2 g / ||T g||`. */
export interface Weighting {
  /** Whether T is anything but 1. */
  adaptive: boolean;
  /** `undefined`: T = |p|. A number: T = |p| + eta, but 1 for parameters of fewer than two dimensions, biases and norms. */
  eta?: number | undefined;
}

export interface AscendOptions {
  /** Add the gradients to the sum that `climb.gather()` hands out. Default false. */
  accumulate?: boolean;
  /** Added to rho / (||g|| + 1e-12), what the gradient is multiplied by. Default 0. */
  shift?: number;
}

export interface GatherOptions {
  /** What the sum of the gradients that were accumulated is multiplied by. By default it is left out. */
  sum?: number;
  /** What the present gradient is multiplied by. Default 1. */
  grad?: number;
  /** Tensors of the parameters' shapes that take the place of the sum. */
  along?: Tensor[];
}

/** The sum of the accumulated gradients, s, against the present gradient, g. */
export interface GradientProducts {
  /** <s, g> */
  product: number;
  /** ||s|| */
  sumNorm: number;
  /** ||g|| */
  gradNorm: number;
}
