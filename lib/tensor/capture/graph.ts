import { native, type Handle } from "../../native.js";
import { handleRegistry } from "../garbage.js";

const registry = handleRegistry((graph) => native.releaseGraph(graph));

/** A captured step. */
export class Graph {
  /**
   * @param number by which the addon knows it
   * @param told what its commands tell, the same in each step: a step that waits for nothing tells no more than how many gradients there were
   */
  constructor(readonly number: Handle, readonly told: Float64Array) {
    registry.register(this, number, this);
  }

  dispose(): void {
    registry.unregister(this);
    native.releaseGraph(this.number);
  }
}
