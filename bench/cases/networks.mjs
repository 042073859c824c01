/** The networks of the benchmark, their minibatches, and the passes that every training step is made of. */

import { crossEntropy, manualSeed, MLP, MnistCnn, randint, randn, scope, zeroGrad } from "dgsam";

export const DOMAINS = 3;
const BATCH = 32;

/** `key` is the network's name in bench/pytorch.py. */
export const NETWORKS = [
  { name: "MLP 64-64-64-64-10", key: "mlp", make: () => new MLP([64, 64, 64, 64, 10]), shape: [64] },
  { name: "MNIST_CNN width 16", key: "cnn", make: () => new MnistCnn({ inChannels: 1, numClasses: 10, width: 16 }), shape: [1, 28, 28] },
];

/**
 * A network with one random minibatch per domain.
 * @param {Pick<(typeof NETWORKS)[number], "make" | "shape">} network
 */
export function prepare(network, size = BATCH) {
  manualSeed(0);
  const model = network.make();
  const batches = Array.from({ length: DOMAINS }, () => ({ x: randn([size, ...network.shape]), y: randint(10, [size]) }));
  const closures = batches.map(({ x, y }) => () => crossEntropy(model.forward(x), y));
  return { model, parameters: model.parameters(), batches, closures };
}

/** So many forward and backward passes, one domain after the other, and nothing else: the floor under a step. */
export function barePasses({ parameters, closures }, count) {
  const all = Array.from({ length: count }, (_, pass) => closures[pass % closures.length]);
  return () => {
    for (const closure of all)
      scope(() => {
        zeroGrad(parameters);
        closure().backward();
      });
  };
}
