/** The names that PyTorch's state dicts need, and what each stands for. All others are refused. */

import { elementBytes, isCount, isCounts, shapeProblem, STORED_DTYPES } from "./elements.js";
import { NUMPY_GLOBALS } from "./numpy-pickles.js";
import { Opaque } from "./opaque.js";
import { PendingStorage, PendingTensor, StorageType } from "./pytorch-values.js";
import { PickleFault, PickleFunction, type Stateful } from "./unpickler.js";
import type { DType } from "../tensor/index.js";

const STORAGE_DTYPES: Readonly<Record<string, DType>> = {
  DoubleStorage: "float64", FloatStorage: "float32", HalfStorage: "float16", BFloat16Storage: "bfloat16", LongStorage: "int64", IntStorage: "int32",
  ShortStorage: "int16", CharStorage: "int8", ByteStorage: "uint8", BoolStorage: "bool", ComplexDoubleStorage: "complex128", ComplexFloatStorage: "complex64",
};

function isDType(value: unknown): value is DType {
  return (STORED_DTYPES as readonly unknown[]).includes(value);
}

/**
 * The storage of a persistent id: ("storage", type, key, location, count[, (root's key, offset, count)]). Opaque where its type is; and for
 * ("module", class, source file, source), as the older form has the classes of whole modules.
 */
export function storageOf(id: unknown): PendingStorage | Opaque {
  if (Array.isArray(id) && id[0] === "module" && id[1] instanceof Opaque) return id[1];
  if (!Array.isArray(id) || id.length < 5 || id[0] !== "storage") throw new PickleFault("a persistent id that names no storage");
  const [, type, key, , total, view] = id as unknown[];
  if (type instanceof Opaque) return type;
  if (!(type instanceof StorageType) || typeof key !== "string" || !isCount(total)) throw new PickleFault("a storage without type, key and count");
  const { dtype } = type;
  if (view === undefined || view === null) return new PendingStorage({ key, dtype, total, offset: 0, count: total });
  if (!Array.isArray(view) || view.length !== 3 || !isCount(view[1]) || !isCount(view[2]) || view[1] + view[2] > total)
    throw new PickleFault("a part that does not lie within its storage");
  return new PendingStorage({ key, dtype, total, offset: view[1], count: view[2] });
}

/** How far a tensor reaches on its storage, in elements. */
function reachOf(offset: number, shape: readonly number[], strides: readonly number[]): number {
  if (shape.includes(0)) return 0;
  return offset + 1 + shape.reduce((sum, size, i) => sum + (size - 1) * strides[i]!, 0);
}

function pendingTensor(storage: unknown, offset: unknown, shape: unknown, strides: unknown, dtype: unknown, metadata: unknown): PendingTensor {
  if (!(storage instanceof PendingStorage)) throw new PickleFault("no storage");
  if (!isCount(offset) || !isCounts(shape) || !isCounts(strides) || shape.length !== strides.length)
    throw new PickleFault("an offset, sizes or strides that are none");
  const problem = shapeProblem(shape);
  if (problem !== null) throw new PickleFault(problem);
  if (!isDType(dtype)) throw new PickleFault("no dtype that can be read");
  const { count } = storage;
  const available = storage.dtype === undefined ? Math.floor(count / elementBytes(dtype)) : count;
  if (storage.dtype !== undefined && storage.dtype !== dtype) throw new PickleFault(`the dtype ${dtype} on a storage of ${storage.dtype}`);
  if (reachOf(offset, shape, strides) > available) throw new PickleFault(`sizes [${shape.join(", ")}] beyond its storage of ${available} elements`);
  const flags = metadata instanceof Map ? metadata : new Map<unknown, unknown>();
  return new PendingTensor(storage, dtype, offset, shape, strides, flags.get("conj") === true, flags.get("neg") === true);
}

function typed(storage: unknown): unknown {
  return storage instanceof PendingStorage ? storage.dtype : undefined;
}

/** PyTorch's `bytes` under protocol 2: text of which each character is one. */
function encode([text, encoding]: readonly unknown[]): Uint8Array {
  if (typeof text !== "string" || encoding !== "latin1" || /[^\0-\xff]/.test(text)) throw new PickleFault("anything but latin1 text");
  return new Uint8Array(Buffer.from(text, "latin1"));
}

function dictOf([items]: readonly unknown[]): Map<unknown, unknown> {
  if (items === undefined) return new Map();
  if (items instanceof Map) return new Map(items as Map<unknown, unknown>);
  if (!Array.isArray(items) || !items.every((each): each is [unknown, unknown] => Array.isArray(each) && each.length === 2)) throw new PickleFault("no pairs");
  return new Map(items);
}

function listOf([items]: readonly unknown[]): unknown[] {
  if (items === undefined) return [];
  if (!Array.isArray(items)) throw new PickleFault("no list");
  return [...(items as unknown[])];
}

function tensorItself([value]: readonly unknown[]): PendingTensor {
  if (!(value instanceof PendingTensor)) throw new PickleFault("no tensor");
  return value;
}

/** A dict with a function for keys that it lacks, which is left out: ([function[, items]]). */
function defaultDictOf([factory, items]: readonly unknown[]): Map<unknown, unknown> {
  if (factory !== undefined && factory !== null && !(factory instanceof PickleFunction || factory instanceof ValueClass)) throw new PickleFault("no function");
  return dictOf([items]);
}

/** `argparse.Namespace`, as the dict of its attributes. */
class Namespace extends Map<unknown, unknown> implements Stateful {
  readonly type = "argparse.Namespace";

  setState(state: unknown): void {
    if (!(state instanceof Map)) throw new PickleFault("no dict");
    for (const [key, value] of state as Map<unknown, unknown>) this.set(key, value);
  }
}

/** A tensor with attributes of its own, which are left out: (function, class, arguments, state). */
function fromType([make, type, args]: readonly unknown[]): unknown {
  // No other function: what is given to it here is not counted.
  if (!(make instanceof PickleFunction) || !make.name.startsWith("torch._utils._rebuild_") || !(type instanceof TensorClass) || !Array.isArray(args)) throw new PickleFault("what makes no plain tensor");
  return make.call(args as unknown[]);
}

function deviceOf([type, index]: readonly unknown[]): string {
  if (typeof type !== "string" || type.length > 40 || (index !== undefined && !isCount(index))) throw new PickleFault("no device");
  return index === undefined ? type : `${type}:${index}`;
}

/** A tensor that was on an accelerator: (data on the CPU, dtype, device, requires_grad). */
function fromDevice([data, dtype]: readonly unknown[]): PendingTensor {
  const value = tensorItself([data]);
  if (dtype !== value.dtype) throw new PickleFault("a dtype that is not its data's");
  return value;
}

/** `torch.Tensor` and its plain kin, as the class of a tensor with attributes. */
class TensorClass {}

/** Classes of plain values, which only name what a `defaultdict` makes of a key that it lacks. */
class ValueClass {}

const FUNCTIONS: Readonly<Record<string, (args: readonly unknown[]) => unknown>> = {
  "torch._utils._rebuild_tensor": ([storage, offset, shape, strides]) => pendingTensor(storage, offset, shape, strides, typed(storage), undefined),
  "torch._utils._rebuild_tensor_v2": ([storage, offset, shape, strides, , , metadata]) => pendingTensor(storage, offset, shape, strides, typed(storage), metadata),
  "torch._utils._rebuild_tensor_v3": ([storage, offset, shape, strides, , , dtype, metadata]) => pendingTensor(storage, offset, shape, strides, dtype, metadata),
  "torch._utils._rebuild_parameter": tensorItself,
  "torch._utils._rebuild_parameter_with_state": tensorItself,
  "torch._utils._rebuild_device_tensor_from_cpu_tensor": fromDevice,
  "torch._tensor._rebuild_from_type_v2": fromType,
  "torch.Size": listOf,
  "torch.device": deviceOf,
  "collections.OrderedDict": dictOf,
  "collections.defaultdict": defaultDictOf,
  "collections.Counter": dictOf,
  "argparse.Namespace": () => new Namespace(),
  "_codecs.encode": encode,
};

// What Python 3 calls builtins, protocol 2 calls by Python 2's name.
const BUILTINS: Readonly<Record<string, (args: readonly unknown[]) => unknown>> = {
  set: (args) => new Set(listOf(args)),
  frozenset: (args) => new Set(listOf(args)),
  list: listOf,
  tuple: listOf,
  dict: dictOf,
  bytes: (args) => {
    if (args.length > 0) throw new PickleFault("anything: only no bytes are made so");
    return new Uint8Array();
  },
  bytearray: ([bytes]) => {
    if (bytes !== undefined && !(bytes instanceof Uint8Array)) throw new PickleFault("no bytes");
    return new Uint8Array(bytes ?? []);
  },
  complex: ([re, im]) => {
    if (typeof re !== "number" || typeof im !== "number") throw new PickleFault("no two numbers");
    return { re, im };
  },
};

function* entries(): Generator<[string, unknown]> {
  for (const [name, call] of Object.entries(FUNCTIONS)) yield [name, new PickleFunction(name, call)];
  for (const module of ["builtins", "__builtin__"]) {
    for (const [name, call] of Object.entries(BUILTINS)) yield [`${module}.${name}`, new PickleFunction(`${module}.${name}`, call)];
    for (const name of ["int", "long", "float", "str", "unicode", "bool"]) yield [`${module}.${name}`, new ValueClass()];
  }
  for (const [name, dtype] of Object.entries(STORAGE_DTYPES)) for (const module of ["torch", "torch.cuda"]) yield [`${module}.${name}`, new StorageType(name, dtype)];
  for (const name of ["torch.UntypedStorage", "torch.storage.UntypedStorage", "torch.storage._UntypedStorage"]) yield [name, new StorageType(name, undefined)];
  for (const name of ["torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"]) yield [name, new TensorClass()];
  for (const dtype of STORED_DTYPES) yield [`torch.${dtype}`, dtype];
  yield* NUMPY_GLOBALS;
}

export const PYTORCH_GLOBALS: ReadonlyMap<string, unknown> = new Map(entries());
