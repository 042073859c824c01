/**
 * AdamW, as `torch.optim.AdamW` computes it: `p <- p (1 - lr * weightDecay)`, then Adam without weight decay.
 *
 * Source: torch/optim/adam.py with `decoupled_weight_decay`; Loshchilov and Hutter, arXiv 1711.05101.
 */
import { Adam, type AdamOptions } from "./adam.js";
import type { ParamGroup, ParamsInput } from "./optimizer.js";

export class AdamW extends Adam {
  constructor(params: ParamsInput<AdamOptions>, options: AdamOptions = {}) {
    super(params, { weightDecay: 1e-2, ...options });
  }

  protected override update(group: ParamGroup<AdamOptions>, index: number, param: Float64Array, grad: Float64Array): void {
    const kept = 1 - group.lr * group.weightDecay;
    for (let i = 0; i < param.length; i++) param[i]! *= kept;
    super.update({ ...group, weightDecay: 0 }, index, param, grad);
  }
}
