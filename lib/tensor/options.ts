/** The check of options in a trailing object: a misspelt one would change nothing in silence. */

import { argumentError, DgsamError } from "../errors.js";

/**
 * The options as they came, an empty object for `undefined`.
 *
 * @param name the function, for messages
 * @throws DgsamError `ERR_ARGUMENT` for anything but an object, and for an option that is not among `known`
 */
export function checkOptions<O extends object>(name: string, options: O | undefined, known: readonly (keyof O & string)[]): O {
  if (options === undefined) return {} as O;
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw argumentError(`${name}: options`, `an object with any of ${known.join(", ")}`, options);
  for (const option of Object.keys(options))
    if (!(known as readonly string[]).includes(option))
      throw new DgsamError("ERR_ARGUMENT", `${name}: unknown option '${option}'; the options are ${known.join(", ")}`);
  return options;
}
