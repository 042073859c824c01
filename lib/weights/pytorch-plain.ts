/** Turns what a pickle of PyTorch gave into plain values, and the tensors in it into ours. */

import { arrayOn, elementBytes, nativeBytes, onStorage } from "./elements.js";
import { malformed, quoted } from "./malformed.js";
import { NumpyArray, NumpyDType } from "./numpy-pickles.js";
import { Opaque, refusal } from "./opaque.js";
import { PendingStorage, PendingTensor, type StorageRef } from "./pytorch-values.js";
import { setOwn } from "./state-dict.js";
import { empty, fromBytes, ops, type DType, type Tensor } from "../tensor/index.js";

/** What a `.pth` file may hold: tensors, plain values, and lists, objects, Maps and Sets of these. */
export type PyTorchValue =
  | Tensor | string | number | bigint | boolean | null | Uint8Array | { re: number; im: number }
  | PyTorchValue[] | { [key: string]: PyTorchValue } | Map<PyTorchValue, PyTorchValue> | Set<PyTorchValue>;

/** Gives the bytes under a storage's key: a uint8 tensor of exactly so many. @throws DgsamError `ERR_DATA` when there are others */
export type StorageReader = (key: string, bytes: number) => Tensor;

// Deeper ones are no checkpoints, and would exhaust JavaScript's stack.
const MAX_DEPTH = 500;

/** Makes the tensors of a file, each storage read once. */
export class Plain {
  readonly #path: string;
  readonly #read: StorageReader;
  readonly #bigEndian: boolean;
  readonly #raws = new Map<string, Tensor>();
  readonly #storages = new Map<string, Tensor>();
  readonly #done = new Map<unknown, PyTorchValue>();
  /** The keys from the outermost value to the one at hand. */
  readonly #trail: unknown[];

  /** @param entry the key that the values come from, if it is one entry of a file */
  constructor(path: string, read: StorageReader, bigEndian: boolean, entry?: string) {
    this.#path = path;
    this.#read = read;
    this.#bigEndian = bigEndian;
    this.#trail = entry === undefined ? [] : [entry];
  }

  /** The plain form of a value; what was one object stays one. Dicts become objects where all keys are text, else Maps. */
  of(value: unknown): PyTorchValue {
    if (typeof value !== "object" || value === null) return value as PyTorchValue;
    if (this.#trail.length > MAX_DEPTH) throw malformed(this.#path, `its values are nested more than ${MAX_DEPTH} deep`);
    const done = this.#done.get(value);
    if (done !== undefined) return done;
    if (value instanceof PendingTensor) return this.#finish(value, this.#tensor(value));
    if (value instanceof PendingStorage) return this.#finish(value, this.#elements(value));
    if (value instanceof NumpyArray) return this.#finish(value, this.#array(value));
    if (value instanceof NumpyDType) return value.dtype ?? this.#refuse(value.opaque);
    if (value instanceof Opaque) return this.#refuse(value);
    if (Array.isArray(value)) {
      const list: PyTorchValue[] = this.#finish(value, []);
      for (let i = 0; i < value.length; i++) list.push(this.#under(i, (value as unknown[])[i]));
      return list;
    }
    if (value instanceof Set) {
      const set = this.#finish(value, new Set<PyTorchValue>());
      for (const each of value) set.add(this.#under("(a set)", each));
      return set;
    }
    if (value instanceof Map) return this.#dict(value);
    if (value instanceof Uint8Array || Object.getPrototypeOf(value) === Object.prototype) return value as PyTorchValue;
    throw malformed(this.#path, "it holds a function or class of Python itself; store a state dict");
  }

  /** The plain form of what lies under a key of the value at hand. */
  #under(key: unknown, value: unknown): PyTorchValue {
    if (typeof value !== "object" || value === null) return value as PyTorchValue;
    this.#trail.push(key);
    const plain = this.of(value);
    this.#trail.pop();
    return plain;
  }

  #refuse({ name }: Opaque): never {
    throw refusal(this.#path, name, this.#trail);
  }

  #finish<V extends PyTorchValue>(value: unknown, plain: V): V {
    this.#done.set(value, plain);
    return plain;
  }

  #dict(value: Map<unknown, unknown>): PyTorchValue {
    if ([...value.keys()].every((key) => typeof key === "string")) {
      // Made empty and filled, because it may hold itself.
      const object = this.#finish<Record<string, PyTorchValue>>(value, {});
      for (const [key, each] of value) setOwn(object, key as string, this.#under(key, each));
      return object;
    }
    const map = this.#finish(value, new Map<PyTorchValue, PyTorchValue>());
    for (const [key, each] of value) map.set(this.#under("(a key)", key), this.#under(typeof key === "object" ? "(a value)" : key, each));
    return map;
  }

  #array({ content, axes }: NumpyArray): Tensor {
    if (content === undefined) throw malformed(this.#path, "it holds an array of NumPy without its content");
    if (content instanceof Opaque) return this.#refuse(content);
    const { dtype, bigEndian, fortranOrder, shape, bytes } = content;
    const inMemory = bytes.length === 0 ? empty([...shape], { dtype }) : arrayOn(fromBytes(bytes), dtype, shape, bigEndian, fortranOrder);
    return axes === undefined ? inMemory : ops.aten["permute.default"](inMemory, [...axes]);
  }

  #tensor({ storage, dtype, offset, shape, strides, isConjugate, isNegative }: PendingTensor): Tensor {
    if (shape.includes(0)) return empty([...shape], { dtype });
    let tensor = onStorage(this.#storage(storage, dtype), dtype, storage.offset + offset, shape, [...strides]);
    if (isConjugate) tensor = ops.aten["_conj.default"](tensor);
    if (isNegative) tensor = ops.aten["_neg_view.default"](tensor);
    return tensor;
  }

  #elements(storage: StorageRef): Tensor {
    const { dtype = "uint8", count, offset } = storage;
    return count === 0 ? empty([0], { dtype }) : onStorage(this.#storage(storage, dtype), dtype, offset, [count]);
  }

  /** The bytes of a storage as elements of `dtype` need them. Untyped storages may be seen as several dtypes. */
  #storage(storage: StorageRef, dtype: DType): Tensor {
    const kind = `${dtype} ${storage.key}`;
    const found = this.#storages.get(kind);
    const bytes = found ?? nativeBytes(this.#raw(storage), dtype, this.#bigEndian);
    const length = bytesOf(storage);
    if (bytes.numel !== length) throw malformed(this.#path, `its storage ${quoted(storage.key)} is of ${bytes.numel} bytes for one tensor and of ${length} for another`);
    this.#storages.set(kind, bytes);
    return bytes;
  }

  #raw(storage: StorageRef): Tensor {
    const found = this.#raws.get(storage.key);
    if (found !== undefined) return found;
    const raw = this.#read(storage.key, bytesOf(storage));
    this.#raws.set(storage.key, raw);
    return raw;
  }
}

/** How many bytes lie under a storage's key. */
export function bytesOf({ dtype, total }: StorageRef): number {
  return total * (dtype === undefined ? 1 : elementBytes(dtype));
}
