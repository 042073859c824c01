/** Safetensors files, read lazily: opening one reads its header, a tensor's bytes come when they are used. */

import { checkString } from "../checks.js";
import { DgsamError } from "../errors.js";
import type { StateDict } from "../nn/index.js";
import { empty, keep, scope, type DType, type Tensor } from "../tensor/index.js";
import { elementBytes, nativeBytes, onStorage } from "./elements.js";
import { InputFile } from "./input-file.js";
import { quoted } from "./malformed.js";
import { readHeader, type Placed } from "./safetensors-header.js";

/** What a file says of a tensor. */
export interface SafetensorsEntry {
  /** The format's name of the element type, such as `"BF16"`. */
  format: string;
  /** Ours; undefined for the format's 4- and 6-bit floats, which LibTorch lacks. */
  dtype: DType | undefined;
  shape: number[];
}

/**
 * An open safetensors file. Its tensors lie on the file, mapped into memory: the system reads pages when they are first used and
 * may drop them again, and processes that read the same file share them. Writing to such a tensor changes a copy of the page,
 * never the file.
 *
 * The file must not be written to or cut while it is in use: replace it by renaming another over it, as {@link saveWeights} does. Changes are
 * looked for at every `tensor()`. Memory that the file lost after that reads as zeros, and the call that read it throws `ERR_DATA`.
 * Clone what must outlive the file.
 */
export class SafetensorsFile {
  readonly path: string;
  /** The file's own notes, often `{ format: "pt" }`. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly #tensors: ReadonlyMap<string, Placed>;
  readonly #file: InputFile;
  #mapped: Tensor | undefined;
  #closed = false;

  /** @throws DgsamError `ERR_DATA` when it cannot be read or its header breaks a rule of the format; `ERR_ARGUMENT` */
  constructor(path: string) {
    this.#file = new InputFile(path);
    try {
      const { metadata, tensors } = readHeader(path, this.#file);
      this.path = path;
      this.metadata = metadata;
      this.#tensors = tensors;
    } finally {
      this.#file.close();
    }
  }

  /** The names of the tensors, in the order of the file. */
  keys(): string[] {
    return [...this.#tensors.keys()];
  }

  /** What the header says of a tensor. @throws DgsamError `ERR_ARGUMENT` when there is none of this name */
  entry(key: string): SafetensorsEntry {
    const { format, dtype, shape } = this.#placed(key);
    return { format, dtype, shape: [...shape] };
  }

  /**
   * A tensor of the file, on the mapped bytes; a copy where they do not lie aligned for its dtype, and for bool, whose bytes
   * are checked.
   *
   * @throws DgsamError `ERR_ARGUMENT` when there is none of this name; `ERR_DTYPE` for 4- and 6-bit floats; `ERR_DATA` when the
   *   file is gone or was changed; `ERR_DISPOSED`
   */
  tensor(key: string): Tensor {
    const { format, dtype, shape, start, end } = this.#placed(key);
    if (this.#closed) throw new DgsamError("ERR_DISPOSED", `SafetensorsFile.tensor: ${this.path} was disposed; open it again`);
    if (dtype === undefined) throw new DgsamError("ERR_DTYPE", `${this.path}: ${quoted(key)} is of ${format}, for which LibTorch has no dtype`);
    if (start === end) return empty(shape, { dtype });
    return scope(() => {
      if (this.#mapped === undefined) this.#mapped = keep(this.#file.map());
      else this.#file.checkUnchanged();
      const size = elementBytes(dtype);
      if (dtype !== "bool" && start % size === 0) return onStorage(this.#mapped, dtype, start / size, shape);
      const bytes = onStorage(this.#mapped, "uint8", start, [end - start]);
      return onStorage(dtype === "bool" ? nativeBytes(bytes, dtype, false) : bytes.clone(), dtype, 0, shape);
    });
  }

  /** All tensors by name, in the order of the file. @throws DgsamError as {@link tensor} */
  tensors(): StateDict {
    return scope(() => Object.fromEntries(this.keys().map((key) => [key, this.tensor(key)])));
  }

  /** Lets go of the mapping; tensors of it that are in use hold it on. Calling it again does nothing. */
  dispose(): void {
    this.#mapped?.dispose();
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #placed(key: string): Placed {
    checkString("SafetensorsFile: key", key);
    const found = this.#tensors.get(key);
    if (found === undefined) throw new DgsamError("ERR_ARGUMENT", `SafetensorsFile: ${this.path} has no tensor ${quoted(key)}; keys() lists what it has`);
    return found;
  }
}

/** Opens a safetensors file and reads its header. @throws DgsamError as the constructor of {@link SafetensorsFile} */
export function openSafetensors(path: string): SafetensorsFile {
  return new SafetensorsFile(path);
}
