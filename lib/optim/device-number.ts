/** Numbers that schedules change, where the device reads them: late steps go by what is there when the device gets to them. */

import { full, keep, noGrad, ops, type Device, type Tensor } from "../tensor/index.js";

export class DeviceNumber {
  private held: { readonly tensor: Tensor; readonly device: Device; value: number } | null = null;

  /** A float64 scalar on the device that holds the number, in the same memory as before. Nothing is written where it did not change. */
  at(device: Device, value: number): Tensor {
    const { held } = this;
    if (held === null || held.device !== device || held.tensor.handle === 0) {
      held?.tensor.dispose();
      this.held = { tensor: keep(full([], value, { dtype: "float64", device })), device, value };
      return this.held.tensor;
    }
    if (!Object.is(held.value, value)) {
      // A kernel with the number among its arguments: there is nothing to copy, and nothing waits.
      noGrad(() => ops.aten["fill_.Scalar"](held.tensor, value));
      held.value = value;
    }
    return held.tensor;
  }

  dispose(): void {
    this.held?.tensor.dispose();
    this.held = null;
  }
}
