/** What runs before anything is measured: V8 compiles the code of a step when it has run some thousands of times, in the first minutes of a training. */

import { newProblem } from "./problems.mjs";
import { atRest } from "./sides.mjs";

const STEPS = 3000;
/** At most so many seconds of each side. */
const SECONDS = 8;
const TURN = 100;

/** As small as can be: it is the steps' own code that is to run often, and the networks' operators run often enough anyway. */
const NETWORK = {
  channels: 1,
  of: () => ({ image: 4, classes: 2 }),
  make(layers, { image, classes }) {
    const classifier = layers.linear(image * image, classes);
    return (x) => classifier(x.flatten(1));
  },
};

/**
 * Takes steps of each side.
 * @param {((problem: ReturnType<typeof newProblem>, device: string) => () => void)[]} sides those that are measured, of sides.mjs
 * @param {"cpu" | "cuda"} device
 */
export async function practise(sides, device) {
  for (const side of sides) {
    const problem = newProblem(/** @type {any} */ (NETWORK), { device });
    // A side that cannot be had has no practice, and its row tells why.
    try {
      const turn = atRest(side(problem, device), device);
      let seconds = 0;
      for (let steps = 0; steps < STEPS && seconds < SECONDS; steps += TURN) {
        seconds += turn(TURN);
        // Lets V8 take over what it compiled beside this thread, and finalizers run.
        await new Promise((resolve) => setImmediate(resolve));
      }
    } catch {
      continue;
    } finally {
      problem.dispose();
    }
  }
}
