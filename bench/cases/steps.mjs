/** Training steps: a bare forward and backward, and whole DGSAM and SAM steps over them. */

import { Adam, crossEntropy, DGSAM, manualSeed, MLP, MnistCnn, randint, randn, SAM, scope, zeroGrad } from "dgsam";
import { compare, local } from "../measure.mjs";

export const DOMAINS = 3;
export const BATCH = 32;

/** The networks of the benchmark, with the bounds that issue and design set for them. */
export const NETWORKS = [
  { name: "MLP 64-64-64-64-10", key: "mlp", make: () => new MLP([64, 64, 64, 64, 10]), shape: [64], goals: { passes: 0.95, step: 1.2, pytorch: 0.6, sam: null } },
  { name: "MNIST_CNN width 16", key: "cnn", make: () => new MnistCnn({ inChannels: 1, numClasses: 10, width: 16 }), shape: [1, 28, 28], goals: { passes: null, step: 1.05, pytorch: 0.95, sam: 1.05 } },
];

// Longer turns against PyTorch: its threads go on spinning for milliseconds into ours.
const ACROSS_PROCESSES = { turn: 0.1 };

/** A network with one random minibatch per domain. @param {(typeof NETWORKS)[number]} network */
export function prepare(network) {
  manualSeed(0);
  const model = network.make();
  const batches = Array.from({ length: DOMAINS }, () => ({ x: randn([BATCH, ...network.shape]), y: randint(10, [BATCH]) }));
  const closures = batches.map(({ x, y }) => () => crossEntropy(model.forward(x), y));
  return { model, parameters: model.parameters(), closures };
}

/** S + 1 forward and backward passes and nothing else: the floor under a DGSAM step. */
function barePasses({ parameters, closures }) {
  const all = [...closures, closures[0]];
  return () => {
    for (const closure of all)
      scope(() => {
        zeroGrad(parameters);
        closure().backward();
      });
  };
}

/** @param {import("../run.mjs").Context} context */
export async function* stepRows({ pytorch }) {
  for (const network of NETWORKS) {
    const prepared = prepare(network);
    const { parameters, closures } = prepared;
    const passes = local(barePasses(prepared));
    const dgsam = new DGSAM(parameters, Adam, { lr: 1e-4 });
    const step = local(() => dgsam.step(closures));
    const { name, key, goals } = network;
    yield { name: `${name}: DGSAM step / bare S+1 passes`, value: await compare(step, passes), goal: goals.step };
    const sam = new SAM(parameters, Adam, { lr: 1e-4 });
    const total = () => closures.map((closure) => closure()).reduce((sum, loss) => sum.add(loss)).div(DOMAINS);
    const ideal = (DOMAINS + 1) / (2 * DOMAINS);
    yield { name: `${name}: DGSAM step / SAM step, over the ideal (S+1)/2S`, value: (await compare(step, local(() => sam.step(total)))) / ideal, goal: goals.sam };
    if (pytorch === null) continue;
    yield { name: `${name}: bare passes / PyTorch's`, value: await compare(passes, pytorch.side(`${key} passes`), ACROSS_PROCESSES), goal: goals.passes };
    yield { name: `${name}: DGSAM step / PyTorch's, parameter by parameter`, value: await compare(step, pytorch.side(`${key} dgsam`), ACROSS_PROCESSES), goal: goals.pytorch };
  }
}
