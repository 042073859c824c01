/** How far two ways of training part: for every parameter after every step max|a - b| / max|b|, and of these the worst. */

/** The parameters after every step, each flat. */
export type Trajectory = readonly (readonly ArrayLike<number>[])[];

/** The worst error over all steps and parameters. Lengths that differ, and NaN on either side, are an infinite error. */
export function trajectoryError(actual: Trajectory, expected: Trajectory): number {
  if (actual.length !== expected.length) return Infinity;
  let worst = 0;
  for (const [step, params] of actual.entries()) {
    if (params.length !== expected[step]!.length) return Infinity;
    for (const [index, param] of params.entries()) worst = Math.max(worst, tensorError(param, expected[step]![index]!));
  }
  return worst;
}

function tensorError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let difference = 0;
  let magnitude = 0;
  for (let i = 0; i < expected.length; i++) {
    const distance = Math.abs(actual[i]! - expected[i]!);
    if (Number.isNaN(distance)) return Infinity;
    difference = Math.max(difference, distance);
    magnitude = Math.max(magnitude, Math.abs(expected[i]!));
  }
  return difference === 0 ? 0 : difference / magnitude;
}
