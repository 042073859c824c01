/**
 * The tensor class: a typed handle to a LibTorch tensor.
 *
 * This file holds what every tensor has: identity, properties, gradient, release. The operators come as methods from
 * methods.ts, data from data.ts, differentiation from autograd.ts, printing from print.ts: each adds to this class.
 */

import { argumentError, DgsamError } from "../errors.js";
import { native, type Handle } from "../native.js";
import { DgsamWarning } from "../warnings.js";
import { DTYPES, isDifferentiable, LAYOUTS, type Device, type DType, type Layout } from "./dtype.js";
import { callFrame, growFrame } from "./frame-memory.js";
import { noteGradientChange } from "./gradient-changes.js";
import { release, track, type HandleOwner } from "./lifetime.js";
import { Tag } from "./tags.js";

/**
 * A multi-dimensional array of one dtype on one device, with optional gradient. `D` is its dtype where the program
 * knows it.
 *
 * Tensors own native memory: free them by `scope()`, by `dispose()` or `using`; the garbage collector frees the rest.
 */
export class Tensor<D extends DType = DType> implements HandleOwner {
  /** @internal */
  handle: Handle;
  /** @internal */
  tracking = 0;

  /** Takes over a handle the addon made. Use `tensor()`, `zeros()` and the like. @internal */
  constructor(handle: Handle) {
    if (typeof handle !== "number")
      throw new DgsamError("ERR_ARGUMENT", "new Tensor() is not for data: use tensor(data), zeros(shape) or fromBytes(bytes, ...)");
    this.handle = handle;
    track(this);
  }

  /** The size of each dimension; `[]` for a scalar. */
  get shape(): number[] {
    const frame = describe(this);
    const ndim = frame[1]!;
    const shape = new Array<number>(ndim);
    for (let i = 0; i < ndim; i++) shape[i] = frame[2 + i]!;
    return shape;
  }

  /** The element type, such as `"float32"`. */
  get dtype(): D {
    return DTYPES[describe(this)[0]!] as D;
  }

  /** The number of dimensions. */
  get ndim(): number {
    return describe(this)[1]!;
  }

  /** The number of elements. */
  get numel(): number {
    const frame = describe(this);
    let count = 1;
    for (let i = 0, ndim = frame[1]!; i < ndim; i++) count *= frame[2 + i]!;
    return count;
  }

  /** Where the data lies: `"cpu"`, `"cuda:0"`, ... */
  get device(): Device {
    return native.deviceOf(this.handle);
  }

  /** `"strided"` for dense tensors, or a sparse layout. */
  get layout(): Layout {
    return LAYOUTS[native.layoutOf(this.handle)]!;
  }

  /** Steps between elements, one per dimension, in elements. */
  get strides(): number[] {
    return native.stridesOf(this.handle);
  }

  /** Whether no operation that autograd records made it. Only leaves collect gradients in `backward()`. */
  get isLeaf(): boolean {
    return native.isLeaf(this.handle);
  }

  /** Whether it was made in `inferenceMode()`. */
  get isInference(): boolean {
    return native.isInference(this.handle);
  }

  /** Whether operations on this tensor are recorded for differentiation. Set it on leaves of a floating or complex dtype. */
  get requiresGrad(): boolean {
    return native.requiresGrad(this.handle);
  }

  set requiresGrad(value: boolean) {
    setRequiresGrad("requiresGrad", this, value);
  }

  /** The gradient that `backward()` summed up, of this tensor's shape; `null` when there is none. */
  get grad(): Tensor<D> | null {
    return gradients([this])[0] as Tensor<D> | null;
  }

  set grad(value: Tensor | null) {
    setGradients([this], [value]);
  }

  /** How often the data was changed in place. Autograd compares it to find stale graphs. */
  get version(): number {
    const frame = callFrame();
    frame[0] = Tag.Tensor;
    frame[1] = this.handle;
    native.version();
    return frame[0]!;
  }

  /** Whether the native memory was released. Every other use of a disposed tensor is an `ERR_DISPOSED`. */
  get disposed(): boolean {
    return this.handle === 0;
  }

  /** Releases the native handle now; the memory goes when nothing else uses it. Calling it again does nothing. */
  dispose(): void {
    release(this);
  }

  [Symbol.dispose](): void {
    release(this);
  }

  /** The tensor itself to a replacer of `JSON.stringify()`. Where none takes it, the text has no data, and a warning says so once (`WARN_JSON`). */
  toJSON(): this {
    return Object.create(this, { tensorWithoutData: { enumerable: true, get: () => withoutData(this) } }) as this;
  }
}

let warnedOfJson = false;

function withoutData(tensor: Tensor): string {
  if (!warnedOfJson) process.emitWarning(new DgsamWarning("WARN_JSON", "JSON.stringify() leaves out the data of tensors; saveWeights() writes them to a file, toArray() gives the numbers of a small one, a replacer may take them out"));
  warnedOfJson = true;
  return tensor.disposed ? "disposed" : `${tensor.dtype} [${tensor.shape.join(", ")}]`;
}

/** Turns recording on or off; `what` names the option or property for messages. */
export function setRequiresGrad(what: string, tensor: Tensor, value: boolean): void {
  if (typeof value !== "boolean") throw argumentError(what, "a boolean", value);
  if (value && !isDifferentiable(tensor.dtype))
    throw new DgsamError("ERR_DTYPE", `${what}: expected a floating-point or complex dtype for a gradient, got ${tensor.dtype}`);
  const frame = callFrame();
  frame[0] = Tag.Tensor;
  frame[1] = tensor.handle;
  frame[2] = Tag.Bool;
  frame[3] = value ? 1 : 0;
  native.setRequiresGrad();
}

/** Leaves [dtype code, ndim, sizes...] in the call frame. */
function describe(tensor: Tensor): Float64Array {
  const frame = callFrame();
  frame[0] = Tag.Tensor;
  frame[1] = tensor.handle;
  return native.describe() ?? frame;
}

function writeTensors(tensors: readonly (Tensor | null)[], what: string, start: number): number {
  const frame = growFrame(start + 2 + 2 * tensors.length + 64);
  let at = start;
  frame[at++] = Tag.List;
  frame[at++] = tensors.length;
  for (const each of tensors) {
    if (each === null) {
      frame[at++] = Tag.None;
    } else if (each instanceof Tensor) {
      frame[at++] = Tag.Tensor;
      frame[at++] = each.handle;
    } else {
      throw argumentError(what, "a Tensor or null", each);
    }
  }
  return at;
}

function readTensors(frame: Float64Array): (Tensor | null)[] {
  const result = new Array<Tensor | null>(frame[1]!);
  for (let i = 0, at = 2; i < result.length; i++) {
    if (frame[at++] === Tag.None) result[i] = null;
    else result[i] = new Tensor(frame[at++]!);
  }
  return result;
}

/** The gradients of many tensors in one native call; `null` where there is none. */
export function gradients(tensors: readonly Tensor[]): (Tensor | null)[] {
  writeTensors(tensors, "gradients(tensors)", 0);
  return readTensors(native.grads() ?? callFrame());
}

/** Sets the gradients of many tensors in one native call; `null` clears. Shapes, dtypes and devices must agree. */
export function setGradients(tensors: readonly Tensor[], values: readonly (Tensor | null)[]): void {
  const at = writeTensors(tensors, "setGradients(tensors)", 0);
  writeTensors(values, "grad", at);
  noteGradientChange();
  native.setGrads();
}

/** Clears the gradients of many tensors in one native call, or fills them with zeros where `setToNone` is false. */
export function zeroGradients(tensors: readonly Tensor[], setToNone = true): void {
  const at = writeTensors(tensors, "zeroGradients(tensors)", 0);
  const frame = callFrame();
  frame[at] = Tag.Bool;
  frame[at + 1] = setToNone ? 0 : 1;
  noteGradientChange();
  native.zeroGrads();
}

/** @internal For autograd.ts. */
export const tensorLists = { write: writeTensors, read: readTensors };
