/** What stands in a pickle for what is not read: it has a name, and nothing else. */

import { malformed, quoted } from "./malformed.js";

/**
 * A global that is not in the table of known ones, and whatever a pickle makes of it. Nothing of it is run or kept but its name, and it is
 * never handed out: `Plain` throws a {@link refusal} where it meets one.
 */
export class Opaque {
  constructor(readonly name: string) {}
}

/**
 * The error of a file that asks for what is not read.
 *
 * @param where the keys to it from the file's value, where they are known
 */
export function refusal(path: string, name: string, where: readonly unknown[] = []): Error {
  const place = where.length === 0 ? "" : `, at ${quoted(where.map(String).join("."))}`;
  return malformed(path, `refused: its pickle asks for ${quoted(name).slice(1, -1)}${place}. Only tensors and plain values are read, because ` +
    "anything else may run code. Store what the file should give as a state dict, in Python: torch.save(model.state_dict(), path)");
}
