/** Stochastic depth (arXiv 1603.09382). */

import { checkChoice, checkNumber } from "../checks.js";
import { empty, noGrad, ops, type Tensor } from "../tensor/index.js";
import { checkTensor } from "./checks.js";
import { Module } from "./module.js";

const bernoulli = ops.aten["bernoulli_.float"];
const divide = ops.aten["div_.Scalar"];
const multiply = ops.aten["mul.Tensor"];

/** What is dropped together: the whole minibatch, or each example by itself. */
export type StochasticDepthMode = "batch" | "row";

/**
 * In training zeroes its input with probability `p` and divides by 1 - p what is left; in evaluation gives back its input
 * itself. It stands at the end of a residual branch, which is so left out at times. As torchvision.ops.StochasticDepth;
 * draws from the default generator.
 */
export class StochasticDepth extends Module {
  readonly p: number;
  readonly mode: StochasticDepthMode;

  /** @throws DgsamError `ERR_ARGUMENT` unless 0 <= p <= 1 */
  constructor(p: number, mode: StochasticDepthMode) {
    super();
    checkNumber("StochasticDepth: p", p, 0, 1);
    checkChoice("StochasticDepth: mode", mode, ["batch", "row"]);
    this.p = p;
    this.mode = mode;
  }

  /** x [N, ...] -> the same shape */
  forward(x: Tensor): Tensor {
    checkTensor("StochasticDepth.forward(x)", x);
    if (!this.training || this.p === 0) return x;
    const survival = 1 - this.p;
    const shape = x.shape.map((size, axis) => (axis === 0 && this.mode === "row" ? size : 1));
    const noise = noGrad(() => {
      const kept = bernoulli(empty(shape, { dtype: x.dtype, device: x.device }), survival);
      return survival > 0 ? divide(kept, survival) : kept;
    });
    return multiply(x, noise);
  }
}
