/** Trains a classifier of three sites with an algorithm of your own: see custom-algorithm/wsam.ts. */

import { Adam, crossEntropy, Linear, manualSeed, randn } from "dgsam";
import { WSAM } from "./custom-algorithm/wsam.js";

manualSeed(0);
const model = new Linear(4, 2);
const optimizer = new WSAM(model.parameters(), Adam, { gamma: 0.8, rho: 0.05, lr: 0.1 });
// The sites differ by a shift of the features; the label is the sign of the first one before it.
const sites = [-0.5, 0, 0.5].map((shift) => {
  const x = randn([64, 4]);
  return { x: x.add(shift), y: x.select(1, 0).gt(0).to("int64") };
});

for (let step = 1; step <= 30; step++) {
  const { losses, gradNorms } = optimizer.step(sites.map(({ x, y }) => () => crossEntropy(model.forward(x), y)));
  if (step % 10 === 0) console.log(`step ${step}  loss by site ${losses.map((loss) => loss.toFixed(3)).join(" ")}  norm of the gradient ${gradNorms[0]!.toFixed(3)}`);
}
