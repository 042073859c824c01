/** An entry of a checkpoint by its name, before or after its values are made plain: of Maps and of objects. */

import { isPlainObject } from "../checks.js";
import { listed } from "../errors.js";
import { malformed, quoted } from "./malformed.js";

function own(value: unknown, key: string): unknown {
  if (value instanceof Map) return (value as Map<unknown, unknown>).get(key);
  return isPlainObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** What lies under the name: a key, or keys with dots between them. @throws DgsamError `ERR_DATA`, with the keys that there are, when it is missing */
export function entryOf(path: string, value: unknown, entry: string): unknown {
  const direct = own(value, entry);
  if (direct !== undefined) return direct;
  let found = value;
  const keys = entry.split(".");
  for (const [i, key] of keys.entries()) {
    const inner = own(found, key);
    if (inner === undefined) throw malformed(path, `its entry ${quoted(entry)} is missing: ${whatHas(keys.slice(0, i).join("."), found)}`);
    found = inner;
  }
  return found;
}

/** What there is instead, under the last name that is there. */
function whatHas(name: string, value: unknown): string {
  const keys = value instanceof Map ? [...(value as Map<unknown, unknown>).keys()].filter((key) => typeof key === "string") : isPlainObject(value) ? Object.keys(value) : [];
  return `${name === "" ? "it" : quoted(name)} has ${keys.length === 0 ? "no entries by name" : listed(keys.map(quoted))}`;
}
