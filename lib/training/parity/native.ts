/** The native optimizers on the fixed problem. */

import { DomainOrder } from "../../optim/sharpness/domain-order.js";
import * as reference from "../../reference/index.js";
import { getNumThreads, noGrad, ops, scope, setNumThreads, tensor, type DType, type Tensor } from "../../tensor/index.js";
import type { Trajectory } from "./measure.js";
import { PARITY_STEPS, type ParityRun, type Variant } from "./runs.js";

const SEED = 0;

/** The order in which the domains are visited at every step. */
export function ordersOf({ drawsOrder }: Variant): readonly (readonly number[])[] {
  if (!drawsOrder) return reference.problemOrders(PARITY_STEPS);
  const visits = new DomainOrder("random", SEED);
  return Array.from({ length: PARITY_STEPS }, () => visits.next(reference.PROBLEM_DOMAINS));
}

/** Trains with the native optimizers, on one thread. */
export function trainNative(run: ParityRun, device = "cpu"): Trajectory {
  // LibTorch's fused optimizers start every thread for tensors of any size; on a busy machine most of the time then goes
  // into waiting for them.
  const threads = getNumThreads();
  setNumThreads(1);
  try {
    return scope(() => trainInScope(run, device));
  } finally {
    setNumThreads(threads);
  }
}

function trainInScope({ variant, base, dtype }: ParityRun, device: string): Trajectory {
  const params = nativeParams(dtype, device);
  const closures = nativeClosures(params);
  const own = variant.algorithm === "DGSAM" ? { order: variant.drawsOrder ? "random" : "fixed", seed: SEED } : {};
  const optimizer = new variant.Native(params, base.Native, { ...own, ...variant.options, ...base.options });
  return ordersOf(variant).map((order) => {
    // The problem's own order is given by permuting the closures.
    scope(() => optimizer.step(variant.drawsOrder ? closures : order.map((domain) => closures[domain]!)));
    return noGrad(() => params.map((param) => param.data() as Float32Array | Float64Array));
  });
}

/** The problem's parameters at its start. */
export function nativeParams(dtype: DType, device: string): Tensor[] {
  const shapes = reference.parameterShapes(reference.PROBLEM_SIZES);
  return reference.problemParams().map((values, index) => tensor([...values], { dtype, device, shape: shapes[index]!, requiresGrad: true }));
}

/** The loss of each domain over these parameters. */
export function nativeClosures(params: readonly Tensor[]): (() => Tensor)[] {
  const { dtype, device } = params[0]!;
  return reference.problemBatches().map(({ x, y }) => {
    const inputs = tensor([...x], { dtype, device, shape: [reference.PROBLEM_EXAMPLES, reference.PROBLEM_SIZES[0]!] });
    const labels = tensor(y, { dtype: "int64", device });
    return () => ops.aten.cross_entropy_loss(forward(params, inputs), labels);
  });
}

function forward(params: readonly Tensor[], x: Tensor): Tensor {
  let output = x;
  for (let index = 0; index < params.length; index += 2) {
    if (index > 0) output = output.tanh();
    output = ops.aten.linear(output, params[index]!, params[index + 1]!);
  }
  return output;
}
