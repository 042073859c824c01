/**
 * Two domains in two dimensions whose mean has a flat valley, x = 0, that is equally low everywhere. At y = -1 the valley
 * is a fake: there each domain's own loss is a steep slope, and only in the mean the two cancel. Elsewhere on the floor
 * both domains are flat.
 *
 *     L_1(x, y) = x^2 + D(y),   L_2(x, y) = x^2 - D(y),   D(y) = tanh(4 (y + 1)) / 2
 *
 * Neither descent on the mean nor SAM can tell one place of the floor from another: the mean's gradient along y is zero.
 * DGSAM counts the domain it visits first twice, so its step does not vanish where the domains pull against each other:
 * it is driven on until each domain's own gradient is small.
 */
import { DGSAM, SAM, SGD, tensor, type Tensor } from "dgsam";

export const START = [1.2, -1] as const;
export const RHO = 0.005;
export const STEPS = 400;
const LEARNING_RATE = 0.3;

export type Point = readonly [x: number, y: number];

const slope = (y: number): number => Math.tanh(4 * (y + 1)) / 2;

/** Both domains' losses at a point, for measuring. */
export const DOMAIN_LOSSES = [([x, y]: Point) => x ** 2 + slope(y), ([x, y]: Point) => x ** 2 - slope(y)] as const;
export const meanLoss = (point: Point): number => (DOMAIN_LOSSES[0](point) + DOMAIN_LOSSES[1](point)) / 2;

/** How far a loss can rise within a radius: the largest of 360 directions. */
export function sharpness(loss: (point: Point) => number, [x, y]: Point, radius: number): number {
  const around = Array.from({ length: 360 }, (_, degree) => {
    const angle = (degree * Math.PI) / 180;
    return loss([x + radius * Math.cos(angle), y + radius * Math.sin(angle)]);
  });
  return Math.max(0, Math.max(...around) - loss([x, y]));
}

/** The same losses of a parameter tensor [x, y], for training. */
function closures(point: Tensor): [() => Tensor, () => Tensor] {
  const bowl = () => point.select(0, 0).pow(2);
  const slope = () => point.select(0, 1).add(1).mul(4).tanh().div(2);
  return [() => bowl().add(slope()), () => bowl().sub(slope())];
}

/** The points that an algorithm visits, from START. */
export function trajectory(algorithm: "SAM" | "DGSAM", seed: number): Point[] {
  const point = tensor([...START], { dtype: "float64", requiresGrad: true });
  const [first, second] = closures(point);
  const visited: Point[] = [START];
  const sam = new SAM([point], SGD, { rho: RHO, lr: LEARNING_RATE });
  const dgsam = new DGSAM([point], SGD, { rho: RHO, lr: LEARNING_RATE, seed });
  for (let step = 0; step < STEPS; step++) {
    if (algorithm === "SAM") sam.step(() => first().add(second()).div(2));
    else dgsam.step([first, second]);
    const [x, y] = point.data() as Float64Array;
    visited.push([x!, y!]);
  }
  return visited;
}
