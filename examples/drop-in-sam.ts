/**
 * From SAM to DGSAM: the constructor keeps its form, and step() takes one closure per domain instead of one for all.
 *
 *     npm run example drop-in-sam
 */
import { Adam, crossEntropy, DGSAM, manualSeed, MLP, randint, randn, SAM, type Tensor } from "dgsam";

// Three sites that measure the same thing with a different offset.
manualSeed(0);
const sites = [0, 1, 2].map((offset) => ({ x: randn([32, 8]).add(offset), y: randint(4, [32]) }));

for (const algorithm of ["SAM", "DGSAM"] as const) {
  manualSeed(1);
  const model = new MLP([8, 32, 4]);
  const losses: (() => Tensor)[] = sites.map(({ x, y }) => () => crossEntropy(model.forward(x), y));

  let last: number[] = [];
  if (algorithm === "SAM") {
    const optimizer = new SAM(model.parameters(), Adam, { rho: 0.05, lr: 0.01 });
    for (let step = 0; step < 100; step++) last = optimizer.step(() => losses.map((loss) => loss()).reduce((sum, loss) => sum.add(loss)).div(losses.length)).losses;
  } else {
    const optimizer = new DGSAM(model.parameters(), Adam, { rho: 0.05, lr: 0.01 });
    for (let step = 0; step < 100; step++) last = optimizer.step(losses).losses;
  }
  console.log(`${algorithm}: ${algorithm === "SAM" ? "mean loss" : "loss by site"} ${last.map((loss) => loss.toFixed(3)).join(" ")}`);
}
