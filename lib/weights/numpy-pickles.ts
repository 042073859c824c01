/** NumPy's numbers and arrays in pickles: what its functions say is read by hand, so that nothing of NumPy runs. */

import type { DType } from "../tensor/index.js";
import { elementBytes, isCounts, shapeProblem } from "./elements.js";
import { NUMPY_DTYPES } from "./npy-header.js";
import { Opaque } from "./opaque.js";
import { PickleFault, PickleFunction, plainInteger, type Stateful } from "./unpickler.js";

/** `numpy.ndarray`, as the class of an array that is made. */
class ArrayClass {}

/** `numpy.dtype`: its code, such as `f8`, and its byte order. */
export class NumpyDType implements Stateful {
  readonly type = "numpy.dtype";
  bigEndian = false;

  constructor(readonly code: string) {}

  /** LibTorch's; undefined for text, dates, records, objects and numbers that it lacks. */
  get dtype(): DType | undefined {
    return NUMPY_DTYPES.get(this.code);
  }

  /** What stands for it, and for what is of it, where LibTorch has none. */
  get opaque(): Opaque {
    return new Opaque(`numpy.dtype('${this.code}')`);
  }

  /** (version, byte order, ...): the rest is of records and dates. */
  setState(state: unknown): void {
    const order: unknown = Array.isArray(state) ? state[1] : undefined;
    if (typeof order !== "string" || !["<", ">", "|", "="].includes(order)) throw new PickleFault("no byte order");
    this.bigEndian = order === ">";
  }
}

/** `numpy.ndarray`, until a tensor is made of it. */
export class NumpyArray implements Stateful {
  readonly type = "numpy.ndarray";
  /** Undefined until its state is set. */
  content: { readonly dtype: DType; readonly bigEndian: boolean; readonly fortranOrder: boolean; readonly shape: readonly number[]; readonly bytes: Uint8Array } | Opaque | undefined;
  /** Which dimension of `content` each of the array's is, where they are not in order. */
  axes: readonly number[] | undefined;

  /** (version, shape, dtype, whether in Fortran order, bytes). */
  setState(state: unknown): void {
    if (!Array.isArray(state) || state.length !== 5) throw new PickleFault("no version, shape, dtype, order and bytes");
    const [, shape, type, fortranOrder, bytes] = state as unknown[];
    this.fill(shape, type, fortranOrder === true, bytes);
  }

  fill(shape: unknown, type: unknown, fortranOrder: boolean, bytes: unknown): void {
    // Of what is not known: StringDType, say.
    if (type instanceof Opaque) {
      this.content = type;
      return;
    }
    if (!(type instanceof NumpyDType) || !isCounts(shape)) throw new PickleFault("a shape or dtype that is none");
    const problem = shapeProblem(shape);
    if (problem !== null) throw new PickleFault(problem);
    const { dtype, bigEndian } = type;
    if (dtype === undefined) {
      this.content = type.opaque;
      return;
    }
    const due = shape.reduce((count, size) => count * size, elementBytes(dtype));
    if (!(bytes instanceof Uint8Array) || bytes.length !== due) throw new PickleFault(`other bytes than the ${due} of its shape [${shape.join(", ")}]`);
    this.content = { dtype, bigEndian, fortranOrder, shape, bytes };
  }
}

function dtypeOf([code]: readonly unknown[]): NumpyDType {
  if (typeof code !== "string" || code.length > 40) throw new PickleFault("no code");
  return new NumpyDType(code);
}

function arrayOf([type]: readonly unknown[]): NumpyArray {
  if (!(type instanceof ArrayClass)) throw new PickleFault("another class than numpy.ndarray");
  return new NumpyArray();
}

/** As protocol 5 has arrays: (bytes, dtype, shape, order), and where the order is "K" the axes: dimensions of the memory, of which the array's are a permutation. */
function arrayFrom([bytes, type, shape, order, axes]: readonly unknown[]): NumpyArray {
  const array = new NumpyArray();
  array.fill(shape, type, order === "F", bytes);
  if (order === "K" && isCounts(axes) && isCounts(shape) && [...axes].sort((a, b) => a - b).join() === [...shape.keys()].join()) array.axes = axes;
  else if (order === "K" || (order !== "C" && order !== "F") || (axes !== undefined && axes !== null)) throw new PickleFault("an order of dimensions that is none");
  return array;
}

function scalarOf([type, bytes]: readonly unknown[]): unknown {
  if (!(type instanceof NumpyDType)) throw new PickleFault("no dtype");
  const { dtype, bigEndian, opaque } = type;
  if (dtype === undefined) return opaque;
  if (!(bytes instanceof Uint8Array) || bytes.length !== elementBytes(dtype)) throw new PickleFault(`other bytes than the ${elementBytes(dtype)} of ${dtype}`);
  return numberOf(new DataView(bytes.buffer, bytes.byteOffset), dtype, !bigEndian);
}

function numberOf(view: DataView, dtype: DType, little: boolean): unknown {
  switch (dtype) {
    case "bool": return view.getUint8(0) !== 0;
    case "uint8": return view.getUint8(0);
    case "int8": return view.getInt8(0);
    case "uint16": return view.getUint16(0, little);
    case "int16": return view.getInt16(0, little);
    case "uint32": return view.getUint32(0, little);
    case "int32": return view.getInt32(0, little);
    case "uint64": return plainInteger(view.getBigUint64(0, little));
    case "int64": return plainInteger(view.getBigInt64(0, little));
    case "float16": return halfOf(view.getUint16(0, little));
    case "float32": return view.getFloat32(0, little);
    case "float64": return view.getFloat64(0, little);
    case "complex64": return { re: view.getFloat32(0, little), im: view.getFloat32(4, little) };
    case "complex128": return { re: view.getFloat64(0, little), im: view.getFloat64(8, little) };
    default: throw new PickleFault(`a number of ${dtype}`);
  }
}

/** IEEE 754's binary16: a sign, 5 bits of exponent, 10 of fraction. */
function halfOf(bits: number): number {
  const sign = bits >>> 15 === 0 ? 1 : -1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function* entries(): Generator<[string, unknown]> {
  const named = (name: string, call: (args: readonly unknown[]) => unknown): [string, PickleFunction] => [name, new PickleFunction(name, call)];
  yield named("numpy.dtype", dtypeOf);
  yield ["numpy.ndarray", new ArrayClass()];
  // NumPy 2 has put an underscore before its inner modules.
  for (const core of ["numpy.core", "numpy._core"]) {
    yield named(`${core}.multiarray.scalar`, scalarOf);
    yield named(`${core}.multiarray._reconstruct`, arrayOf);
    yield named(`${core}.numeric._frombuffer`, arrayFrom);
  }
}

export const NUMPY_GLOBALS: readonly [string, unknown][] = [...entries()];
