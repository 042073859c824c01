/**
 * SAM settles in a minimum that only the mean loss has; DGSAM leaves it. Measures where both end, from several starting
 * points, and draws the paths. The losses stand in fake-flat-minima/two-domains.ts.
 *
 *     npm run example fake-flat-minima [output.svg]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { draw } from "./fake-flat-minima/drawing.js";
import { DOMAIN_LOSSES, meanLoss, RHO, sharpness, startingPoints, trajectory, type Point } from "./fake-flat-minima/two-domains.js";

const output = process.argv[2] ?? "results/fake-flat-minima.svg";

const starts = startingPoints(6);
const runs = (["SAM", "DGSAM"] as const).flatMap((algorithm) => starts.map((start, seed) => ({ algorithm, path: trajectory(algorithm, start, { seed }) })));

console.log(`Sharpness: how far a loss rises within ${RHO}.\n`);
console.log("          start                end      mean loss   of the mean   of a domain");
for (const { algorithm, path } of runs) {
  const end = path.at(-1)!;
  const point = (at: Point) => `(${at.map((value) => value.toFixed(2).padStart(5)).join(", ")})`;
  const own = Math.max(...DOMAIN_LOSSES.map((loss) => sharpness(loss, end, RHO)));
  const measured = [meanLoss(end).toFixed(4).padStart(9), sharpness(meanLoss, end, RHO).toFixed(4).padStart(13), own.toFixed(4).padStart(13)];
  console.log(`${algorithm.padEnd(6)} ${point(path[0]!)} -> ${point(end)}  ${measured.join(" ")}`);
}

mkdirSync(path.dirname(output), { recursive: true });
writeFileSync(output, draw(runs));
console.log(`\nDrawn to ${output}`);
