/**
 * The cosine, rounded correctly but for the rarest arguments: as PyTorch's schedules have it from the C library.
 *
 * `Math.cos` differs from it, and between versions of Node, in the last bit. A schedule that multiplies ratios of 1 + cos
 * makes some tMax^2 bits of that.
 */

/** An unevaluated sum of two numbers, some 106 bits (Dekker 1971). */
type Pair = readonly [high: number, low: number];

// pi/2 to some 160 bits.
const HALF_PI = [1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33];

/** cos(x), x in radians; for |x| up to some 1e9. */
export function roundedCosine(x: number): number {
  const quarters = Math.round(x / HALF_PI[0]!);
  let rest: Pair = [x, 0];
  for (const part of HALF_PI) rest = add(rest, product(-quarters, part));
  const quadrant = ((quarters % 4) + 4) % 4;
  const value = series(rest, quadrant % 2);
  return quadrant === 1 || quadrant === 2 ? -value : value;
}

/** The Taylor series of the cosine (from degree 0) or the sine (from degree 1) to the last bit, for |x| <= pi/4. */
function series(x: Pair, degree: number): number {
  const square = times(x, x);
  let term: Pair = degree === 0 ? [1, 0] : x;
  let sum = term;
  for (; degree < 32; degree += 2) {
    term = over(times(term, square), -(degree + 1) * (degree + 2));
    sum = add(sum, term);
  }
  return sum[0];
}

function sum(a: number, b: number): Pair {
  const high = a + b;
  const part = high - a;
  return [high, a - (high - part) + (b - part)];
}

function split(a: number): Pair {
  const scaled = a * 134217729;
  const high = scaled - (scaled - a);
  return [high, a - high];
}

function product(a: number, b: number): Pair {
  const high = a * b;
  const [a1, a2] = split(a);
  const [b1, b2] = split(b);
  return [high, a2 * b2 - (high - a1 * b1 - a2 * b1 - a1 * b2)];
}

function add(a: Pair, b: Pair): Pair {
  const [high, error] = sum(a[0], b[0]);
  const [low, lowError] = sum(a[1], b[1]);
  const [top, rest] = sum(high, error + low);
  return sum(top, rest + lowError);
}

function times(a: Pair, b: Pair): Pair {
  const [high, low] = product(a[0], b[0]);
  return sum(high, low + (a[0] * b[1] + a[1] * b[0]));
}

function over(a: Pair, b: number): Pair {
  const quotient = a[0] / b;
  const [high, low] = product(quotient, b);
  return sum(quotient, (a[0] - high - low + a[1]) / b);
}
