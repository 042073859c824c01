/** How the fields of a module are found, and how they are called in state dicts. */

import { Tensor } from "../tensor/index.js";

/**
 * A field's name in PyTorch: `runningMean` becomes `running_mean`. Digits stay where they are (`conv1`, `bn0`), and so
 * does a name that is not in camelCase (`_conv_stem`, `A_log`).
 */
export function toSnakeCase(name: string): string {
  if (!/^[a-z][A-Za-z0-9]*$/.test(name)) return name;
  return name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").replace(/([A-Z])([A-Z][a-z])/g, "$1_$2").toLowerCase();
}

function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype = Object.getPrototypeOf(value) as unknown;
  return prototype === Object.prototype || prototype === null;
}

function* entriesOf(container: object): Iterable<[name: string, value: unknown]> {
  if (Array.isArray(container)) for (let i = 0; i < container.length; i++) yield [String(i), container[i]];
  // A map's keys are data, an object's are names in the program.
  else if (container instanceof Map) for (const [key, value] of container) yield [String(key), value];
  else if (isPlainObject(container)) for (const name of Object.keys(container)) yield [toSnakeCase(name), container[name]];
}

/**
 * The tensors and modules in the own fields of `owner`, in order of definition, by PyTorch's names; those in arrays,
 * plain objects and Maps have their index or key behind a dot: `layers.0`.
 *
 * @param Member the class of modules
 */
export function membersOf<M extends object>(owner: object, Member: abstract new () => M): [key: string, member: Tensor | M][] {
  const members: [string, Tensor | M][] = [];
  const open = new Set<object>();
  const visit = (key: string, value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if (value instanceof Tensor || value instanceof Member) {
      members.push([key, value]);
    } else if (!open.has(value)) {
      open.add(value);
      for (const [name, each] of entriesOf(value)) visit(`${key}.${name}`, each);
      open.delete(value);
    }
  };
  for (const name of Object.keys(owner)) visit(toSnakeCase(name), (owner as Record<string, unknown>)[name]);
  return members;
}
