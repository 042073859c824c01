/** Memory that late steps of one native call use one after the other, so that a graph of such a step finds it where it was. */

import { keep, zeros, type Device, type Tensor } from "../../tensor/index.js";

export class LateMemory {
  /** The ledger's numbers; the step zeroes them. */
  numbers!: Tensor;
  /** Whether the step has stopped: a float32 scalar. */
  flag!: Tensor;
  device: Device = "cpu";
  private room = 0;
  private wanted = 0;

  /** Makes it, on the device and with room for so many numbers, where it is not there yet. */
  prepare(device: Device, size: number): void {
    const room = Math.max(size, this.wanted);
    if (this.room >= room && this.device === device) return;
    this.dispose();
    this.numbers = keep(zeros([1 + room], { dtype: "float64", device }));
    this.flag = keep(zeros([], { device }));
    this.device = device;
    this.room = room;
  }

  /** Whether there is room for a number at a place; where there is not, the next step has more. */
  has(place: number): boolean {
    if (place <= this.room) return true;
    this.wanted = Math.max(this.wanted, 2 * place);
    return false;
  }

  dispose(): void {
    if (this.room > 0) for (const each of [this.numbers, this.flag]) each.dispose();
    this.room = 0;
  }
}
