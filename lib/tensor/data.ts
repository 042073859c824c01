/** Data in and out of tensors: `tensor()`, `fromBytes()`, `item()`, `toArray()`, `data()`, `toBytes()`. */

import { constants } from "node:buffer";
import { optionsOf } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import { native } from "../native.js";
import {
  CONTAINERS, type DataOf, type DTypeOfData, type Element, type ItemOf, type NestedArray, type TypedArray, type TypedArrayConstructor,
} from "./data-types.js";
import { dtypeCode, isComplex, type Device, type DType } from "./dtype.js";
import { ops } from "./operators.js";
import type { AtenOperators } from "./operators.generated.js";
import { flatten, inferDtype, ownDtype, pack } from "./pack.js";
import { setRequiresGrad, Tensor } from "./tensor.js";

export interface TensorOptions<D extends DType = DType> {
  /** Element type. Default: float32 for numbers, int64 for bigints, bool for booleans, complex64 for complex numbers, a typed array's own. */
  dtype?: D;
  /** Sizes, for flat data. Default: the nesting of the arrays. */
  shape?: readonly number[];
  /** Default `"cpu"`. */
  device?: Device;
  /** Record operations on it. Default false. */
  requiresGrad?: boolean;
}

/** Checks a shape from a user; returns it as the addon takes it. */
function shapeBits(name: string, shape: unknown): BigInt64Array {
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && (size as number) >= 0))
    throw argumentError(name, "an array of integers >= 0", shape);
  return BigInt64Array.from((shape as number[]).map(BigInt));
}

function checkDtype<D extends DType>(name: string, dtype: D): number {
  const code = typeof dtype === "string" ? dtypeCode(dtype) : undefined;
  if (code === undefined) throw argumentError(name, "a dtype such as \"float32\"", dtype);
  return code;
}

const TENSOR_OPTIONS = ["dtype", "shape", "device", "requiresGrad"] as const;

/** Moves a new CPU tensor to where the options say, and turns recording on if they say so. */
function place<D extends DType>(name: string, made: Tensor, options: TensorOptions<D>): Tensor<D> {
  const { device = "cpu", requiresGrad } = options;
  let result = made;
  if (device !== "cpu") {
    result = ops.aten["to.device"](made, device, made.dtype) as Tensor;
    made.dispose();
  }
  if (requiresGrad !== undefined) setRequiresGrad(`${name}: requiresGrad`, result, requiresGrad);
  return result as unknown as Tensor<D>;
}

/**
 * The first bytes of a regular file as a uint8 tensor over it, read when they are used. What is written to the tensor goes to the
 * file where it is shared, else nowhere. Where the file has lost what is read, a call throws `ERR_DATA` (native/mapped_file.h).
 *
 * @throws DgsamError `ERR_DATA` when it cannot be mapped, or has fewer bytes
 */
export function mapFile(path: string, bytes: number, shared: boolean): Tensor<"uint8"> {
  return new Tensor(native.mapFile(path, bytes, shared)) as unknown as Tensor<"uint8">;
}

/**
 * A tensor from raw bytes: row-major, native endian, any dtype. The bytes are copied.
 *
 * @throws DgsamError `ERR_SHAPE` when the byte count does not fit dtype and shape; `ERR_ARGUMENT`; `ERR_DTYPE`
 */
export function fromBytes<D extends DType = "uint8">(bytes: ArrayBufferView | ArrayBufferLike, options?: TensorOptions<D>): Tensor<NoInfer<D>> {
  const checked = optionsOf("fromBytes", options, TENSOR_OPTIONS);
  if (!ArrayBuffer.isView(bytes) && !(bytes instanceof ArrayBuffer || bytes instanceof SharedArrayBuffer))
    throw argumentError("fromBytes(bytes)", "an ArrayBuffer, Buffer or typed array", bytes);
  const source = byteView("fromBytes(bytes)", bytes);
  const dtype = checked.dtype ?? ("uint8" as D);
  const code = checkDtype("fromBytes: dtype", dtype);
  const size = elementBytes(dtype);
  if (checked.shape === undefined && source.byteLength % size !== 0)
    throw new DgsamError("ERR_SHAPE", `fromBytes: ${source.byteLength} bytes are not a whole number of ${dtype} elements of ${size} bytes`);
  const sizes = checked.shape ?? [source.byteLength / size];
  const shape = shapeBits("fromBytes: shape", sizes);
  const due = product(sizes) * size;
  if (due !== source.byteLength)
    throw new DgsamError("ERR_SHAPE", `fromBytes: shape [${sizes.join(", ")}] of dtype ${dtype} holds ${due} bytes, got ${source.byteLength}`);
  return place("fromBytes", new Tensor(native.fromBytes(source, code, shape)), checked);
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((count, size) => count * size, 1);
}

/** The bytes of a buffer or view, as the addon takes them. */
function byteView(name: string, bytes: ArrayBufferView | ArrayBufferLike): Uint8Array {
  const [buffer, start, length] = ArrayBuffer.isView(bytes) ? [bytes.buffer, bytes.byteOffset, bytes.byteLength] : [bytes, 0, bytes.byteLength];
  let view: Uint8Array;
  try {
    view = new Uint8Array(buffer, start, length);
  } catch (cause) {
    throw new DgsamError("ERR_ARGUMENT", `${name}: the buffer is detached: it was transferred to somebody else`, { cause });
  }
  // A shared buffer could change while it is copied, and Node-API refuses it: copy it here.
  return buffer instanceof SharedArrayBuffer ? view.slice() : view;
}

/** The bytes of one element. */
export function elementBytes(dtype: DType): number {
  if (dtype === "complex128") return 16;
  if (dtype === "complex64") return 8;
  if (dtype === "complex32") return 4;
  return (CONTAINERS[dtype] as unknown as { BYTES_PER_ELEMENT: number } | undefined)?.BYTES_PER_ELEMENT ?? 1;
}

/**
 * A tensor from JavaScript values: one number, nested arrays, or a typed array. The data is copied.
 *
 * Numbers make float32 (PyTorch makes int64 of Python ints; JavaScript has no integers to tell apart), bigints int64,
 * booleans bool, typed arrays their own dtype; arrays of typed arrays of one class are rows. An integer `dtype` cuts
 * fractions and refuses what it cannot hold; the elements of a typed array are converted as `to()` does.
 *
 * @throws DgsamError `ERR_SHAPE` when nested arrays are irregular or do not fit `shape`; `ERR_ARGUMENT`, also for a number
 *   that does not fit `dtype`; `ERR_DTYPE` for `requiresGrad` with a dtype that has no gradient
 */
export function tensor<T extends Element | NestedArray | NestedArray<TypedArray> | TypedArray, D extends DType = DTypeOfData<T>>(
  data: T, options?: TensorOptions<D>,
): Tensor<NoInfer<D>> {
  if ((data as unknown) instanceof Tensor) throw new DgsamError("ERR_ARGUMENT", "tensor(data): data is a Tensor already; use t.clone() or t.to(...)");
  const checked = optionsOf("tensor", options, TENSOR_OPTIONS);
  if (checked.dtype !== undefined) checkDtype("tensor: dtype", checked.dtype);
  let made: Tensor;
  if (ArrayBuffer.isView(data)) {
    const own = ownDtype(data);
    if (own === undefined) throw argumentError("tensor(data)", "numbers, arrays or a typed array", data);
    made = fromElements(data, own, checked.shape ?? [data.length]);
  } else {
    const { flat, shape, own } = flatten(data);
    const inferred = inferDtype(flat);
    const packed = pack(flat, own ?? checked.dtype ?? inferred);
    made = fromElements(packed.bytes, packed.dtype, checked.shape ?? shape);
    if (checked.dtype === undefined && packed.dtype !== (own ?? inferred)) made = converted(made, own ?? inferred);
  }
  if (checked.dtype !== undefined && made.dtype !== checked.dtype) made = converted(made, checked.dtype);
  return place("tensor", made, checked);
}

function fromElements(values: TypedArray, dtype: DType, shape: readonly number[]): Tensor {
  const bits = shapeBits("tensor: shape", shape);
  const count = product(shape);
  const perElement = isComplex(dtype) ? 2 : 1;
  if (count * perElement !== values.length)
    throw new DgsamError("ERR_SHAPE", `tensor(data): shape [${shape.join(", ")}] holds ${count} elements, but the data has ${values.length / perElement}`);
  return fromBytesRaw(values, dtype, bits);
}

function fromBytesRaw(values: TypedArray, dtype: DType, shape: BigInt64Array): Tensor {
  return new Tensor(native.fromBytes(byteView("tensor(data)", values), dtypeCode(dtype)!, shape));
}

function converted(from: Tensor, dtype: DType): Tensor {
  const result = ops.aten["to.dtype"](from, dtype) as Tensor;
  from.dispose();
  return result;
}

/** Copies the elements, in row-major order, to `bytes`, which must be as many. @throws DgsamError `ERR_SHAPE` */
export function copyInto(source: Tensor, bytes: Uint8Array): void {
  native.copyInto(source.handle, bytes);
}

/**
 * Gives up bytes that nobody else has: the garbage collector counts them no more, which runs for every few dozen MB. Bytes that are not all of their
 * buffer stay, such as those of WebAssembly.
 */
export function discard(bytes: Uint8Array): void {
  if (bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength) native.discard(bytes);
}

declare module "./tensor.js" {
  interface Tensor<D extends DType> {
    /**
     * The value of a tensor of one element: a number, a bigint for int64 beyond 2^53, a boolean, or `{ re, im }`.
     *
     * @throws DgsamError `ERR_SHAPE` for any other number of elements
     */
    item(): ItemOf<D>;
    /** All elements as nested arrays; a bare value for a scalar. int64 gives numbers, and bigints beyond 2^53. */
    toArray(): NestedArray | Element;
    /**
     * A copy of all elements in row-major order: int64 as BigInt64Array, bool as Uint8Array, float16 and bfloat16 as
     * Uint16Array bits, complex numbers interleaved.
     */
    data(): DataOf<D>;
    /** A copy of all elements as bytes: row-major, native endian, every dtype. {@link fromBytes} reads it. */
    toBytes(): Uint8Array;
  }
}

/** Methods may be called on anything: `Tensor.prototype.item.call({})`. */
function checkSelf(name: string, self: unknown): void {
  if (!(self instanceof Tensor)) throw argumentError(`${name}: this`, "a Tensor", self);
}

function copyOut(name: string, source: Tensor, Container: TypedArrayConstructor): TypedArray {
  const bytes = source.numel * elementBytes(source.dtype);
  if (bytes > constants.MAX_LENGTH)
    throw new DgsamError("ERR_OOM", `${name}: ${bytes} bytes are more than the ${constants.MAX_LENGTH} that one typed array holds; copy slices`);
  // With the tensor itself, so that it lives while the call lasts: memory that runs out has what nobody refers to freed.
  return new Container(native.copyBytes(source.handle, source));
}

Tensor.prototype.toBytes = function toBytes(): Uint8Array {
  checkSelf("toBytes()", this);
  return copyOut("toBytes()", this, Uint8Array) as Uint8Array;
};

Tensor.prototype.data = function data(this: Tensor) {
  checkSelf("data()", this);
  return copyOut("data()", this, CONTAINERS[this.dtype] ?? Uint8Array);
} as <D extends DType>(this: Tensor<D>) => DataOf<D>;

// Looked up once: the name costs as much as the call.
let scalarOf: AtenOperators["_local_scalar_dense.default"] | undefined;

Tensor.prototype.item = function item(this: Tensor) {
  checkSelf("item()", this);
  const { numel } = this;
  if (numel !== 1) throw new DgsamError("ERR_SHAPE", `item(): expected a tensor of one element, got shape [${this.shape.join(", ")}]; use toArray() or data()`);
  scalarOf ??= ops.aten["_local_scalar_dense.default"];
  return scalarOf(this.layout === "strided" ? this : (ops.aten["to_dense.default"](this) as Tensor));
} as <D extends DType>(this: Tensor<D>) => ItemOf<D>;

function toNumber(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** All elements as JavaScript values, in row-major order. */
function elements(source: Tensor): Element[] {
  const { dtype } = source;
  switch (dtype) {
    case "bool":
      return Array.from(source.data() as Uint8Array, (value) => value !== 0);
    case "int64":
    case "uint64":
      return Array.from(source.data() as BigInt64Array, toNumber);
    case "complex64":
    case "complex128": {
      const data = source.data() as Float64Array;
      return Array.from({ length: data.length / 2 }, (_, i) => ({ re: data[2 * i]!, im: data[2 * i + 1]! }));
    }
    case "uint8": case "int8": case "int16": case "int32": case "uint16": case "uint32": case "float32": case "float64":
      return Array.from(source.data() as Float64Array);
    default: {
      // What JavaScript cannot read, LibTorch widens.
      const wide = dtype.startsWith("q") ? ops.aten["dequantize.self"](source) : ops.aten["to.dtype"](source, isComplex(dtype) ? "complex64" : "float64");
      try {
        return elements(wide);
      } finally {
        wide.dispose();
      }
    }
  }
}

Tensor.prototype.toArray = function toArray(): NestedArray | Element {
  checkSelf("toArray()", this);
  const { shape } = this;
  const flat = elements(this);
  let at = 0;
  const nest = (depth: number): NestedArray | Element =>
    depth === shape.length ? flat[at++]! : Array.from({ length: shape[depth]! }, () => nest(depth + 1));
  return nest(0);
};
