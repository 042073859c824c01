/**
 * From SAM to DGSAM: another class name, and one closure per domain instead of one for all.
 *
 *     npm run example drop-in-sam
 */
import { Adam, crossEntropy, DGSAM, manualSeed, MLP, randint, randn, SAM, scope, type Tensor } from "dgsam";

// Three sites see the same four classes, each with an offset of its own.
manualSeed(0);
const centres = randn([4, 8]);
const sites = [-0.5, 0, 0.5].map((offset) => {
  const y = randint(4, [64]);
  return { x: centres.indexSelect(0, y).add(randn([64, 8]).mul(0.5)).add(offset), y };
});

let passes = 0;
/** One closure per site: it returns its loss, and the optimizer differentiates it. */
function lossesOf(model: MLP): (() => Tensor)[] {
  return sites.map(({ x, y }) => () => {
    passes++;
    return crossEntropy(model.forward(x), y);
  });
}

function trainWithSam(model: MLP): void {
  const losses = lossesOf(model);
  const optimizer = new SAM(model.parameters(), Adam, { rho: 0.05, lr: 0.01 });
  const meanLoss = () => losses.map((loss) => loss()).reduce((sum, loss) => sum.add(loss)).div(sites.length);
  for (let step = 0; step < 100; step++) scope(() => optimizer.step(meanLoss));
}

function trainWithDgsam(model: MLP): void {
  const losses = lossesOf(model);
  const optimizer = new DGSAM(model.parameters(), Adam, { rho: 0.05, lr: 0.01 });
  for (let step = 0; step < 100; step++) scope(() => optimizer.step(losses));
}

for (const [name, train] of [["SAM", trainWithSam], ["DGSAM", trainWithDgsam]] as const) {
  manualSeed(1);
  const model = new MLP([8, 32, 4]);
  passes = 0;
  train(model);
  const gradients = passes / 100;
  const losses = lossesOf(model).map((loss) => Number(loss().item()).toFixed(3));
  console.log(`${name.padEnd(5)}  ${gradients} gradients a step, loss by site ${losses.join(" ")}`);
}
