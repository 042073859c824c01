/** Seeded argument values for the fuzzer: of the type that a schema asks for, and otherwise as bad as they come. */

import { complex, double, fromBytes, Generator, ops, Tensor } from "dgsam";

/** mulberry32: small, seeded, the same everywhere. */
export class Random {
  #state;

  /** @param {string} text any text; each text is a stream of its own */
  constructor(text) {
    let hash = 0x811c9dc5;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.#state = hash >>> 0;
  }

  /** In [0, 1). */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(count) {
    return Math.floor(this.next() * count);
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[this.below(list.length)];
  }
}

const SHAPES = [
  [], [0], [1], [2], [3], [5], [2, 3], [3, 3], [4, 4], [3, 0], [0, 3], [1, 1], [2, 3, 4], [3, 3, 3], [1, 0, 2], [2, 3, 4, 4], [1, 2, 5, 5],
  [2, 0, 3, 3], [1, 2, 4, 4, 4], [1, 1, 1, 1, 1, 1], [16], [4, 16], [64, 2],
];
const DTYPES = ["float32", "float32", "float32", "float64", "int64", "int64", "int32", "bool", "uint8", "int8", "int16", "float16", "bfloat16", "complex64", "complex128"];
const OTHER_DTYPES = ["qint8", "quint8", "qint32", "complex32", "uint16", "uint32", "uint64", "float8_e5m2", "float8_e4m3fn", "quint4x2", "bits8"];
const INTEGERS = [0, 1, 2, 3, 4, -1, -2, 5, 7, 16, 100, -100, 40000, 65536, 2 ** 31, -(2 ** 31), 2 ** 40, 2n ** 62n, -(2n ** 63n), 2n ** 63n - 1n];
const SMALL_INTEGERS = [0, 1, 1, 2, 2, 3, -1, -2, 4, 5];
const FLOATS = [0, 1, 0.5, -1, 1e-8, 5e-324, 1e30, -1e30, NaN, Infinity, -Infinity];
const STRINGS = ["", "mean", "sum", "none", "reduced", "same", "valid", "ij", "L", "fro", "nuc", "reflect", "constant", "bilinear", "amax", "prod", "trunc", "floor", "tanh", "ij,jk->ik", "i...->...", "xyz", "\u00e9\u{1f600}"];
const LAYOUTS = ["strided", "strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc", "_mkldnn", "jagged"];
const MEMORY_FORMATS = ["contiguous_format", "preserve_format", "channels_last", "channels_last_3d"];
const DEVICES = ["cpu", "cpu", "meta", "cuda", "cpu:5"];

const itemSizes = new Map();
function itemSize(dtype) {
  if (!itemSizes.has(dtype)) itemSizes.set(dtype, ops.aten["empty.memory_format"]([1], { dtype }).toBytes().length);
  return itemSizes.get(dtype);
}

function elements(random, dtype, count) {
  const wild = random.chance(0.15);
  const values = ops.aten["empty.memory_format"]([count], { dtype: "float64" });
  const data = new Float64Array(count);
  for (let i = 0; i < count; i++) data[i] = wild ? Number(random.pick(FLOATS)) * 1000 : dtype.includes("int") ? random.pick(SMALL_INTEGERS) : random.next() * 4 - 1;
  ops.aten["copy_.default"](values, fromBytes(data, { dtype: "float64" }));
  return ops.aten["to.dtype"](values, dtype);
}

/** What a trial's tensors have in common, so that not all calls fail at the first check. */
export function theme(random) {
  return { shape: random.pick(SHAPES), dtype: random.pick(DTYPES), small: random.chance(0.7) };
}

function dense(random, { shape, dtype }) {
  const count = shape.reduce((product, size) => product * size, 1);
  return ops.aten["view.default"](elements(random, dtype, count), shape);
}

/** One tensor: usually of the theme, sometimes of another shape, dtype or make. */
export function tensor(random, common) {
  const shape = random.chance(0.65) ? common.shape : random.pick(SHAPES);
  const dtype = random.chance(0.65) ? common.dtype : random.pick(DTYPES);
  const made = dense(random, { shape, dtype });
  if (random.chance(0.75)) return made;
  try {
    return odd(random, made, shape);
  } catch {
    return made; // this shape or dtype cannot be made odd in this way
  }
}

function odd(random, made, shape) {
  switch (random.below(15)) {
    case 0:
      return ops.aten["to_sparse.default"](made);
    case 1:
      return ops.aten["to_sparse_csr.default"](made);
    case 2:
      return ops.aten["quantize_per_tensor.default"](ops.aten["to.dtype"](made, "float32"), 0.1, 0, random.pick(["qint8", "quint8", "qint32"]));
    case 3:
      return ops.aten["empty.memory_format"](shape, { dtype: made.dtype, device: "meta" });
    case 4:
      return ops.aten["transpose.int"](made, 0, -1);
    case 5:
      return ops.aten["expand.default"](ops.aten["sum.default"](made), random.pick(SHAPES));
    case 6:
      return ops.aten["slice.Tensor"](made, 0, 0, null, 2);
    case 7:
      return ops.aten["to_mkldnn.default"](made);
    case 8:
      return ops.aten["_efficientzerotensor.default"](shape, { dtype: made.dtype });
    case 9:
      return ops.aten["_conj.default"](ops.aten["to.dtype"](made, "complex64"));
    case 10:
      return ops.aten["_neg_view.default"](made);
    case 11:
      return ops.aten["_nested_tensor_from_tensor_list.default"]([made, made]);
    case 12:
      return ops.aten["to_sparse_csc.default"](made);
    case 13: {
      const leaf = ops.aten["clone.default"](made);
      leaf.requiresGrad = true;
      return leaf;
    }
    default: {
      const dtype = random.pick(OTHER_DTYPES);
      const count = Math.max(1, shape.reduce((product, size) => product * size, 1));
      return fromBytes(new Uint8Array(itemSize(dtype) * count), { dtype, shape: [count] });
    }
  }
}

function integer(random, common) {
  return random.pick(common.small ? SMALL_INTEGERS : INTEGERS);
}

function list(random, type, common, make) {
  const usual = type.size > 0 ? type.size : random.pick([1, 2, 2, 3]);
  const length = random.chance(0.7) ? usual : random.pick([0, 1, 2, 3, 4, 7]);
  return Array.from({ length }, make);
}

/**
 * A value of a schema type; `undefined` where JavaScript can make none.
 *
 * @param {import("dgsam").OperatorSchema["arguments"][number]["type"]} type
 */
export function value(random, type, common) {
  if (type.optional && random.chance(0.4)) return null;
  const text = type.text.replace(/\?$/, "");
  if (type.element !== undefined) {
    const element = type.element;
    return list(random, type, common, () => value(random, element, common));
  }
  switch (text) {
    case "Tensor":
      return tensor(random, common);
    case "int":
    case "SymInt":
      return integer(random, common);
    case "float":
      return random.pick(FLOATS);
    case "Scalar":
      return random.pick([0, 1, 2, -1, 0.5, NaN, Infinity, true, 2n ** 62n, double(2), complex(1, -1)]);
    case "bool":
      return random.chance(0.5);
    case "str":
      return random.pick(STRINGS);
    case "ScalarType":
      return random.pick(random.chance(0.8) ? DTYPES : OTHER_DTYPES);
    case "Layout":
      return random.pick(LAYOUTS);
    case "MemoryFormat":
      return random.pick(MEMORY_FORMATS);
    case "Device":
      return random.pick(DEVICES);
    case "Generator":
      return new Generator();
    default:
      return undefined;
  }
}

/** A short text for an argument, for reports. */
export function describe(argument) {
  if (argument instanceof Tensor) {
    let shape = "?";
    try {
      shape = `[${argument.shape.join(",")}]`;
      return `${argument.dtype}${shape}${argument.layout === "strided" ? "" : ` ${argument.layout}`}${argument.device === "cpu" ? "" : ` ${argument.device}`}`;
    } catch {
      return "a nested tensor";
    }
  }
  if (Array.isArray(argument)) return `[${argument.map(describe).join(", ")}]`;
  if (typeof argument === "bigint") return `${argument}n`;
  if (typeof argument === "object" && argument !== null) {
    if (Object.getPrototypeOf(argument) === Object.prototype)
      return `{ ${Object.entries(argument).map(([name, each]) => `${name}: ${describe(each)}`).join(", ")} }`;
    return `${argument.constructor.name}${JSON.stringify(argument)}`;
  }
  return typeof argument === "string" ? JSON.stringify(argument) : String(argument);
}
