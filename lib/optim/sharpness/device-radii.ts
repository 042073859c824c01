/** The radii of parameter groups where late operators read them. */

import type { Device, Tensor } from "../../tensor/index.js";
import { DeviceNumber } from "../device-number.js";

export class DeviceRadii<Group extends { readonly params: readonly Tensor[] }> {
  private readonly numbers = new Map<Group, DeviceNumber>();
  private readonly list: Tensor[] = [];

  /** One for each parameter, its group's: the list itself, which the next call changes. */
  at(device: Device, groups: readonly Group[], radiusOf: (group: Group) => number): Tensor[] {
    const { numbers, list } = this;
    let count = 0;
    for (const group of groups) {
      let number = numbers.get(group);
      if (number === undefined) numbers.set(group, (number = new DeviceNumber()));
      const radius = number.at(device, radiusOf(group));
      for (let left = group.params.length; left > 0; left--) list[count++] = radius;
    }
    list.length = count;
    return list;
  }

  dispose(): void {
    for (const number of this.numbers.values()) number.dispose();
    this.numbers.clear();
    this.list.length = 0;
  }
}
