/**
 * Train on five rotations of real digits, test on one that training never saw.
 *
 *     npm run example quick-start
 */
import { Adam, crossEntropy, DGSAM, DomainLoader, evaluate, leaveOneDomainOut, manualSeed, MnistCnn, rotatedMnist, scope } from "dgsam";

const STEPS = 300;

const dataset = rotatedMnist();
const { sources, target } = leaveOneDomainOut(dataset, "45");

manualSeed(0);
const model = new MnistCnn({ inChannels: 1, numClasses: 10, width: 8 });
const optimizer = new DGSAM(model.parameters(), Adam, { lr: 1e-2, rho: 0.02, model });
const loader = new DomainLoader(sources, { batchSize: 32 });

for (let step = 1; step <= STEPS; step++) {
  // One minibatch per domain, one closure per minibatch; everything made in the scope is freed.
  const { losses } = scope(() => optimizer.step(loader.next().map(({ x, y }) => () => crossEntropy(model.forward(x), y))));
  if (step % 50 === 0) console.log(`step ${step}: loss by domain ${losses.map((loss) => loss.toFixed(2)).join(" ")}`);
  await new Promise(setImmediate); // lets Ctrl-C in
}

const { accuracy, total } = evaluate(model, target);
console.log(`accuracy on the ${total} digits turned by ${target.name} degrees, an angle that training never saw: ${(100 * accuracy).toFixed(1)}%`);
