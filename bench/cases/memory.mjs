/** Memory: a long run must not grow, and a step of any algorithm holds few buffers of the parameters' size. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as dgsam from "dgsam";
import { FAMILY } from "./family.mjs";
import { NETWORKS, prepare } from "./networks.mjs";

const WARM_UP = 5_000;
const STEPS = 20_000;

/** Two million parameters; with two examples a batch nothing else is of their size. */
const LARGE = { make: () => new dgsam.MLP([1024, 1024, 1024, 10]), shape: [1024] };
const EXAMPLES = 2;

export async function* memoryRows() {
  yield* leakRows();
  for (const algorithm of FAMILY) {
    // One that keeps a direction between its steps keeps a third.
    const goal = algorithm.name === "LookSAM" ? 3 : 2;
    yield { name: `${algorithm.name} step: buffers beside parameters, gradients and base state`, value: buffersOf(algorithm), goal };
  }
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");

/** Resident memory with only what lives of V8's heap: how much room that keeps for young objects differs from run to run. */
function residentMemory() {
  collectGarbage();
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  return rss - heapTotal + heapUsed;
}

/** Handles exactly, resident memory within 2%. */
async function* leakRows() {
  const { parameters, closures } = prepare(NETWORKS[0]);
  const optimizer = new dgsam.DGSAM(parameters, dgsam.Adam, { lr: 1e-4 });
  const run = async (steps) => {
    for (let i = 0; i < steps; i++) {
      optimizer.step(closures);
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return { handles: dgsam.memoryStats().handles, resident: residentMemory() };
  };
  const before = await run(WARM_UP);
  const after = await run(STEPS);
  yield { name: `${STEPS} DGSAM steps on the MLP: new live handles`, value: after.handles - before.handles, goal: 0 };
  yield { name: `${STEPS} DGSAM steps on the MLP: growth of resident memory`, value: after.resident / before.resident - 1, goal: 0.02 };
}

/** All of them are float32. */
const bytesOf = (tensors) => tensors.reduce((sum, { numel }) => sum + 4 * numel, 0);

/**
 * The most that lives at once, seen from within the closures and after each step, in units of the parameters' size.
 * Nothing here awaits, so the collector frees nothing of earlier measurements meanwhile.
 * @param {import("./family.mjs").Algorithm} algorithm
 */
function buffersOf({ name, steps = 1, options = {} }) {
  const { parameters, closures } = prepare(LARGE, EXAMPLES);
  const before = dgsam.memoryStats().bytes["cpu"];
  const optimizer = new dgsam[name](parameters, dgsam.Adam, { lr: 1e-4, ...options });
  let most = 0;
  const look = () =>
    dgsam.scope(() => {
      // Gradients count when JavaScript has seen them.
      const gradients = parameters.map((parameter) => parameter.grad).filter((gradient) => gradient !== null);
      const state = [...optimizer.base.state.values()].flatMap((each) => Object.values(each));
      most = Math.max(most, dgsam.memoryStats().bytes["cpu"] - before - bytesOf(gradients) - bytesOf(state));
    });
  const watched = closures.map((closure) => () => {
    look();
    return closure();
  });
  for (let i = 0; i <= steps; i++) {
    optimizer.step(watched);
    look();
  }
  return most / bytesOf(parameters);
}
