/**
 * The random numbers that DomainBed's protocol is defined with: NumPy's legacy generator and DomainBed's `seed_hash`.
 *
 * NumPy froze `RandomState` (NEP 19), so the streams here can be reproduced in Python for ever:
 * `numpy.random.RandomState(seedHash(0, 0)).permutation(10)` gives the same ten numbers.
 */
import { createHash } from "node:crypto";
import { checkInteger } from "../checks.js";
import { argumentError } from "../errors.js";
import { checkList, checkSeed } from "./checks.js";

const N = 624;
const M = 397;
const UINT32 = 2 ** 32;

/** A list that can be shuffled in place: an array or a typed array. */
export interface Shuffleable {
  readonly length: number;
  [index: number]: unknown;
}

/**
 * NumPy's `numpy.random.RandomState`: the Mersenne Twister MT19937 with NumPy's legacy ways of drawing from it.
 * Equal seeds give the same draws as in NumPy, bit for bit.
 *
 * Source: Matsumoto and Nishimura, "Mersenne Twister", ACM TOMACS 8(1), 1998; numpy/random/mtrand.pyx.
 */
export class RandomState {
  readonly #key = new Uint32Array(N);
  #position = N;

  /**
   * @param seed an integer from 0 to 2^32 - 1, or a non-empty array of such integers (NumPy seeds the two differently,
   *   also for an array of one).
   * @throws ERR_ARGUMENT for any other seed.
   */
  constructor(seed: number | readonly number[]) {
    if (typeof seed === "number") {
      checkSeed("RandomState: seed", seed);
      this.#seedByInteger(seed);
      return;
    }
    if (!Array.isArray(seed) || seed.length === 0) {
      throw argumentError("RandomState: seed", "an integer or a non-empty array of integers", seed);
    }
    for (const part of seed) checkSeed("RandomState: each part of seed", part);
    this.#seedByArray(seed);
  }

  /** The next 32 random bits, from 0 to 2^32 - 1. */
  uint32(): number {
    if (this.#position === N) this.#refill();
    let y = this.#key[this.#position++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /**
   * A float64 of 53 random bits from [low, high). NumPy: `uniform(low, high)`; with no arguments `random_sample()`.
   * @throws ERR_ARGUMENT unless both are finite numbers.
   */
  uniform(low = 0, high = 1): number {
    if (!Number.isFinite(low)) throw argumentError("RandomState.uniform: low", "a finite number", low);
    if (!Number.isFinite(high)) throw argumentError("RandomState.uniform: high", "a finite number", high);
    const a = this.uint32() >>> 5;
    const b = this.uint32() >>> 6;
    return low + (high - low) * ((a * 67108864 + b) / 9007199254740992);
  }

  /**
   * An integer from [low, high). NumPy: `randint(low, high)`.
   * @throws ERR_ARGUMENT unless both are integers and 1 <= high - low <= 2^32.
   */
  randint(low: number, high: number): number {
    checkInteger("RandomState.randint: low", low, Number.MIN_SAFE_INTEGER);
    checkInteger("RandomState.randint: high", high, low + 1, Math.min(low + UINT32, Number.MAX_SAFE_INTEGER));
    return low + this.#interval(high - low - 1);
  }

  /** The numbers 0 .. n-1 in random order. NumPy: `permutation(n)`. @throws ERR_ARGUMENT for another n. */
  permutation(n: number): Uint32Array {
    checkInteger("RandomState.permutation: n", n, 0, UINT32 - 1);
    return this.shuffle(Uint32Array.from({ length: n }, (_, i) => i));
  }

  /** Shuffles a list in place and returns it. NumPy: `shuffle(list)`. @throws ERR_ARGUMENT for what is no list, or is frozen. */
  shuffle<L extends Shuffleable>(list: L): L {
    checkList("RandomState.shuffle(list)", list);
    if (Object.isFrozen(list)) throw argumentError("RandomState.shuffle(list)", "a list that can be changed", list);
    const items: Shuffleable = list;
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.#interval(i);
      const swapped = items[i];
      items[i] = items[j];
      items[j] = swapped;
    }
    return list;
  }

  // An integer from [0, maximum]: draws are masked to the bits of maximum and those above it are drawn again, as in
  // NumPy. A single possible value costs no draw.
  #interval(maximum: number): number {
    if (maximum === 0) return 0;
    const mask = 0xffffffff >>> Math.clz32(maximum);
    for (;;) {
      const value = (this.uint32() & mask) >>> 0;
      if (value <= maximum) return value;
    }
  }

  #seedByInteger(seed: number): void {
    const key = this.#key;
    key[0] = seed;
    for (let i = 1; i < N; i++) key[i] = Math.imul(1812433253, mixed(key[i - 1]!)) + i;
    this.#position = N;
  }

  #seedByArray(parts: readonly number[]): void {
    const key = this.#key;
    this.#seedByInteger(19650218);
    let i = 1;
    let j = 0;
    for (let k = Math.max(N, parts.length); k > 0; k--) {
      key[i] = (key[i]! ^ Math.imul(mixed(key[i - 1]!), 1664525)) + parts[j]! + j;
      if (++i === N) {
        key[0] = key[N - 1]!;
        i = 1;
      }
      if (++j === parts.length) j = 0;
    }
    for (let k = N - 1; k > 0; k--) {
      key[i] = (key[i]! ^ Math.imul(mixed(key[i - 1]!), 1566083941)) - i;
      if (++i === N) {
        key[0] = key[N - 1]!;
        i = 1;
      }
    }
    key[0] = 0x80000000;
  }

  #refill(): void {
    const key = this.#key;
    for (let i = 0; i < N; i++) {
      const y = (key[i]! & 0x80000000) | (key[(i + 1) % N]! & 0x7fffffff);
      key[i] = key[(i + M) % N]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#position = 0;
  }
}

function mixed(previous: number): number {
  return previous ^ (previous >>> 30);
}

/** What `seedHash` takes: what Python would write as int, float, str, bool, None or a list of these. */
export type SeedPart = number | bigint | string | boolean | null | readonly SeedPart[];

/**
 * DomainBed's `seed_hash`: a seed from named things, `int(md5(str(args)), 16) % 2**31` with `args` a Python tuple.
 * Use it so that a new random choice gets a stream of its own: `new RandomState(seedHash(trial, "dropout"))`.
 *
 * A JS number without a fraction is Python's int (JavaScript cannot tell 1 from 1.0), one with a fraction its float.
 *
 * @returns an integer from 0 to 2^31 - 1.
 * @throws ERR_ARGUMENT for a value that has no Python text here, such as an integer beyond 2^53 (pass a bigint).
 */
export function seedHash(...parts: SeedPart[]): number {
  const text = parts.length === 1 ? `(${pythonText(parts[0]!)},)` : `(${parts.map(pythonText).join(", ")})`;
  const digest = createHash("md5").update(text, "utf8").digest();
  return digest.readUInt32BE(12) % 2 ** 31;
}

function pythonText(value: SeedPart): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return pythonNumber(value);
  if (typeof value === "string") return pythonString(value);
  if (Array.isArray(value)) return `[${value.map(pythonText).join(", ")}]`;
  throw argumentError("seedHash", "numbers, strings, booleans, null or arrays of these", value);
}

function pythonNumber(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Number.isInteger(value)) {
    if (Number.isSafeInteger(value)) return value.toFixed(0);
    throw argumentError("seedHash", "a safe integer (pass a bigint for a larger one)", value);
  }
  // Both languages print the shortest digits that read back equal; only the switch to the exponent form differs:
  // JavaScript's is below 1e-6, Python's below 1e-4 (at the upper end no number has a fraction).
  if (Math.abs(value) >= 1e-4) return String(value);
  const [digits, exponent] = value.toExponential().split("e-");
  return `${digits}e-${exponent!.padStart(2, "0")}`;
}

// Python's repr of a string: single quotes unless only they occur, escapes for what is not printable.
function pythonString(value: string): string {
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  let text = "";
  for (const character of value) text += pythonCharacter(character, quote);
  return quote + text + quote;
}

const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([["\n", "\\n"], ["\r", "\\r"], ["\t", "\\t"], ["\\", "\\\\"]]);

function pythonCharacter(character: string, quote: string): string {
  const short = SHORT_ESCAPES.get(character);
  if (short !== undefined) return short;
  if (character === quote) return `\\${quote}`;
  if (character === " " || !/[\p{C}\p{Z}]/u.test(character)) return character;
  const hex = character.codePointAt(0)!.toString(16);
  if (hex.length <= 2) return `\\x${hex.padStart(2, "0")}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
