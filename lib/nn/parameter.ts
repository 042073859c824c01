/** What a tensor is to its module: a parameter, a buffer, or a passing value. */

import type { Handle } from "../native.js";
import { empty, keep, ops, scope, Tensor, type Device, type DType } from "../tensor/index.js";
import { checkBoolean, withDefaults } from "../checks.js";
import { checkTensor } from "./checks.js";

/** Where a layer makes its parameters. */
export interface Placement {
  /** Element type of parameters and buffers. Default `"float32"`. */
  dtype?: DType;
  /** Default `"cpu"`. */
  device?: Device;
}

/** A new handle to the data of `tensor`, outside its graph. */
function detachedHandle(what: string, tensor: unknown): Handle {
  checkTensor(what, tensor);
  // In a scope of its own the wrapper is listed there, not with the garbage collector, which would free the handle later.
  return scope(() => {
    const detached = ops.aten["detach.default"](tensor);
    const { handle } = detached;
    detached.handle = 0;
    return handle;
  });
}

/**
 * A tensor that training changes. As a field of a module it is one of its parameters, also while it is frozen
 * (`requiresGrad` false). It outlives every scope: `dispose()` or the garbage collector frees it.
 */
export class Parameter<D extends DType = DType> extends Tensor<D> {
  /**
   * A leaf on the memory of `tensor`.
   *
   * @throws DgsamError `ERR_ARGUMENT`; `ERR_DTYPE` when the dtype cannot be differentiated
   */
  constructor(tensor: Tensor<D>, options: { requiresGrad?: boolean } = {}) {
    const { requiresGrad } = withDefaults("new Parameter(tensor)", options, { requiresGrad: true });
    checkBoolean("new Parameter(tensor): requiresGrad", requiresGrad);
    super(detachedHandle("new Parameter(tensor)", tensor));
    keep(this);
    this.requiresGrad = requiresGrad;
  }
}

/**
 * A tensor that belongs to a module but is not trained, such as a running mean (torch.nn.Buffer; it hides Node's global
 * of that name where it is imported). It outlives every scope, as a {@link Parameter}.
 */
export class Buffer<D extends DType = DType> extends Tensor<D> {
  /** Whether state dicts hold it. */
  readonly persistent: boolean;

  /**
   * A tensor on the memory of `tensor`, outside its graph.
   *
   * @throws DgsamError `ERR_ARGUMENT`
   */
  constructor(tensor: Tensor<D>, options: { persistent?: boolean } = {}) {
    const { persistent } = withDefaults("new Buffer(tensor)", options, { persistent: true });
    checkBoolean("new Buffer(tensor): persistent", persistent);
    super(detachedHandle("new Buffer(tensor)", tensor));
    keep(this);
    this.persistent = persistent;
  }
}

/** A parameter that `fill` initialises in place. */
export function makeParameter(shape: readonly number[], { dtype, device }: Required<Placement>, fill: (tensor: Tensor) => void): Parameter {
  return scope(() => {
    const parameter = new Parameter(empty(shape, { dtype, device }));
    fill(parameter);
    return parameter;
  });
}

/** A persistent buffer of what `make` makes. */
export function makeBuffer(make: () => Tensor): Buffer {
  return scope(() => new Buffer(make()));
}

export type Role = "parameter" | "buffer";

// Plain tensors that were seen as parameters: they stay so when they are frozen later.
const adopted = new WeakSet<Tensor>();

/** Makes a plain tensor a parameter, also while it is frozen. */
export function adopt(tensor: Tensor): void {
  adopted.add(keep(tensor));
}

/**
 * What a tensor in a module's field is. A plain tensor is a parameter from the first time that it is seen as a leaf
 * that requires a gradient, and then outlives scopes as well; other plain leaves are buffers. Results of recorded
 * operations, and tensors that a scope has freed, are values that `forward` left there: no part of the module.
 */
export function roleOf(tensor: Tensor): Role | null {
  if (tensor instanceof Parameter || adopted.has(tensor)) return "parameter";
  if (tensor instanceof Buffer) return "buffer";
  if (tensor.disposed || !tensor.isLeaf) return null;
  if (!tensor.requiresGrad) return "buffer";
  adopt(tensor);
  return "parameter";
}
