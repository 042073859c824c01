/**
 * Train on five rotations of real digits, test on one that training never saw.
 *
 *     npm run example quick-start
 */
import { Adam, batches, crossEntropy, DGSAM, DomainLoader, leaveOneDomainOut, manualSeed, MnistCnn, noGrad, rotatedMnist, scope } from "dgsam";

const dataset = rotatedMnist();
const { sources, target } = leaveOneDomainOut(dataset, "0");

manualSeed(0);
const model = new MnistCnn({ inChannels: 1, numClasses: 10, width: 16 });
const optimizer = new DGSAM(model.parameters(), Adam, { lr: 1e-3, rho: 0.05, model });
const loader = new DomainLoader(sources, { batchSize: 32 });

for (let step = 1; step <= 100; step++) {
  // One minibatch per domain, one closure per minibatch; everything made in the scope is freed.
  const { losses } = scope(() => optimizer.step(loader.next().map(({ x, y }) => () => crossEntropy(model.forward(x), y))));
  if (step % 20 === 0) console.log(`step ${step}: loss by domain ${losses.map((loss) => loss.toFixed(2)).join(" ")}`);
  await new Promise(setImmediate); // lets Ctrl-C in
}

model.eval();
let correct = 0;
for (const { x, y } of batches(target, 256)) {
  correct += noGrad(() => scope(() => Number(model.forward(x).argmax(1).eq(y).sum().item())));
}
console.log(`accuracy on the unseen rotation by ${target.name} degrees: ${((100 * correct) / target.length).toFixed(1)}%`);
