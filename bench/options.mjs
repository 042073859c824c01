/** What `npm run bench` and its kin are told. */

import { closeSync, openSync } from "node:fs";
import { parseArgs } from "node:util";

/** `seconds`: how long both sides of a row are measured, after two fifths as long a warm-up. */
const BENCH = { usage: "npm run bench -- [--json FILE] [--markdown] [--only WORD] [--seconds N] [--threads N]", seconds: 5, more: {} };

/**
 * @param {string[]} args
 * @param {string[]} suites the names that `--only` is looked for in
 * @param {{ usage: string, seconds: number, more: import("node:util").ParseArgsOptionsConfig }} [command] `more`: options of its own
 * @returns {{ json?: string, markdown: boolean, seconds: number, threads?: number, suites: string[], [own: string]: any }}
 * @throws {Error} one line that says what is wrong
 */
export function readOptions(args, suites, command = BENCH) {
  const { json, markdown = false, only, seconds = String(command.seconds), threads, ...own } = parse(args, command);
  const asked = suites.filter((name) => only === undefined || name.includes(only));
  if (asked.length === 0) throw new Error(`--only: expected a part of ${suites.join(", ")}, got "${only}"`);
  const count = threads === undefined ? undefined : Number(threads);
  if (count !== undefined && !(Number.isInteger(count) && count >= 1 && count <= 1024)) throw new Error(`--threads: expected an integer from 1 to 1024, got "${threads}"`);
  const perRow = Number(seconds);
  if (!(perRow > 0 && perRow <= 3600)) throw new Error(`--seconds: expected a number above 0, at most 3600, got "${seconds}"`);
  // Ten minutes later would be late to learn that the file cannot be written; and an earlier run's rows must not pass for this one's.
  if (json !== undefined) closeSync(openSync(json, "w"));
  return { ...(json === undefined ? {} : { json }), ...(count === undefined ? {} : { threads: count }), markdown, seconds: perRow, suites: asked, ...own };
}

/** @param {string[]} args @param {typeof BENCH} command */
function parse(args, { usage, more }) {
  try {
    const text = /** @type {const} */ ({ type: "string" });
    return parseArgs({ args, options: { json: text, markdown: { type: "boolean" }, only: text, seconds: text, threads: text, ...more } }).values;
  } catch (error) {
    throw new Error(`${/** @type {Error} */ (error).message.split("\n")[0]}; ${usage}`);
  }
}
