/** TorchScript modules of the addon: their values in and out of the call frame (native/script_values.h). */

import { argumentError, DgsamError } from "../errors.js";
import { native, type Handle, type NativeScriptModule } from "../native.js";
import { isPlainObject } from "../checks.js";
import { callFrame, growFrame } from "./frame-memory.js";
import { MISFIT, readValue, write } from "./frame.js";
import { handleRegistry } from "./garbage.js";
import { Kind, type ValueType } from "./schema.js";
import { Tag } from "./tags.js";
import { Tensor } from "./tensor.js";

const registry = handleRegistry((handle) => native.releaseScript(handle));

// As deep as the addon reads.
const MAX_DEPTH = 64;
// Room for a few scalars behind any list.
const SLACK = 256;

const typeOf = (kind: number, text: string): ValueType => ({ kind, optional: true, size: 0, text });
const TENSOR = typeOf(Kind.Tensor, "Tensor");
const SCALAR = typeOf(Kind.Scalar, "number");
const STRING = typeOf(Kind.String, "str");

/** Behaviour of one module in a script. */
export interface ScriptMode {
  readonly training: boolean;
  /** Whether training passes leave BatchNorm's running statistics alone. */
  readonly holds: boolean;
}

/** A script of the addon. */
export class Script {
  #handle: Handle;

  /** @param archive the bytes of a file of torch.jit.save, a uint8 tensor */
  constructor(archive: Tensor, device: string) {
    this.#handle = native.loadScript(archive.handle, device);
    registry.register(this, this.#handle);
  }

  /** The modules in it, the script itself first, with new handles to their tensors. */
  modules(): NativeScriptModule[] {
    return native.scriptModules(this.#handle);
  }

  setMode(module: number, { training, holds }: ScriptMode): void {
    native.setScriptMode(this.#handle, module, (training ? 1 : 0) + (holds ? 2 : 0));
  }

  /** What the `forward` of a module in it gives. */
  run(module: number, inputs: readonly unknown[]): unknown {
    growFrame(3 + 3 * inputs.length + SLACK);
    let at = 3;
    inputs.forEach((input, i) => (at = writeValue(at, input, `ScriptModule.forward: input ${i}`, 0)));
    const frame = callFrame();
    frame[0] = this.#handle;
    frame[1] = module;
    frame[2] = inputs.length;
    return readValue(native.runScript());
  }

  /** Frees it now. Any later use is an `ERR_DISPOSED`. */
  dispose(): void {
    native.releaseScript(this.#handle);
    this.#handle = 0;
  }
}

function writeValue(at: number, value: unknown, name: string, depth: number): number {
  if (depth === MAX_DEPTH) throw new DgsamError("ERR_ARGUMENT", `${name}: nested deeper than ${MAX_DEPTH} levels; is something inside itself?`);
  if (Array.isArray(value)) return writeElements(at, Tag.List, value.length, value, name, depth);
  if (value instanceof Map) return writeElements(at, Tag.Dict, value.size, [...value].flat(), name, depth);
  if (isPlainObject(value)) {
    const entries = Object.entries(value);
    return writeElements(at, Tag.Dict, entries.length, entries.flat(), name, depth);
  }
  const next = write(at, value instanceof Tensor ? TENSOR : typeof value === "string" ? STRING : SCALAR, value);
  if (next === MISFIT) throw argumentError(name, "a Tensor, a number, bigint, boolean or string, null, or arrays, Maps and plain objects of them", value);
  return next;
}

function writeElements(at: number, tag: number, count: number, elements: readonly unknown[], name: string, depth: number): number {
  const frame = growFrame(at + 3 * elements.length + SLACK);
  frame[at++] = tag;
  frame[at++] = count;
  elements.forEach((each, i) => {
    at = writeValue(at, each, name, depth + 1);
    growFrame(at + 3 * (elements.length - i) + SLACK);
  });
  return at;
}
