/**
 * The line search of L-BFGS: along a direction of descent it looks for a step t that meets the strong Wolfe conditions
 *
 *     f(t) <= f(0) + 1e-4 * t * f'(0)      (it descends enough)
 *     |f'(t)| <= 0.9 * |f'(0)|             (it is no longer steep there)
 *
 * First steps grow until they enclose such a point, then cubic interpolation narrows the bracket. Nocedal & Wright,
 * Numerical Optimization, 2nd edition, algorithms 3.5 and 3.6, as torch.optim.lbfgs carries them out.
 */

const DESCENT = 1e-4;
const CURVATURE = 0.9;

/** A point on the line. */
export interface Point {
  /** The step that leads there; 0 where the search begins. */
  readonly t: number;
  readonly loss: number;
  /** f'(t), the derivative along the line. */
  readonly slope: number;
}

export interface SearchOptions {
  /** The first step that is tried. */
  firstStep: number;
  /** The largest element of the direction: a bracket whose ends differ by less than `toleranceChange` is small enough. */
  directionSize: number;
  toleranceChange: number;
  /** How many evaluations may follow the first. */
  maxIterations: number;
}

/** The best point found, the start itself where none is better. `evaluate` gives the point at a step. */
export function strongWolfe<P extends Point>(evaluate: (t: number) => P, start: P, options: SearchOptions): P {
  const { firstStep, directionSize, toleranceChange, maxIterations } = options;
  const tooHigh = ({ t, loss }: Point): boolean => loss > start.loss + DESCENT * t * start.slope;
  const flat = ({ slope }: Point): boolean => Math.abs(slope) <= -CURVATURE * start.slope;

  let previous = start;
  let current = evaluate(firstStep);
  let iterations = 0;
  let enclosed = false;
  while (iterations < maxIterations) {
    enclosed = tooHigh(current) || (iterations > 1 && current.loss >= previous.loss);
    if (!enclosed && flat(current)) return current;
    enclosed ||= current.slope >= 0;
    if (enclosed) break;
    const { t } = current;
    const next = interpolate(previous, current, t + 0.01 * (t - previous.t), t * 10);
    previous = current;
    current = evaluate(next);
    iterations++;
  }

  const bracket: [P, P] = [enclosed ? previous : start, current];
  const lower = (): 0 | 1 => (bracket[0].loss <= bracket[1].loss ? 0 : 1);
  let low = lower();
  let tooNear = false;
  for (; iterations < maxIterations; iterations++) {
    const left = Math.min(bracket[0].t, bracket[1].t);
    const right = Math.max(bracket[0].t, bracket[1].t);
    if ((right - left) * directionSize < toleranceChange) break;
    const guess = interpolate(bracket[0], bracket[1], left, right);
    // Twice in a row near an end, or on it: a tenth of the bracket away from that end instead.
    const margin = 0.1 * (right - left);
    const near = Math.min(right - guess, guess - left) < margin;
    const moveIn: boolean = near && (tooNear || guess >= right || guess <= left);
    tooNear = near && !moveIn;
    const inside = Math.abs(guess - right) < Math.abs(guess - left) ? right - margin : left + margin;

    current = evaluate(moveIn ? inside : guess);
    const high = low === 0 ? 1 : 0;
    if (tooHigh(current) || current.loss >= bracket[low].loss) {
      bracket[high] = current;
      low = lower();
      continue;
    }
    const found = flat(current);
    if (!found && current.slope * (bracket[high].t - bracket[low].t) >= 0) bracket[high] = bracket[low];
    bracket[low] = current;
    if (found) break;
  }
  return bracket[low];
}

/** Where the cubic through two points with their slopes is least, kept between two bounds; the middle where it has no minimum. */
function interpolate(one: Point, other: Point, lowest: number, highest: number): number {
  const d1 = one.slope + other.slope - (3 * (one.loss - other.loss)) / (one.t - other.t);
  const square = d1 * d1 - one.slope * other.slope;
  if (!(square >= 0)) return (lowest + highest) / 2;
  const d2 = Math.sqrt(square);
  const [a, b] = one.t <= other.t ? [one, other] : [other, one];
  const t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2));
  return Math.min(Math.max(t, lowest), highest);
}
