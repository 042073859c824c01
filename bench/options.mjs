/** What `npm run bench` is told. */

import { closeSync, openSync } from "node:fs";
import { parseArgs } from "node:util";

const USAGE = "npm run bench -- [--json FILE] [--only WORD] [--threads N]";

/**
 * @param {string[]} args
 * @param {string[]} suites the names that `--only` is looked for in
 * @returns {{ json?: string, threads?: number, suites: string[] }}
 * @throws {Error} one line that says what is wrong
 */
export function readOptions(args, suites) {
  const { json, only, threads } = parse(args);
  const asked = suites.filter((name) => only === undefined || name.includes(only));
  if (asked.length === 0) throw new Error(`--only: expected a part of ${suites.join(", ")}, got "${only}"`);
  const count = threads === undefined ? undefined : Number(threads);
  if (count !== undefined && !(Number.isInteger(count) && count >= 1 && count <= 1024)) throw new Error(`--threads: expected an integer from 1 to 1024, got "${threads}"`);
  // Ten minutes later would be late to learn that the file cannot be written.
  if (json !== undefined) closeSync(openSync(json, "a"));
  return { ...(json === undefined ? {} : { json }), ...(count === undefined ? {} : { threads: count }), suites: asked };
}

/** @param {string[]} args */
function parse(args) {
  try {
    return parseArgs({ args, options: { json: { type: "string" }, only: { type: "string" }, threads: { type: "string" } } }).values;
  } catch (error) {
    throw new Error(`${/** @type {Error} */ (error).message.split("\n")[0]}; ${USAGE}`);
  }
}
