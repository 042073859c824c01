/** Dropout (arXiv 1207.0580). */

import { ops, type Tensor } from "../tensor/index.js";
import { checkBoolean, checkNumber, withDefaults } from "../checks.js";
import { checkTensor } from "./checks.js";
import { Module } from "./module.js";

const dropout = ops.aten["dropout.default"];
const dropoutInPlace = ops.aten["dropout_.default"];

export interface DropoutOptions {
  /** Whether it overwrites its input, which saves memory, and gives it back. Default false. */
  inplace?: boolean;
}

/**
 * In training zeroes each element with probability `p` and divides the others by 1 - p; in evaluation gives back its
 * input itself. As torch.nn.Dropout; draws from the default generator.
 */
export class Dropout extends Module {
  readonly p: number;
  readonly inplace: boolean;

  /** @throws DgsamError `ERR_ARGUMENT` unless 0 <= p <= 1 */
  constructor(p = 0.5, options: DropoutOptions = {}) {
    super();
    checkNumber("Dropout: p", p, 0, 1);
    const { inplace } = withDefaults<Required<DropoutOptions>>("Dropout", options, { inplace: false });
    checkBoolean("Dropout: inplace", inplace);
    this.p = p;
    this.inplace = inplace;
  }

  forward(x: Tensor): Tensor {
    checkTensor("Dropout.forward(x)", x);
    if (!this.training) return x;
    return this.inplace ? dropoutInPlace(x, this.p, true) : dropout(x, this.p, true);
  }
}
