/** Elementwise activations and dropout. */

import { argumentError } from "../errors.js";
import { ops, type Tensor } from "../tensor/index.js";
import { checkProbability } from "./checks.js";
import { Module } from "./module.js";

/** max(x, 0). */
export class ReLU extends Module {
  override forward(x: Tensor): Tensor {
    return ops.aten["relu.default"](x);
  }
}

/** x * Phi(x) with the normal distribution function, or its approximation by tanh. */
export class GELU extends Module {
  readonly approximate: "none" | "tanh";

  constructor({ approximate = "none" }: { approximate?: "none" | "tanh" } = {}) {
    super();
    if (approximate !== "none" && approximate !== "tanh") throw argumentError("GELU: approximate", "\"none\" or \"tanh\"", approximate);
    this.approximate = approximate;
  }

  override forward(x: Tensor): Tensor {
    return ops.aten["gelu.default"](x, { approximate: this.approximate });
  }
}

export class Tanh extends Module {
  override forward(x: Tensor): Tensor {
    return ops.aten["tanh.default"](x);
  }
}

export class Sigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return ops.aten["sigmoid.default"](x);
  }
}

/** In training zeroes each element with probability `p` and scales the others by 1/(1-p); else gives back its input. */
export class Dropout extends Module {
  constructor(readonly p = 0.5) {
    super();
    checkProbability("Dropout: p", p);
  }

  override forward(x: Tensor): Tensor {
    return ops.aten["dropout.default"](x, this.p, this.training);
  }
}
