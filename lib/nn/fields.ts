/** How the fields of a module are found, and how they are called in state dicts. */

import { Tensor } from "../tensor/index.js";
import { isPlainObject } from "../checks.js";

// Modules are looked at in every step of training, and have few different names.
const converted = new Map<string, string>();

/**
 * A field's name in PyTorch: `runningMean` becomes `running_mean`. Digits stay where they are (`conv1`, `bn0`), and so
 * does a name that is not in camelCase (`_conv_stem`, `A_log`).
 */
export function toSnakeCase(name: string): string {
  let result = converted.get(name);
  if (result === undefined) {
    result = /^[a-z][A-Za-z0-9]*$/.test(name) ? name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").replace(/([A-Z])([A-Z][a-z])/g, "$1_$2").toLowerCase() : name;
    converted.set(name, result);
  }
  return result;
}

type Entry = [name: string, value: unknown];

/** Fields by PyTorch's names; most are numbers or strings, which need none. */
function fieldsOf(owner: object): Entry[] {
  const fields: Entry[] = [];
  for (const name of Object.keys(owner)) {
    const value = (owner as Record<string, unknown>)[name];
    if (typeof value === "object" && value !== null) fields.push([toSnakeCase(name), value]);
  }
  return fields;
}

function entriesOf(container: object): Entry[] {
  if (Array.isArray(container)) return container.map((value, i) => [String(i), value]);
  // A map's keys are data and stay as they are; an object's are names in the program.
  if (container instanceof Map) return [...container].map(([key, value]) => [String(key), value]);
  return isPlainObject(container) ? fieldsOf(container) : [];
}

/**
 * A method under this name gives the members of a class whose tensors and modules come from elsewhere, by their keys, in the place of
 * its fields.
 */
export const MEMBERS = Symbol("members");

/**
 * The tensors and modules in the own fields of `owner`, in order of definition, by PyTorch's names; those in arrays,
 * plain objects and Maps have their index or key behind a dot: `layers.0`.
 *
 * @param Member the class of modules
 */
export function membersOf<M extends object>(owner: object, Member: abstract new () => M): [key: string, member: Tensor | M][] {
  if (MEMBERS in owner) return (owner[MEMBERS] as () => [string, Tensor | M][])();
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
  for (const [name, value] of fieldsOf(owner)) visit(name, value);
  return members;
}
