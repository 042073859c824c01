/** Data in and out of tensors: `tensor()`, `fromBytes()`, `item()`, `toArray()`, `data()`, `toBytes()`. */

import { constants } from "node:buffer";
import { argumentError, describeValue, DgsamError } from "../errors.js";
import { native } from "../native.js";
import { dtypeCode, isComplex, type Device, type DType } from "./dtype.js";
import { isComplexValue } from "./frame.js";
import { ops } from "./operators.js";
import type { AtenOperators } from "./operators.generated.js";
import { Complex, type ComplexValue } from "./scalars.js";
import { Tensor } from "./tensor.js";

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

/** One number of any kind that a tensor holds. */
export type Element = number | bigint | boolean | Complex | ComplexValue;
/** Numbers in arrays nested to any depth, all of one length per level. */
export type NestedArray<T = Element> = readonly (T | NestedArray<T>)[];
export type TypedArray =
  | Int8Array | Uint8Array | Uint8ClampedArray | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array | BigInt64Array | BigUint64Array;

/** The typed array that holds a dtype's elements; complex numbers lie interleaved, 16-bit floats as their bits. */
export interface DataTypes {
  uint8: Uint8Array; int8: Int8Array; int16: Int16Array; int32: Int32Array; int64: BigInt64Array;
  uint16: Uint16Array; uint32: Uint32Array; uint64: BigUint64Array;
  float16: Uint16Array; bfloat16: Uint16Array; float32: Float32Array; float64: Float64Array;
  complex32: Uint16Array; complex64: Float32Array; complex128: Float64Array; bool: Uint8Array;
}
export type DataOf<D extends DType> = D extends keyof DataTypes ? DataTypes[D] : Uint8Array;

type TypedArrayConstructor = new (buffer: ArrayBuffer) => TypedArray;

const CONTAINERS: Partial<Record<DType, TypedArrayConstructor>> = {
  uint8: Uint8Array, int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array,
  uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array,
  float16: Uint16Array, bfloat16: Uint16Array, float32: Float32Array, float64: Float64Array,
  complex32: Uint16Array, complex64: Float32Array, complex128: Float64Array, bool: Uint8Array,
  qint8: Int8Array, quint8: Uint8Array, qint32: Int32Array,
};

const OWN_DTYPES: readonly (readonly [abstract new (...args: never[]) => TypedArray, DType])[] = [
  [Float32Array, "float32"], [Float64Array, "float64"], [BigInt64Array, "int64"], [BigUint64Array, "uint64"],
  [Int8Array, "int8"], [Uint8Array, "uint8"], [Uint8ClampedArray, "uint8"], [Int16Array, "int16"],
  [Uint16Array, "uint16"], [Int32Array, "int32"], [Uint32Array, "uint32"],
];

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

/** Moves a new CPU tensor to where the options say, and turns recording on if they say so. */
function place<D extends DType>(name: string, made: Tensor, options: TensorOptions<D>): Tensor<D> {
  const { device = "cpu", requiresGrad = false } = options;
  if (typeof requiresGrad !== "boolean") throw argumentError(`${name}: requiresGrad`, "a boolean", requiresGrad);
  let result = made;
  if (device !== "cpu") {
    result = ops.aten["to.device"](made, device, made.dtype) as Tensor;
    made.dispose();
  }
  if (requiresGrad) result.requiresGrad = true;
  return result as unknown as Tensor<D>;
}

/**
 * A tensor from raw bytes: row-major, native endian, any dtype. The bytes are copied.
 *
 * @throws DgsamError `ERR_SHAPE` when the byte count does not fit dtype and shape; `ERR_ARGUMENT`; `ERR_DTYPE`
 */
export function fromBytes<D extends DType = "uint8">(bytes: ArrayBufferView | ArrayBufferLike, options: TensorOptions<D> = {}): Tensor<D> {
  if (!ArrayBuffer.isView(bytes) && !(bytes instanceof ArrayBuffer || bytes instanceof SharedArrayBuffer))
    throw argumentError("fromBytes(bytes)", "an ArrayBuffer, Buffer or typed array", bytes);
  const source = byteView("fromBytes(bytes)", bytes);
  const dtype = options.dtype ?? ("uint8" as D);
  const code = checkDtype("fromBytes: dtype", dtype);
  const size = elementBytes(dtype);
  if (options.shape === undefined && source.byteLength % size !== 0)
    throw new DgsamError("ERR_SHAPE", `fromBytes: ${source.byteLength} bytes are not a whole number of ${dtype} elements of ${size} bytes`);
  const shape = shapeBits("fromBytes: shape", options.shape ?? [source.byteLength / size]);
  return place("fromBytes", new Tensor(native.fromBytes(source, code, shape)), options);
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

function elementBytes(dtype: DType): number {
  if (dtype === "complex128") return 16;
  if (dtype === "complex64") return 8;
  if (dtype === "complex32") return 4;
  return (CONTAINERS[dtype] as unknown as { BYTES_PER_ELEMENT: number } | undefined)?.BYTES_PER_ELEMENT ?? 1;
}

// As many dimensions as LibTorch's kernels can walk. Arrays that hold themselves have no end otherwise.
const MAX_DEPTH = 64;

/** Flat elements and shape of nested arrays, which must be regular. */
function flatten(data: unknown): { flat: Element[]; shape: number[] } {
  const shape: number[] = [];
  for (let level: unknown = data; Array.isArray(level); level = level[0] as unknown) {
    shape.push(level.length);
    if (shape.length > MAX_DEPTH) throw new DgsamError("ERR_SHAPE", `tensor(data): arrays are nested deeper than ${MAX_DEPTH} levels; is one inside itself?`);
  }
  const flat: Element[] = [];
  const visit = (value: unknown, depth: number): void => {
    if (depth === shape.length) {
      if (Array.isArray(value)) throw new DgsamError("ERR_SHAPE", `tensor(data): nested arrays are irregular: found an array at depth ${depth} where numbers are expected`);
      flat.push(value as Element);
      return;
    }
    if (!Array.isArray(value)) throw new DgsamError("ERR_SHAPE", `tensor(data): nested arrays are irregular: expected an array of length ${shape[depth]} at depth ${depth}, got ${describeValue(value)}`);
    if (value.length !== shape[depth]) throw new DgsamError("ERR_SHAPE", `tensor(data): nested arrays are irregular: expected length ${shape[depth]} at depth ${depth}, got ${value.length}`);
    for (const each of value) visit(each, depth + 1);
  };
  visit(data, 0);
  return { flat, shape };
}

/** The dtype that data of numbers stands for: the widest kind in it. */
function inferDtype(flat: readonly Element[]): DType {
  let found: DType = flat.length === 0 ? "float32" : "bool";
  for (const value of flat) {
    switch (typeof value) {
      case "boolean":
        break;
      case "bigint":
        if (found === "bool") found = "int64";
        break;
      case "number":
        if (found !== "complex64") found = "float32";
        break;
      default:
        if (!isComplexValue(value)) throw argumentError("tensor(data)", "numbers, bigints, booleans or complex numbers", value);
        found = "complex64";
    }
  }
  return found;
}

/** Elements as bytes of a dtype that JavaScript can write exactly; other dtypes are converted by LibTorch afterwards. */
function pack(flat: readonly Element[], dtype: DType): { bytes: TypedArray; dtype: DType } {
  if (dtype === "int64" || dtype === "uint64") {
    const [out, min, max] = dtype === "int64" ? [new BigInt64Array(flat.length), -(2n ** 63n), 2n ** 63n - 1n] : [new BigUint64Array(flat.length), 0n, 2n ** 64n - 1n];
    flat.forEach((value, i) => {
      if (typeof value === "number" && !Number.isSafeInteger(value)) throw argumentError(`tensor(data): element ${i}`, `a safe integer or bigint for dtype ${dtype}`, value);
      if (typeof value === "object") throw argumentError(`tensor(data): element ${i}`, `a real number for dtype ${dtype}`, value);
      const exact = BigInt(value);
      if (exact < min || exact > max) throw argumentError(`tensor(data): element ${i}`, `an integer from ${min} to ${max} for dtype ${dtype}`, value);
      out[i] = exact;
    });
    return { bytes: out, dtype };
  }
  if (isComplex(dtype)) {
    const out = new Float64Array(2 * flat.length);
    flat.forEach((value, i) => {
      out[2 * i] = typeof value === "object" ? value.re : Number(value);
      out[2 * i + 1] = typeof value === "object" ? value.im : 0;
    });
    return { bytes: out, dtype: "complex128" };
  }
  const out = dtype === "float32" ? new Float32Array(flat.length) : new Float64Array(flat.length);
  flat.forEach((value, i) => {
    if (typeof value === "object") throw argumentError(`tensor(data): element ${i}`, `a real number for dtype ${dtype}`, value);
    out[i] = Number(value);
  });
  return { bytes: out, dtype: dtype === "float32" ? "float32" : "float64" };
}

/**
 * A tensor from JavaScript values: one number, nested arrays, or a typed array. The data is copied.
 *
 * Numbers make float32 (PyTorch makes int64 of Python ints; JavaScript has no integers to tell apart), bigints int64,
 * booleans bool, typed arrays their own dtype.
 *
 * @throws DgsamError `ERR_SHAPE` when nested arrays are irregular or do not fit `shape`; `ERR_ARGUMENT`
 */
export function tensor<D extends DType = DType>(data: Element | NestedArray | TypedArray, options: TensorOptions<D> = {}): Tensor<D> {
  if (data instanceof Tensor) throw new DgsamError("ERR_ARGUMENT", "tensor(data): data is a Tensor already; use t.clone() or t.to(...)");
  if (options.dtype !== undefined) checkDtype("tensor: dtype", options.dtype);
  let made: Tensor;
  let shape: readonly number[];
  if (ArrayBuffer.isView(data)) {
    const own = OWN_DTYPES.find(([type]) => data instanceof type)?.[1];
    if (own === undefined) throw argumentError("tensor(data)", "numbers, arrays or a typed array", data);
    shape = options.shape ?? [(data as TypedArray).length];
    made = fromElements(data as TypedArray, own, shape);
  } else {
    const { flat, shape: nested } = flatten(data);
    const dtype = options.dtype ?? inferDtype(flat);
    if (options.dtype !== undefined) inferDtype(flat);
    shape = options.shape ?? nested;
    const packed = pack(flat, dtype);
    made = fromElements(packed.bytes, packed.dtype, shape);
    if (packed.dtype !== dtype) made = converted(made, dtype);
  }
  if (options.dtype !== undefined && made.dtype !== options.dtype) made = converted(made, options.dtype);
  return place("tensor", made, options);
}

function fromElements(values: TypedArray, dtype: DType, shape: readonly number[]): Tensor {
  const bits = shapeBits("tensor: shape", shape);
  const count = shape.reduce((product, size) => product * size, 1);
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

declare module "./tensor.js" {
  interface Tensor<D extends DType> {
    /**
     * The value of a tensor of one element: a number, a bigint for int64 beyond 2^53, a boolean, or `{ re, im }`.
     *
     * @throws DgsamError `ERR_SHAPE` for any other number of elements
     */
    item(): number | bigint | boolean | ComplexValue;
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

function copyOut(name: string, source: Tensor, Container: TypedArrayConstructor): TypedArray {
  const bytes = source.numel * elementBytes(source.dtype);
  if (bytes > constants.MAX_LENGTH)
    throw new DgsamError("ERR_OOM", `${name}: ${bytes} bytes are more than the ${constants.MAX_LENGTH} that one typed array holds; copy slices`);
  return new Container(native.copyBytes(source.handle));
}

Tensor.prototype.toBytes = function toBytes(): Uint8Array {
  return copyOut("toBytes()", this, Uint8Array) as Uint8Array;
};

Tensor.prototype.data = function data() {
  return copyOut("data()", this, CONTAINERS[this.dtype] ?? Uint8Array);
} as <D extends DType>(this: Tensor<D>) => DataOf<D>;

// Looked up once: the name costs as much as the call.
let scalarOf: AtenOperators["_local_scalar_dense.default"] | undefined;

Tensor.prototype.item = function item() {
  const { numel } = this;
  if (numel !== 1) throw new DgsamError("ERR_SHAPE", `item(): expected a tensor of one element, got shape [${this.shape.join(", ")}]; use toArray() or data()`);
  scalarOf ??= ops.aten["_local_scalar_dense.default"];
  return scalarOf(this.layout === "strided" ? this : (ops.aten["to_dense.default"](this) as Tensor)) as number;
};

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
      const wide = ops.aten["to.dtype"](source, isComplex(dtype) ? "complex64" : dtype.startsWith("q") ? "float32" : "float64") as Tensor;
      try {
        return elements(wide);
      } finally {
        wide.dispose();
      }
    }
  }
}

Tensor.prototype.toArray = function toArray(): NestedArray | Element {
  const { shape } = this;
  const flat = elements(this);
  let at = 0;
  const nest = (depth: number): NestedArray | Element =>
    depth === shape.length ? flat[at++]! : Array.from({ length: shape[depth]! }, () => nest(depth + 1));
  return nest(0);
};
