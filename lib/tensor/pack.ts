/** JavaScript values as bytes for LibTorch: nested arrays made flat, a dtype found for them, ranges checked. */

import { argumentError, describeValue, DgsamError } from "../errors.js";
import { CONTAINERS, OWN_DTYPES, type Element, type TypedArray } from "./data-types.js";
import { isComplex, type DType } from "./dtype.js";
import { isComplexValue } from "./frame.js";
import { Tensor } from "./tensor.js";

// As many dimensions as LibTorch's kernels can walk. Arrays that hold themselves have no end otherwise.
const MAX_DEPTH = 64;

/** The dtype of a typed array's class, undefined for anything else. */
export function ownDtype(value: unknown): DType | undefined {
  return ArrayBuffer.isView(value) ? OWN_DTYPES.find(([type]) => value instanceof type)?.[1] : undefined;
}

interface Flat {
  readonly flat: Element[];
  readonly shape: number[];
  /** Where the innermost level is typed arrays, the dtype of their class. */
  readonly own: DType | undefined;
}

/** Flat elements and shape of nested arrays, which must be regular. The innermost may be typed arrays of one class. */
export function flatten(data: unknown): Flat {
  const isLevel = (value: unknown): value is ArrayLike<unknown> => Array.isArray(value) || ownDtype(value) !== undefined;
  const irregular = (text: string): DgsamError => new DgsamError("ERR_SHAPE", `tensor(data): nested arrays are irregular: ${text}`);
  const shape: number[] = [];
  let own: DType | undefined;
  for (let level: unknown = data; isLevel(level); level = level[0]) {
    shape.push(level.length);
    own = ownDtype(level);
    if (shape.length > MAX_DEPTH) throw new DgsamError("ERR_SHAPE", `tensor(data): arrays are nested deeper than ${MAX_DEPTH} levels; is one inside itself?`);
  }
  const flat: Element[] = [];
  const visit = (level: unknown, depth: number): void => {
    if (!isLevel(level)) throw irregular(`expected an array of length ${shape[depth]} at depth ${depth}, got ${describeValue(level)}`);
    if (level.length !== shape[depth]) throw irregular(`expected length ${shape[depth]} at depth ${depth}, got ${level.length}`);
    const innermost = depth === shape.length - 1;
    if (ownDtype(level) !== (innermost ? own : undefined))
      throw argumentError("tensor(data)", "plain arrays, or typed arrays of one class, at the innermost level", level);
    for (let i = 0; i < level.length; i++) {
      const value = level[i];
      if (!innermost) visit(value, depth + 1);
      else if (isLevel(value)) throw irregular(`found an array at depth ${depth + 1} where numbers are expected`);
      else flat.push(value as Element);
    }
  };
  if (shape.length === 0) flat.push(data as Element);
  else visit(data, 0);
  return { flat, shape, own };
}

/** The dtype that data of numbers stands for: the widest kind in it. */
export function inferDtype(flat: readonly Element[]): DType {
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
        if ((value as unknown) instanceof Tensor)
          throw new DgsamError("ERR_ARGUMENT", "tensor(data): data holds Tensors; join them with stack(tensors) or cat(tensors)");
        if (!isComplexValue(value)) throw argumentError("tensor(data)", "numbers, bigints, booleans or complex numbers", value);
        found = "complex64";
    }
  }
  return found;
}

/** What each integer dtype holds. */
const RANGES: Partial<Record<DType, readonly [min: bigint, max: bigint]>> = {
  uint8: [0n, 2n ** 8n - 1n], int8: [-(2n ** 7n), 2n ** 7n - 1n], int16: [-(2n ** 15n), 2n ** 15n - 1n], int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n], uint16: [0n, 2n ** 16n - 1n], uint32: [0n, 2n ** 32n - 1n], uint64: [0n, 2n ** 64n - 1n],
};

/**
 * Elements of an integer dtype. Fractions are cut; what lies outside the range is refused but for what PyTorch lets wrap:
 * negative integers in the unsigned dtypes below uint64, so that -1 is the largest number.
 */
function packIntegers(flat: readonly Element[], dtype: DType, [min, max]: readonly [min: bigint, max: bigint]): TypedArray {
  const out = new (CONTAINERS[dtype] as unknown as new (length: number) => TypedArray)(flat.length);
  const wide = out instanceof BigInt64Array || out instanceof BigUint64Array;
  const lowest = min === 0n && !wide ? -max : min;
  const [lowestNumber, highestNumber, minNumber] = [Number(lowest), Number(max), Number(min)];
  flat.forEach((value, i) => {
    if (typeof value === "object") throw argumentError(`tensor(data): element ${i}`, `a real number for dtype ${dtype}`, value);
    // Number(max) is max + 1 for the 64-bit dtypes, and a double above it would not fit.
    const fits = typeof value === "bigint" ? value >= lowest && value <= max
      : typeof value === "boolean" || (Number.isInteger(value) ? value >= lowestNumber : value >= minNumber) && (wide ? value < highestNumber : value <= highestNumber);
    if (!fits) throw argumentError(`tensor(data): element ${i}`, `an integer from ${min} to ${max} for dtype ${dtype}`, value);
    if (wide) (out as BigInt64Array)[i] = typeof value === "number" ? BigInt(Math.trunc(value)) : BigInt(value);
    else (out as Int32Array)[i] = Number(value);
  });
  return out;
}

/** Elements as bytes of a dtype that JavaScript can write exactly; other dtypes are converted by LibTorch afterwards. */
export function pack(flat: readonly Element[], dtype: DType): { bytes: TypedArray; dtype: DType } {
  const range = RANGES[dtype];
  if (range !== undefined) return { bytes: packIntegers(flat, dtype, range), dtype };
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

