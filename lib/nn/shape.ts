/** Layers that compute nothing. */

import { argumentError } from "../errors.js";
import { ops, type Tensor } from "../tensor/index.js";
import { Module } from "./module.js";

const permute = ops.aten["permute.default"];
const flatten = ops.aten["flatten.using_ints"];

/** Joins the dimensions from `startDim` to `endDim`, both included; negative ones count from the end. As torch.nn.Flatten. */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(startDim = 1, endDim = -1) {
    super();
    if (!Number.isSafeInteger(startDim)) throw argumentError("Flatten: startDim", "an integer", startDim);
    if (!Number.isSafeInteger(endDim)) throw argumentError("Flatten: endDim", "an integer", endDim);
    this.startDim = startDim;
    this.endDim = endDim;
  }

  /** By default x [N, A, B, ...] -> [N, A * B * ...] */
  forward(x: Tensor): Tensor {
    return flatten(x, this.startDim, this.endDim);
  }
}

/** A view with the dimensions in another order, as torchvision.ops.Permute. */
export class Permute extends Module {
  readonly dims: readonly number[];

  /**
   * @param dims which dimension of the input comes at each place
   * @throws DgsamError `ERR_ARGUMENT`
   */
  constructor(dims: readonly number[]) {
    super();
    if (!Array.isArray(dims) || !dims.every((dim) => Number.isSafeInteger(dim))) throw argumentError("Permute: dims", "an array of integers", dims);
    this.dims = [...dims];
  }

  /** @throws DgsamError `ERR_SHAPE` */
  forward(x: Tensor): Tensor {
    return permute(x, this.dims);
  }
}

/** Gives back its input: it stands where a layer was taken out. */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}
