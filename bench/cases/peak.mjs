/** A process whose memory is measured: `node peak.mjs <network> <captured | eager> <threads>` takes DGSAM steps and prints by how many bytes its peak grew. */

import * as dgsam from "dgsam";
import { NETWORKS, prepare } from "./networks.mjs";

const STEPS = 6;

/** Tens of megabytes of parameters, or of what a pass keeps for its way back: beside them, what V8's heap does is small. */
const LARGE = {
  mlp: { make: () => new dgsam.MLP([1024, 1024, 1024, 1024, 1024, 10]), shape: [1024], examples: 32 },
  cnn: { ...NETWORKS.find(({ key }) => key === "cnn"), examples: 128 },
};

/** An optimizer and the closures of its steps. */
function begin({ examples, ...network }, mode) {
  const { model, parameters, batches, closures } = prepare(network, examples);
  const optimizer = new dgsam.DGSAM(parameters, dgsam.Adam, { lr: 1e-4 });
  const loss = dgsam.capture((x, y) => dgsam.crossEntropy(model.forward(x), y));
  return { optimizer, loss, closures: mode === "captured" ? batches.map(({ x, y }) => loss.on(x, y)) : closures };
}

const [key, mode, threads] = process.argv.slice(2);
dgsam.setNumThreads(Number(threads));

// Code and libraries are loaded by a small run of the same kind.
const small = begin({ ...LARGE[key], examples: 2 }, mode);
for (let i = 0; i < STEPS; i++) small.optimizer.step(small.closures);

const large = begin(LARGE[key], mode);
const before = process.memoryUsage.rss();
for (let i = 0; i < STEPS; i++) large.optimizer.step(large.closures);
if (mode === "captured" && large.loss.stats.programs !== 1) throw new Error("the step was not recorded");
// In kilobytes.
console.log(process.resourceUsage().maxRSS * 1024 - before);
