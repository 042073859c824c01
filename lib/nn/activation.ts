/** Elementwise nonlinearities: any shape in, the same out. */

import { ops, type Tensor } from "../tensor/index.js";
import { checkBoolean, checkChoice, withDefaults } from "../checks.js";
import { Module } from "./module.js";

const relu = ops.aten["relu.default"];
const reluInPlace = ops.aten["relu_.default"];
const gelu = ops.aten["gelu.default"];
const tanh = ops.aten["tanh.default"];
const sigmoid = ops.aten["sigmoid.default"];

export interface ReLUOptions {
  /** Whether it overwrites its input, which saves memory, and gives it back. Default false. */
  inplace?: boolean;
}

/** max(x, 0) */
export class ReLU extends Module {
  readonly inplace: boolean;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(options: ReLUOptions = {}) {
    super();
    const { inplace } = withDefaults<Required<ReLUOptions>>("ReLU", options, { inplace: false });
    checkBoolean("ReLU: inplace", inplace);
    this.inplace = inplace;
  }

  forward(x: Tensor): Tensor {
    return this.inplace ? reluInPlace(x) : relu(x);
  }
}

export interface GELUOptions {
  /** `"none"`, the default, for the exact function; `"tanh"` for its approximation 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
  approximate?: "none" | "tanh";
}

/** x times the standard normal distribution function of x (arXiv 1606.08415). */
export class GELU extends Module {
  readonly approximate: "none" | "tanh";

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(options: GELUOptions = {}) {
    super();
    const { approximate } = withDefaults<Required<GELUOptions>>("GELU", options, { approximate: "none" });
    checkChoice("GELU: approximate", approximate, ["none", "tanh"]);
    this.approximate = approximate;
  }

  forward(x: Tensor): Tensor {
    return gelu(x, { approximate: this.approximate });
  }
}

/** The hyperbolic tangent. */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/** 1 / (1 + exp(-x)) */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}
