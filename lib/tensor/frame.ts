/**
 * Writes operator arguments into the call frame by schema, and reads results from it (native/frame.h).
 *
 * A value either fits the schema's type or it does not: `write` returns the next free position, or MISFIT. Nothing is
 * converted silently. Explaining a misfit happens only after one, in explain.ts.
 */

import { callFrame, callFrameBits, growFrame } from "./frame-memory.js";
import { dtypeCode, DTYPES, LAYOUTS, MEMORY_FORMATS, QSCHEMES } from "./dtype.js";
import { Generator } from "./generator.js";
import { Complex, Double, type ComplexValue } from "./scalars.js";
import { Kind, type SchemaReturn, type ValueType } from "./schema.js";
import { Tag } from "./tags.js";
import { Tensor } from "./tensor.js";

export const MISFIT = -1;

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const DEVICE = /^[a-z]+(:\d+)?$/;
// Room for a few scalars behind any list, so that only lists and strings need to check.
const SLACK = 256;

// The writers below may grow the frame, so each takes it anew.

function writePair(at: number, tag: number, payload: number): number {
  const frame = callFrame();
  frame[at] = tag;
  frame[at + 1] = payload;
  return at + 2;
}

function writeBigInt(at: number, value: bigint): number {
  if (value < INT64_MIN || value > INT64_MAX) return MISFIT;
  callFrame()[at] = Tag.BigInt;
  callFrameBits()[at + 1] = value;
  return at + 2;
}

function writeString(at: number, text: string): number {
  const frame = growFrame(at + text.length + SLACK);
  frame[at++] = Tag.String;
  frame[at++] = text.length;
  for (let i = 0; i < text.length; i++) frame[at++] = text.charCodeAt(i);
  return at;
}

/** A number, bigint, boolean, double() or complex(), by PyTorch's rules for `Scalar`. */
function writeScalar(at: number, value: unknown): number {
  switch (typeof value) {
    case "number":
      return writePair(at, Number.isSafeInteger(value) && !Object.is(value, -0) ? Tag.Int : Tag.Double, value);
    case "bigint":
      return writeBigInt(at, value);
    case "boolean":
      return writePair(at, Tag.Bool, value ? 1 : 0);
    case "object":
      if (value instanceof Double) return writePair(at, Tag.Double, value.value);
      if (value instanceof Complex || isComplexValue(value)) {
        const frame = callFrame();
        frame[at] = Tag.Complex;
        frame[at + 1] = value.re;
        frame[at + 2] = value.im;
        return at + 3;
      }
  }
  return MISFIT;
}

/** `{ re, im }` with numbers, as complex results come. */
export function isComplexValue(value: unknown): value is ComplexValue {
  return (
    typeof value === "object" && value !== null &&
    typeof (value as ComplexValue).re === "number" && typeof (value as ComplexValue).im === "number"
  );
}

function writeName(at: number, names: readonly string[], value: unknown): number {
  const code = typeof value === "string" ? names.indexOf(value) : -1;
  return code === -1 ? MISFIT : writePair(at, Tag.Int, code);
}

function isNumberList(value: object): value is ArrayLike<unknown> {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

function writeList(at: number, type: ValueType, value: unknown): number {
  const element = type.element!;
  if (typeof value !== "object" || value === null || !(Array.isArray(value) || isNumberList(value))) {
    const single = type.size > 0 && (element.kind === Kind.Int || element.kind === Kind.Float);
    return single ? write(at, element, value) : MISFIT;
  }
  const list = value as ArrayLike<unknown>;
  let frame = growFrame(at + 3 * list.length + SLACK);
  frame[at++] = Tag.List;
  frame[at++] = list.length;
  for (let i = 0; i < list.length; i++) {
    const each = list[i];
    if (element.kind === Kind.Tensor && each instanceof Tensor) {
      frame[at++] = Tag.Tensor;
      frame[at++] = each.handle;
      continue;
    }
    if (element.kind === Kind.Float && typeof each === "number") {
      frame[at++] = Tag.Double;
      frame[at++] = each;
      continue;
    }
    // Only a list that admits missing tensors admits numbers for tensors, as in PyTorch.
    if (element.kind === Kind.Tensor && !element.optional) return MISFIT;
    at = write(at, element, each);
    if (at === MISFIT) return MISFIT;
    frame = growFrame(at + 3 * (list.length - i) + SLACK);
  }
  return at;
}

/**
 * Writes one value at `at`; returns the next free position, or {@link MISFIT}.
 *
 * @param numbersAsTensors whether a number may stand for a tensor
 */
export function write(at: number, type: ValueType, value: unknown, numbersAsTensors = true): number {
  if (value === null) {
    if (!type.optional) return MISFIT;
    callFrame()[at] = Tag.None;
    return at + 1;
  }
  switch (type.kind) {
    case Kind.Tensor:
      if (value instanceof Tensor) return writePair(at, Tag.Tensor, value.handle);
      return numbersAsTensors ? writeScalar(at, value) : MISFIT;
    case Kind.Int:
      if (typeof value === "number") return Number.isSafeInteger(value) ? writePair(at, Tag.Int, value) : MISFIT;
      return typeof value === "bigint" ? writeBigInt(at, value) : MISFIT;
    case Kind.Float:
      if (typeof value === "number") return writePair(at, Tag.Double, value);
      return value instanceof Double ? writePair(at, Tag.Double, value.value) : MISFIT;
    case Kind.Scalar:
      return writeScalar(at, value);
    case Kind.Complex:
      return typeof value === "boolean" ? MISFIT : writeScalar(at, value);
    case Kind.Bool:
      return typeof value === "boolean" ? writePair(at, Tag.Bool, value ? 1 : 0) : MISFIT;
    case Kind.String:
      return typeof value === "string" ? writeString(at, value) : MISFIT;
    case Kind.ScalarType: {
      const code = typeof value === "string" ? dtypeCode(value) : undefined;
      return code === undefined ? MISFIT : writePair(at, Tag.Int, code);
    }
    case Kind.Layout:
      return writeName(at, LAYOUTS, value);
    case Kind.MemoryFormat:
      return writeName(at, MEMORY_FORMATS, value);
    case Kind.QScheme:
      return writeName(at, QSCHEMES, value);
    case Kind.Device:
      return typeof value === "string" && DEVICE.test(value) ? writeString(at, value) : MISFIT;
    case Kind.Generator:
      return value instanceof Generator ? writePair(at, Tag.Generator, value.handle) : MISFIT;
    case Kind.List:
      return writeList(at, type, value);
    default:
      return MISFIT;
  }
}

let readAt = 0;

function read(frame: Float64Array, bits: BigInt64Array, type: ValueType, args: readonly unknown[]): unknown {
  const tag = frame[readAt++]!;
  switch (tag) {
    case Tag.None:
      return null;
    case Tag.Tensor:
      return new Tensor(frame[readAt++]!);
    case Tag.Int:
      return named(type, frame[readAt++]!);
    case Tag.BigInt:
      return bits[readAt++]!;
    case Tag.UnsignedBigInt:
      return BigInt.asUintN(64, bits[readAt++]!);
    case Tag.Double:
      return frame[readAt++]!;
    case Tag.Bool:
      return frame[readAt++] !== 0;
    case Tag.Complex:
      return { re: frame[readAt++]!, im: frame[readAt++]! };
    case Tag.String: {
      let text = "";
      for (let left = frame[readAt++]!; left > 0; left--) text += String.fromCharCode(frame[readAt++]!);
      return text;
    }
    case Tag.List: {
      const list = new Array<unknown>(frame[readAt++]!);
      for (let i = 0; i < list.length; i++) list[i] = read(frame, bits, type.element ?? type, args);
      return list;
    }
    case Tag.Generator:
      return Generator.fromHandle(frame[readAt++]!);
    case Tag.Dict: {
      const entries: [unknown, unknown][] = [];
      for (let left = frame[readAt++]!; left > 0; left--) {
        const key = read(frame, bits, type, args);
        entries.push([key, read(frame, bits, type, args)]);
      }
      return entries.every(([key]) => typeof key === "string") ? Object.fromEntries(entries) : new Map(entries);
    }
    default:
      return args[frame[readAt++]!];
  }
}

const ANY: ValueType = { kind: Kind.Unsupported, optional: false, size: 0, text: "any" };

/** The only value that a call left, of whatever type; dicts are plain objects where all keys are strings, else Maps. @param spill as of {@link readResults} */
export function readValue(spill: Float64Array | undefined): unknown {
  readAt = 0;
  const frame = spill ?? callFrame();
  return read(frame, spill === undefined ? callFrameBits() : new BigInt64Array(spill.buffer), ANY, []);
}

/** dtypes and their like travel as LibTorch's numbers. */
function named(type: ValueType, code: number): unknown {
  switch (type.kind) {
    case Kind.ScalarType:
      return DTYPES[code];
    case Kind.Layout:
      return LAYOUTS[code];
    case Kind.MemoryFormat:
      return MEMORY_FORMATS[code];
    case Kind.QScheme:
      return QSCHEMES[code];
    default:
      return code;
  }
}

/**
 * The results of a call: `undefined` for none, the value for one, an array in schema order for several.
 *
 * @param spill what the native call returned: undefined, or the results when they outgrew the frame
 * @param args the arguments in schema order, of which in-place and out overloads hand some back
 */
export function readResults(spill: Float64Array | undefined, returns: readonly SchemaReturn[], args: readonly unknown[]): unknown {
  const frame = spill ?? callFrame();
  const count = frame[0]!;
  if (count === 0) return undefined;
  if (count === 1 && frame[1] === Tag.Tensor) return new Tensor(frame[2]!);
  const bits = spill === undefined ? callFrameBits() : new BigInt64Array(spill.buffer);
  readAt = 1;
  if (count === 1) return read(frame, bits, returns[0]!.type, args);
  const results = new Array<unknown>(count);
  for (let i = 0; i < count; i++) results[i] = read(frame, bits, returns[i]!.type, args);
  return results;
}
