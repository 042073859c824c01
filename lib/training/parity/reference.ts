/** The float64 twins on the fixed problem. */

import { makeProblem } from "../../reference/index.js";
import type { Trajectory } from "./measure.js";
import { ordersOf } from "./native.js";
import type { ParityRun } from "./runs.js";

/** Trains with the twins, which know float64 only. */
export function trainReference({ variant, base }: Pick<ParityRun, "variant" | "base">): Trajectory {
  const { net, closures, meanClosure } = makeProblem();
  const twin = new variant.Twin(net.params, base.Twin, { ...variant.options, ...variant.twinOptions, ...base.options });
  return ordersOf(variant).map((order) => {
    twin.step(variant.meanLoss ? meanClosure : closures, order);
    return net.params.map((param) => param.slice());
  });
}
