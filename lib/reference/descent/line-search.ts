/**
 * The strong-Wolfe line search of `torch.optim.LBFGS`: looks along a direction for a step t with
 *
 *     f(t) <= f(0) + c1 t f'(0)  and  |f'(t)| <= c2 |f'(0)|,   c1 = 1e-4, c2 = 0.9
 *
 * Source: torch/optim/lbfgs.py, `_strong_wolfe` and `_cubic_interpolate`; Nocedal and Wright, Numerical Optimization, 2nd
 * edition, algorithms 3.5 and 3.6.
 */

/** What is known at a step t: f(t), f'(t) along the direction, and the gradient. */
export interface Trial {
  readonly t: number;
  readonly f: number;
  readonly gtd: number;
  readonly g: Float64Array;
}

const C1 = 1e-4;
const C2 = 0.9;

/**
 * @param at evaluates at a step
 * @param origin what is known at t = 0
 * @param t the step to try first
 * @param dNorm the largest element of the direction
 * @param maxLs evaluations after the first, at most
 */
export function strongWolfe(at: (t: number) => Trial, origin: Trial, t: number, dNorm: number, toleranceChange: number, maxLs: number): Trial {
  const armijoFails = (trial: Trial) => trial.f > origin.f + C1 * trial.t * origin.gtd;
  const curvatureHolds = (trial: Trial) => Math.abs(trial.gtd) <= -C2 * origin.gtd;

  // Bracket a point that satisfies the conditions.
  let bracket: [Trial, Trial] | null = null;
  let last = origin;
  let now = at(t);
  let lsIter = 0;
  while (lsIter < maxLs) {
    if (armijoFails(now) || (lsIter > 1 && now.f >= last.f)) {
      bracket = [last, now];
      break;
    }
    if (curvatureHolds(now)) return now;
    if (now.gtd >= 0) {
      bracket = [last, now];
      break;
    }
    const next = cubicInterpolate(last, now, now.t + 0.01 * (now.t - last.t), now.t * 10);
    last = now;
    now = at(next);
    lsIter++;
  }
  bracket ??= [origin, now];

  // Zoom in.
  let insufficientProgress = false;
  let low = bracket[0].f <= bracket[1].f ? 0 : 1;
  while (lsIter < maxLs) {
    const [first, second] = bracket;
    const [left, right] = [Math.min(first.t, second.t), Math.max(first.t, second.t)];
    if (Math.abs(second.t - first.t) * dNorm < toleranceChange) break;
    let step = cubicInterpolate(first, second, left, right);
    const eps = 0.1 * (right - left);
    if (Math.min(right - step, step - left) < eps) {
      if (insufficientProgress || step >= right || step <= left) {
        step = Math.abs(step - right) < Math.abs(step - left) ? right - eps : left + eps;
        insufficientProgress = false;
      } else {
        insufficientProgress = true;
      }
    } else {
      insufficientProgress = false;
    }
    now = at(step);
    lsIter++;
    const high = 1 - low;
    if (armijoFails(now) || now.f >= bracket[low]!.f) {
      bracket[high] = now;
      low = bracket[0].f <= bracket[1].f ? 0 : 1;
    } else {
      const done = curvatureHolds(now);
      if (!done && now.gtd * (bracket[high]!.t - bracket[low]!.t) >= 0) bracket[high] = bracket[low]!;
      bracket[low] = now;
      if (done) break;
    }
  }
  return bracket[low]!;
}

function cubicInterpolate({ t: x1, f: f1, gtd: g1 }: Trial, { t: x2, f: f2, gtd: g2 }: Trial, low: number, high: number): number {
  const d1 = g1 + g2 - (3 * (f1 - f2)) / (x1 - x2);
  const d2Square = d1 * d1 - g1 * g2;
  if (!(d2Square >= 0)) return (low + high) / 2;
  const d2 = Math.sqrt(d2Square);
  const minimum = x1 <= x2 ? x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2)) : x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2));
  return Math.min(Math.max(minimum, low), high);
}
