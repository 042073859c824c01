/** Optimizers whose step on a GPU is kernels of our own (native/ops/cuda/optimizers.cc). Elsewhere LibTorch's foreach functions take it. */

import { kernelsServe } from "../../tensor/internal.js";
import type { Device, Tensor } from "../../tensor/index.js";
import { Optimizer, type ParamGroup } from "./optimizer.js";

export abstract class SweptOptimizer<O extends { lr: number }> extends Optimizer<O> {
  // Foreach functions divide by numbers that the host forms of the step count: without kernels it lies there, where nothing waits for it.
  protected override scalarDevice(parameter: Tensor): Device {
    const { device } = parameter;
    return kernelsServe(device) ? device : "cpu";
  }

  // Who has no kernels would wait for the flag.
  protected override takesFoundInf(group: ParamGroup<O>): boolean {
    return group.params.every(({ device }) => device === "cpu" || kernelsServe(device));
  }

  protected override readsRatesExactly(): boolean {
    return true;
  }

  /** The learning rate as the operators of these optimizers take it, `lr` in its place and `more` after all else: what replaces it in a late step, and the step's flag. */
  protected rateOf(group: ParamGroup<O>): { lr: number; more: [rate: Tensor | null, foundInf: Tensor | null] } {
    const late = this.lateArguments(group);
    // A number that schedules change would be one that a graph was captured with.
    return late === null ? { lr: group.lr, more: [null, null] } : { lr: 0, more: [late.rate, late.flag] };
  }
}
