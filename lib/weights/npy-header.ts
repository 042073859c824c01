/**
 * The header of `.npy` files (numpy.lib.format): a magic string and version, 2 or 4 bytes of length, and a Python dict as text of
 * the dtype, the order of the elements and the shape.
 */

import type { DType } from "../tensor/index.js";
import { countOf, elementBytes } from "./elements.js";
import type { ByteSource } from "./input-file.js";
import { malformed, quoted } from "./malformed.js";

export const NPY_MAGIC = Buffer.from("\x93NUMPY", "latin1");

// NumPy's own limit (numpy.lib.format._MAX_HEADER_SIZE).
const MAX_HEADER = 10_000;
// Records have lists in lists, arrays a tuple.
const MAX_DEPTH = 16;

/** LibTorch's dtypes by NumPy's type codes. */
export const NUMPY_DTYPES: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["b1", "bool"], ["u1", "uint8"], ["i1", "int8"], ["u2", "uint16"], ["i2", "int16"], ["u4", "uint32"], ["i4", "int32"], ["u8", "uint64"],
  ["i8", "int64"], ["f2", "float16"], ["f4", "float32"], ["f8", "float64"], ["c8", "complex64"], ["c16", "complex128"],
]);

/** The dtypes that NumPy has, and their codes. */
export const NUMPY_CODES: ReadonlyMap<DType, string> = new Map([...NUMPY_DTYPES].map(([code, dtype]) => [dtype, code]));

export interface NpyHeader {
  readonly dtype: DType;
  readonly bigEndian: boolean;
  /** Whether the first index varies fastest. */
  readonly fortranOrder: boolean;
  readonly shape: number[];
  /** Where the elements begin, and how many bytes they take. */
  readonly start: number;
  readonly length: number;
}

/** @throws DgsamError `ERR_DATA`, also for dtypes that LibTorch lacks */
export function readNpyHeader(path: string, name: string, source: ByteSource): NpyHeader {
  if (source.length < 10 || !source.read(0, 6).equals(NPY_MAGIC)) throw malformed(path, `${name}: no .npy array: it does not begin with \\x93NUMPY`);
  const major = source.read(6, 1)[0]!;
  if (major < 1 || major > 3) throw malformed(path, `${name}: it is of version ${major} of the .npy format; 1 to 3 are read`);
  const start = major === 1 ? 10 : 12;
  const size = major === 1 ? source.read(8, 2).readUInt16LE() : source.read(8, 4).readUInt32LE();
  if (size > MAX_HEADER) throw malformed(path, `${name}: its header claims ${size} bytes; NumPy reads ${MAX_HEADER}`);
  const fields = new Literals(path, name, source.read(start, size).toString(major === 3 ? "utf8" : "latin1")).dict();
  const { dtype, bigEndian } = dtypeOf(path, name, fields.get("descr"));
  const fortranOrder = fields.get("fortran_order");
  if (typeof fortranOrder !== "boolean") throw malformed(path, `${name}: its fortran_order is neither True nor False`);
  const shape = fields.get("shape");
  const length = countOf(path, name, shape) * elementBytes(dtype);
  const held = source.length - start - size;
  if (held < length) throw malformed(path, `${name}: truncated: its header promises ${length} bytes of elements, but only ${held} bytes follow`);
  if (held > length) throw malformed(path, `${name}: ${held - length} trailing bytes after the ${length} that its header promises`);
  return { dtype, bigEndian, fortranOrder, shape: shape as number[], start: start + size, length };
}

function dtypeOf(path: string, name: string, code: unknown): { dtype: DType; bigEndian: boolean } {
  if (typeof code !== "string") throw malformed(path, `${name}: it holds records; only arrays of numbers are read`);
  const dtype = /^[<>|=]/.test(code) ? NUMPY_DTYPES.get(code.slice(1)) : undefined;
  if (dtype === undefined) throw malformed(path, `${name}: LibTorch has nothing for its dtype ${quoted(code)}${adviceFor(code.slice(1))}`);
  return { dtype, bigEndian: code.startsWith(">") };
}

/** What can be done about a dtype that LibTorch lacks, by its kind. */
function adviceFor(code: string): string {
  const astype = (dtype: string): string => `; in Python: array.astype("${dtype}")`;
  switch (code[0]) {
    case "f": return astype("float64");
    case "c": return astype("complex128");
    case "M": case "m": return `: dates and times${astype("int64")} gives their count in its unit`;
    case "O": return `: Python objects are pickled code${astype("float64")}, if all are numbers`;
    case "U": case "S": case "a": return ": text is no number; store numbers in its place, such as indices into a list of the texts";
    default: return "; store its numbers as an array of one of NumPy's dtypes of numbers";
  }
}

/** A dict of Python literals, as far as headers have them: text, True, False, integers and tuples of integers. */
class Literals {
  readonly #tokens: string[];
  #at = 0;

  constructor(readonly path: string, readonly name: string, text: string) {
    this.#tokens = text.match(/'[^'\\]*'|"[^"\\]*"|True|False|\d+L?|\S/g) ?? [];
  }

  dict(): Map<string, unknown> {
    const fields = new Map<string, unknown>();
    this.#take("{");
    while (this.#tokens[this.#at] !== "}") {
      const key = this.#value();
      this.#take(":");
      if (typeof key !== "string" || fields.has(key)) throw this.#error();
      fields.set(key, this.#value());
      if (this.#tokens[this.#at] !== "}") this.#take(",");
    }
    this.#at++;
    if (this.#at !== this.#tokens.length) throw this.#error();
    if ([...fields.keys()].sort().join() !== "descr,fortran_order,shape")
      throw malformed(this.path, `${this.name}: its header does not have descr, fortran_order and shape alone`);
    return fields;
  }

  #error(): Error {
    return malformed(this.path, `${this.name}: its header is not the text of a dict that NumPy writes`);
  }

  #take(token: string): void {
    if (this.#tokens[this.#at++] !== token) throw this.#error();
  }

  #value(depth = 0): unknown {
    if (depth > MAX_DEPTH) throw this.#error();
    const token = this.#tokens[this.#at++] ?? "";
    if (/^['"]./.test(token)) return token.slice(1, -1);
    if (token === "True" || token === "False") return token === "True";
    // Python 2 wrote long integers with an L.
    if (/^\d/.test(token)) return Number(token.replace("L", ""));
    // Records are told apart from arrays, not read.
    if (token === "[") return this.#list("]", depth + 1);
    if (token === "(") return this.#list(")", depth + 1);
    throw this.#error();
  }

  #list(end: string, depth: number): unknown[] {
    const items: unknown[] = [];
    while (this.#tokens[this.#at] !== end) {
      items.push(this.#value(depth));
      if (this.#tokens[this.#at] !== end) this.#take(",");
    }
    this.#at++;
    return items;
  }
}

/** The header of an array in row-major order, of version 1 as NumPy writes it: padded so that the elements begin at a multiple of 64 bytes. */
export function npyHeader(dtype: DType, shape: readonly number[]): Buffer {
  const code = NUMPY_CODES.get(dtype)!;
  const order = elementBytes(dtype) === 1 ? "|" : "<";
  const sizes = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': ${sizes}, }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const size = Buffer.alloc(2);
  size.writeUInt16LE(length);
  return Buffer.concat([NPY_MAGIC, Buffer.of(1, 0), size, Buffer.from(`${text.padEnd(length - 1)}\n`, "latin1")]);
}
