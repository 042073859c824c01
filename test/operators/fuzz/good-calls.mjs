/** Good calls that test/oracles/operators/record.py wrote down, for the fuzzer to spoil. */

import { readFileSync } from "node:fs";
import path from "node:path";
import { decode, decodeAll } from "../recorded-values.mjs";

/**
 * @param {string} folder what record.py filled
 * @returns {Map<string, ((names: string[]) => Record<string, unknown>)[]>} by overload, functions that make the arguments
 *   anew, by the names of the schema's arguments
 */
export function goodCalls(folder) {
  const tensors = readFileSync(path.join(folder, "tensors.bin"));
  const found = new Map();
  for (const line of readFileSync(path.join(folder, "calls.jsonl"), "utf8").trimEnd().split("\n")) {
    const call = JSON.parse(line);
    if (call.result === undefined) continue;
    const make = (names) => {
      const positional = decode(call.args, tensors).map((each, index) => [names[index], each]);
      return { ...Object.fromEntries(positional), ...decodeAll(call.kwargs, tensors) };
    };
    found.set(call.operator, [...(found.get(call.operator) ?? []), make]);
  }
  return found;
}
