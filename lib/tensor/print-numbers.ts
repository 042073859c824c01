/** Numbers as PyTorch prints them: Python's formats, and one common width for all numbers of a tensor. */

import type { Element } from "./data-types.js";

export interface PrintOptions {
  /** Digits after the point. Default 4. */
  precision: number;
  /** Tensors of more elements are summarised. Default 1000. */
  threshold: number;
  /** How many elements a summary shows at each end of a dimension. Default 3. */
  edgeItems: number;
  /** Where lines break, in characters. Default 80. */
  lineWidth: number;
  /** Scientific notation: always, never, or, by default (null), where the numbers ask for it. */
  sciMode: boolean | null;
}

// A double that is not a tie has shown it within so many more digits. JavaScript writes 100 at most.
const BEYOND = 60;

/**
 * JavaScript rounds ties up, Python to the even digit.
 *
 * @param long the number with BEYOND digits more than wanted
 * @param rounded as JavaScript rounds it
 */
function tieToEven(long: string, rounded: string): string {
  const digits = long.slice(0, -BEYOND);
  const isTie = long.endsWith(`5${"0".repeat(BEYOND - 1)}`);
  return isTie && "02468".includes(digits.replace(/\.$/, "").at(-1)!) ? digits.replace(/\.$/, "") : rounded;
}

function isNegative(value: number): boolean {
  return value < 0 || Object.is(value, -0);
}

function notFinite(value: number): string {
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

/** Python's `f"{value:.{precision}f}"`. */
export function fixed(value: number, precision: number): string {
  if (!Number.isFinite(value)) return notFinite(value);
  const size = Math.abs(value);
  const sign = isNegative(value) ? "-" : "";
  // From here on JavaScript writes exponents; all such numbers are integers.
  if (size >= 1e21) return `${sign}${BigInt(size)}${precision > 0 ? `.${"0".repeat(precision)}` : ""}`;
  const rounded = size.toFixed(precision);
  return sign + (size * 2 ** (precision + 1) % 1 === 0 ? tieToEven(size.toFixed(precision + BEYOND), rounded) : rounded);
}

/** Python's `f"{value:.{precision}e}"`. */
export function scientific(value: number, precision: number): string {
  if (!Number.isFinite(value)) return notFinite(value);
  const size = Math.abs(value);
  const [mantissa = "", exponent = ""] = size.toExponential(precision).split("e");
  const [long = "", longExponent = ""] = size.toExponential(precision + BEYOND).split("e");
  const digits = exponent === longExponent ? tieToEven(long, mantissa) : mantissa;
  return `${isNegative(value) ? "-" : ""}${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

/** Python's `repr` of a float. */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return notFinite(value);
  if (Object.is(value, -0)) return "-0.0";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    const [mantissa, exponent = ""] = value.toExponential().split("e");
    return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** A number to text, all of one width. */
export interface Formatter {
  width: number;
  format(value: Element): string;
}

/** For integers and booleans. */
export function exactFormatter(values: readonly Element[]): Formatter {
  const text = (value: Element): string => (typeof value === "boolean" ? (value ? "True" : "False") : String(value as number | bigint));
  const width = values.reduce<number>((most, value) => Math.max(most, text(value).length), 1);
  return { width, format: (value) => text(value).padStart(width) };
}

/** For floating-point numbers: as integers if all are, in scientific notation if they differ much, else with a point. */
export function floatFormatter(values: readonly number[], options: PrintOptions): Formatter {
  const { precision } = options;
  const counted = values.filter((value) => Number.isFinite(value) && value !== 0);
  if (counted.length === 0) return { width: 1, format: (value) => integerText(value as number) };
  let least = Infinity;
  let most = 0;
  for (const value of counted) {
    least = Math.min(least, Math.abs(value));
    most = Math.max(most, Math.abs(value));
  }
  const allIntegers = counted.every((value) => Number.isInteger(value));
  const wide = most / least > 1000 || most > 1e8 || least < 1e-4;
  const text = (options.sciMode ?? wide)
    ? (value: number) => scientific(value, precision)
    : allIntegers
      ? integerText
      : (value: number) => fixed(value, precision);
  const width = counted.reduce((longest, value) => Math.max(longest, text(value).length), 1);
  return { width, format: (value) => text(value as number).padStart(width) };
}

/** An integer of a floating-point dtype bears a point. */
function integerText(value: number): string {
  return Number.isFinite(value) ? `${fixed(value, 0)}.` : notFinite(value);
}
