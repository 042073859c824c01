/** Dropout (arXiv 1207.0580). */

import { ops, type Tensor } from "../tensor/index.js";
import { checkNumber } from "./checks.js";
import { Module } from "./module.js";

const dropout = ops.aten["dropout.default"];

/**
 * In training zeroes each element with probability `p` and divides the others by 1 - p; in evaluation gives back its
 * input itself. As torch.nn.Dropout; draws from the default generator.
 */
export class Dropout extends Module {
  readonly p: number;

  /** @throws DgsamError `ERR_ARGUMENT` unless 0 <= p <= 1 */
  constructor(p = 0.5) {
    super();
    checkNumber("Dropout: p", p, 0, 1);
    this.p = p;
  }

  forward(x: Tensor): Tensor {
    return this.training ? dropout(x, this.p, true) : x;
  }
}
