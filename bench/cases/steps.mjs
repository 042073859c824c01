/** Training steps: bare forward and backward passes, and DGSAM beside SAM. */

import { Adam, DGSAM, SAM } from "dgsam";
import { ACROSS_PROCESSES, local } from "../measure.mjs";
import { barePasses, DOMAINS, NETWORKS, prepare } from "./networks.mjs";

/** The bounds that issue and design set, by network. */
const GOALS = { mlp: { passes: 0.95, sam: null }, cnn: { passes: null, sam: 1.05 } };

/** @param {import("../run.mjs").Context} context */
export async function* stepRows({ pytorch, compare }) {
  for (const network of NETWORKS) {
    const { name, key } = network;
    const prepared = prepare(network);
    const { parameters, closures } = prepared;
    const goals = GOALS[key];
    const dgsam = new DGSAM(parameters, Adam, { lr: 1e-4 });
    const sam = new SAM(parameters, Adam, { lr: 1e-4 });
    const total = () => closures.map((closure) => closure()).reduce((sum, loss) => sum.add(loss)).div(DOMAINS);
    const ideal = (DOMAINS + 1) / (2 * DOMAINS);
    const ratio = await compare(local(() => dgsam.step(closures)), local(() => sam.step(total)));
    yield { name: `${name}: DGSAM step / SAM step, over the ideal (S+1)/2S`, value: ratio / ideal, goal: goals.sam };
    if (pytorch === null) continue;
    const count = DOMAINS + 1;
    const passes = local(barePasses(prepared, count));
    const theirs = pytorch.side(`${key} passes`, { options: { count } });
    yield { name: `${name}: bare passes / PyTorch's`, value: await compare(passes, theirs, ACROSS_PROCESSES), goal: goals.passes };
  }
}
