/**
 * The error of the twins. It carries the package's codes, but is a class of its own: nothing in this folder imports the
 * rest of the library, so that the twins stay an independent check of it.
 */

export type TwinErrorCode = "ERR_ARGUMENT" | "ERR_SHAPE" | "ERR_NON_FINITE";

export class TwinError extends Error {
  override readonly name = "TwinError";
  readonly code: TwinErrorCode;

  constructor(code: TwinErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Checks that `value` is a number in [minimum, below); the upper bound is open, as for Adam's betas. */
export function checkNumber(name: string, value: unknown, minimum: number, below = Infinity): void {
  if (typeof value === "number" && value >= minimum && value < below) return;
  const range = below === Infinity ? `a finite number >= ${minimum}` : `a number >= ${minimum} and < ${below}`;
  throw new TwinError("ERR_ARGUMENT", `${name}: expected ${range}, got ${String(value)}`);
}
