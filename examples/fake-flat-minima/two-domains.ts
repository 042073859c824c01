/**
 * Two domains in two dimensions. Their mean has two equal minima, A = (-1, 0) and B = (1, 0), with a low ridge between:
 *
 *     L_1 = M + D,   L_2 = M - D,   M(x, y) = 0.05 (x^2 - 1)^2 + y^2 / 2,   D(x) = 3 (x + 1) exp(-(2 (x + 1))^4)
 *
 * At A each domain's own loss is a steep slope, one up and one down, and only in the mean they cancel: A is a fake flat
 * minimum. Around B the domains agree, and each is as flat as the mean.
 *
 * The mean knows nothing of D, so neither SAM nor plain descent can tell A from B. DGSAM climbs on one domain after the
 * other and counts the one it begins with twice: its steps do not vanish where domains pull against each other.
 *
 * The case is made to show this and says nothing of how common it is. It needs a learning rate whose steps can pass the
 * ridge; without the climb (rho = 0) the same steps stay left of it.
 */
import { DGSAM, manualSeed, rand, SAM, SGD, tensor, type Tensor } from "dgsam";

export const RHO = 0.1;
export const STEPS = 600;
const LEARNING_RATE = 0.2;

export type Point = readonly [x: number, y: number];

const slope = (x: number): number => 3 * (x + 1) * Math.exp(-((2 * (x + 1)) ** 4));

export const meanLoss = ([x, y]: Point): number => 0.05 * (x ** 2 - 1) ** 2 + y ** 2 / 2;
/** Both domains' losses at a point, for measuring. */
export const DOMAIN_LOSSES = [(at: Point) => meanLoss(at) + slope(at[0]), (at: Point) => meanLoss(at) - slope(at[0])] as const;

/** How far a loss can rise within a radius: over 360 directions and 10 distances. */
export function sharpness(loss: (point: Point) => number, [x, y]: Point, radius: number): number {
  let highest = loss([x, y]);
  for (let degree = 0; degree < 360; degree++) {
    const angle = (degree * Math.PI) / 180;
    for (let part = 1; part <= 10; part++) {
      const distance = (radius * part) / 10;
      highest = Math.max(highest, loss([x + distance * Math.cos(angle), y + distance * Math.sin(angle)]));
    }
  }
  return highest - loss([x, y]);
}

/** Points in the valley of A, the fake minimum. */
export function startingPoints(count: number): Point[] {
  manualSeed(0);
  const uniform = rand([count, 2]).toArray() as number[][];
  return uniform.map(([a, b]) => [-1.6 + 1.2 * a!, -1 + 2 * b!]);
}

/** The same losses of a parameter tensor [x, y], for training. */
function closures(point: Tensor): [() => Tensor, () => Tensor] {
  const coordinates = () => [point.select(0, 0), point.select(0, 1)] as const;
  const mean = () => {
    const [x, y] = coordinates();
    return x.pow(2).sub(1).pow(2).mul(0.05).add(y.pow(2).div(2));
  };
  const slope = () => {
    const shifted = coordinates()[0].add(1);
    return shifted.mul(3).mul(shifted.mul(2).pow(4).neg().exp());
  };
  return [() => mean().add(slope()), () => mean().sub(slope())];
}

/** The points that an algorithm visits. */
export function trajectory(algorithm: "SAM" | "DGSAM", start: Point, { seed = 0, rho = RHO } = {}): Point[] {
  const point = tensor([...start], { dtype: "float64", requiresGrad: true });
  const [first, second] = closures(point);
  const options = { rho, lr: LEARNING_RATE };
  const sam = new SAM([point], SGD, options);
  const dgsam = new DGSAM([point], SGD, { ...options, seed });
  const visited: Point[] = [start];
  for (let step = 0; step < STEPS; step++) {
    // The sum of the losses, so that both descend at the same scale.
    if (algorithm === "SAM") sam.step(() => first().add(second()));
    else dgsam.step([first, second]);
    const [x, y] = point.data() as Float64Array;
    visited.push([x!, y!]);
  }
  return visited;
}
