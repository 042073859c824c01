/** Elementwise nonlinearities: any shape in, the same out. */

import { ops, type Tensor } from "../tensor/index.js";
import { checkBoolean, checkChoice, withDefaults } from "../checks.js";
import { Module } from "./module.js";

const relu = ops.aten["relu.default"];
const reluInPlace = ops.aten["relu_.default"];
const hardtanh = ops.aten["hardtanh.default"];
const hardtanhInPlace = ops.aten["hardtanh_.default"];
const silu = ops.aten["silu.default"];
const siluInPlace = ops.aten["silu_.default"];
const hardswish = ops.aten["hardswish.default"];
const hardswishInPlace = ops.aten["hardswish_.default"];
const hardsigmoid = ops.aten["hardsigmoid.default"];
const hardsigmoidInPlace = ops.aten["hardsigmoid_.default"];
const gelu = ops.aten["gelu.default"];
const tanh = ops.aten["tanh.default"];
const sigmoid = ops.aten["sigmoid.default"];

export interface InplaceOptions {
  /** Whether it overwrites its input, which saves memory, and gives it back. Default false. */
  inplace?: boolean;
}

/** A nonlinearity that may overwrite its input. */
abstract class InplaceActivation extends Module {
  readonly inplace: boolean;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(options: InplaceOptions = {}) {
    super();
    const name = new.target.name;
    const { inplace } = withDefaults<Required<InplaceOptions>>(name, options, { inplace: false });
    checkBoolean(`${name}: inplace`, inplace);
    this.inplace = inplace;
  }
}

/** max(x, 0) */
export class ReLU extends InplaceActivation {
  forward(x: Tensor): Tensor {
    return this.inplace ? reluInPlace(x) : relu(x);
  }
}

/** min(max(x, 0), 6) */
export class ReLU6 extends InplaceActivation {
  forward(x: Tensor): Tensor {
    return this.inplace ? hardtanhInPlace(x, 0, 6) : hardtanh(x, 0, 6);
  }
}

/** x sigmoid(x), also known as swish (arXiv 1702.03118). In place it saves no memory where gradients are recorded: they need the input. */
export class SiLU extends InplaceActivation {
  forward(x: Tensor): Tensor {
    return this.inplace ? siluInPlace(x) : silu(x);
  }
}

/** x ReLU6(x + 3) / 6 (arXiv 1905.02244). In place it saves no memory where gradients are recorded: they need the input. */
export class Hardswish extends InplaceActivation {
  forward(x: Tensor): Tensor {
    return this.inplace ? hardswishInPlace(x) : hardswish(x);
  }
}

/** ReLU6(x + 3) / 6 */
export class Hardsigmoid extends InplaceActivation {
  forward(x: Tensor): Tensor {
    return this.inplace ? hardsigmoidInPlace(x) : hardsigmoid(x);
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
