/** dtypes as JavaScript sees them: which values stand for which dtype, and which typed arrays hold its elements. */

import type { DType } from "./dtype.js";
import type { Complex, ComplexValue, Double, ScalarLike } from "./scalars.js";

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

/** The value of one element. */
interface ItemTypes {
  int64: number | bigint; uint64: number | bigint; bool: boolean;
  complex32: ComplexValue; complex64: ComplexValue; complex128: ComplexValue;
}
/** What `item()` gives for a dtype. */
export type ItemOf<D extends DType> = D extends keyof ItemTypes ? ItemTypes[D] : number;

/** The dtype of one kind of numbers; of several kinds it depends on the values. */
type DTypeOfElements<E> =
  [E] extends [number] ? "float32" : [E] extends [bigint] ? "int64" : [E] extends [boolean] ? "bool" : [E] extends [Complex | ComplexValue] ? "complex64" : DType;

/** The dtype that a lone number stands for. */
export type DTypeOfNumber<V extends ScalarLike> = V extends Double ? "float32" : DTypeOfElements<V>;

interface ArrayDTypes {
  Float32Array: "float32"; Float64Array: "float64"; BigInt64Array: "int64"; BigUint64Array: "uint64"; Int8Array: "int8"; Uint8Array: "uint8";
  Uint8ClampedArray: "uint8"; Int16Array: "int16"; Uint16Array: "uint16"; Int32Array: "int32"; Uint32Array: "uint32";
}

/** What is inside nested arrays. A type that holds itself has no end: `Depth` grows to 8. */
type Innermost<T, Depth extends unknown[] = []> =
  T extends readonly (infer E)[] ? (Depth["length"] extends 8 ? unknown : Innermost<E, [...Depth, 0]>) : T;

type DTypeOfInnermost<E> =
  [E] extends [never] ? "float32" : [E] extends [{ readonly [Symbol.toStringTag]: infer Name }] ? (Name extends keyof ArrayDTypes ? ArrayDTypes[Name] : DTypeOfElements<E>) : DTypeOfElements<E>;

/** The dtype that `tensor()` gives data. */
export type DTypeOfData<T> = 0 extends 1 & T ? DType : T extends unknown ? DTypeOfInnermost<Innermost<T>> : never;

export type TypedArrayConstructor = new (buffer: ArrayBuffer) => TypedArray;

/** The typed array of each dtype. Of others the bytes are all there is. */
export const CONTAINERS: Partial<Record<DType, TypedArrayConstructor>> = {
  uint8: Uint8Array, int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array,
  uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array,
  float16: Uint16Array, bfloat16: Uint16Array, float32: Float32Array, float64: Float64Array,
  complex32: Uint16Array, complex64: Float32Array, complex128: Float64Array, bool: Uint8Array,
  qint8: Int8Array, quint8: Uint8Array, qint32: Int32Array,
};

export const OWN_DTYPES: readonly (readonly [abstract new (...args: never[]) => TypedArray, DType])[] = [
  [Float32Array, "float32"], [Float64Array, "float64"], [BigInt64Array, "int64"], [BigUint64Array, "uint64"],
  [Int8Array, "int8"], [Uint8Array, "uint8"], [Uint8ClampedArray, "uint8"], [Int16Array, "int16"],
  [Uint16Array, "uint16"], [Int32Array, "int32"], [Uint32Array, "uint32"],
];

