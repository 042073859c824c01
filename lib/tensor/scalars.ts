/** Numbers that JavaScript cannot spell: a double that looks like an integer, and complex numbers. */

import { argumentError } from "../errors.js";

/** Made by {@link double}. */
export class Double {
  constructor(readonly value: number) {}
}

/** Made by {@link complex}. */
export class Complex {
  constructor(readonly re: number, readonly im: number) {}
}

/**
 * Forces a double where a number would be taken for an integer: `mul(x, double(2))` promotes an int64 `x` to float32,
 * `mul(x, 2)` does not.
 */
export function double(value: number): Double {
  if (typeof value !== "number") throw argumentError("double(value)", "a number", value);
  return new Double(value);
}

/** A complex number, for arguments. Results are plain `{ re, im }` objects. */
export function complex(re: number, im: number): Complex {
  if (typeof re !== "number") throw argumentError("complex(re, im): re", "a number", re);
  if (typeof im !== "number") throw argumentError("complex(re, im): im", "a number", im);
  return new Complex(re, im);
}

/** A number as operators take it where the schema says `Scalar`, and where a Tensor may be a number. */
export type ScalarLike = number | bigint | boolean | Double | Complex;

/** A complex result. */
export interface ComplexValue {
  re: number;
  im: number;
}
