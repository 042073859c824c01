/** A process whose memory is measured: `node peak.mjs <eager | captured | graphed> <network> <steps> <options>` trains, says so, and waits for the end of its input. */

import { NETWORKS } from "./networks.mjs";
import { newProblem } from "./problems.mjs";
import * as sides from "./sides.mjs";

const [mode, key, steps, options] = process.argv.slice(2);
const { device, ...rest } = JSON.parse(options);
const problem = newProblem(NETWORKS.find((network) => network.key === key), { device, ...rest });
sides.atRest(sides[mode](problem, device), device)(Number(steps));
console.log("done");
process.stdin.resume();
