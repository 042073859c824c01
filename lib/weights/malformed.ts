/** Errors of files that do not hold what they should. */

import { DgsamError } from "../errors.js";

/** `ERR_DATA`: "`path`: `problem`". */
export function malformed(path: string, problem: string, cause?: unknown): DgsamError {
  return new DgsamError("ERR_DATA", `${path}: ${problem}`, cause === undefined ? {} : { cause });
}

/** A name out of a file, fit for a message whatever it holds. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 120)}...` : name);
}
