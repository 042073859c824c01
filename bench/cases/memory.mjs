/** A long run must not grow: handles exactly, resident memory within 2%. */

import { Adam, DGSAM, memoryStats } from "dgsam";
import { NETWORKS, prepare } from "./steps.mjs";

const WARM_UP = 2_000;
const STEPS = 20_000;

export async function* memoryRows() {
  const { parameters, closures } = prepare(NETWORKS[0]);
  const dgsam = new DGSAM(parameters, Adam, { lr: 1e-4 });
  const run = async (steps) => {
    for (let i = 0; i < steps; i++) {
      dgsam.step(closures);
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return { handles: memoryStats().handles, rss: process.memoryUsage().rss };
  };
  const before = await run(WARM_UP);
  const after = await run(STEPS);
  yield { name: `${STEPS} DGSAM steps on the MLP: new live handles`, value: after.handles - before.handles, goal: 0 };
  yield { name: `${STEPS} DGSAM steps on the MLP: growth of resident memory`, value: after.rss / before.rss - 1, goal: 0.02 };
}
