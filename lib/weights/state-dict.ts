/** State dicts as this room takes and gives them. */

import { isPlainObject } from "../checks.js";
import { argumentError, describeValue, DgsamError } from "../errors.js";
import type { StateDict } from "../nn/index.js";
import { Tensor } from "../tensor/index.js";

/** The entries of a state dict from a user. @throws DgsamError `ERR_ARGUMENT` for anything else */
export function tensorsOf(name: string, dict: unknown): [key: string, tensor: Tensor][] {
  if (typeof dict !== "object" || dict === null || dict instanceof Tensor || Array.isArray(dict) || dict instanceof Map)
    throw argumentError(`${name}(dict)`, "an object of Tensors by key, such as stateDict() returns", dict);
  const entries = Object.entries(dict);
  for (const [key, value] of entries)
    if (!(value instanceof Tensor)) throw new DgsamError("ERR_ARGUMENT", `${name}: ${JSON.stringify(key)}: expected a Tensor, got ${describeValue(value)}`);
  return entries as [string, Tensor][];
}

/** Sets a key of an object, also where it is `__proto__`, which assignment takes for something else. */
export function setOwn<V>(object: Record<string, V>, key: string, value: V): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}

/** Whether a value is a state dict that holds something. */
export function isStateDict(value: unknown): value is StateDict {
  if (!isPlainObject(value)) return false;
  const values = Object.values(value);
  return values.length > 0 && values.every((each) => each instanceof Tensor);
}
