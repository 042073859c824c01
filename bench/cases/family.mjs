/** Every algorithm of the family: a step over the passes that it cannot do without, and over the same step in Python. */

import * as dgsam from "dgsam";
import { ACROSS_PROCESSES, local } from "../measure.mjs";
import { barePasses, DOMAINS, NETWORKS, prepare } from "./networks.mjs";

const S = DOMAINS;
const K = 5;

/**
 * How many passes so many steps take at least. The gradient of a mean loss is S passes, one per domain.
 * @typedef {{ name: string, passes: number, count: string, steps?: number, options?: object, pytorch?: { mlp: number, cnn: number } }} Algorithm
 */

/** @type {Algorithm[]} */
export const FAMILY = [
  { name: "ERM", passes: S, count: "S" },
  { name: "SAM", passes: 2 * S, count: "2S" },
  { name: "ASAM", passes: 2 * S, count: "2S" },
  { name: "GSAM", passes: 2 * S, count: "2S" },
  { name: "SAGM", passes: 2 * S, count: "2S" },
  { name: "DISAM", passes: 2 * S, count: "2S" },
  { name: "LookSAM", passes: (K + 1) * S, count: "(k+1)S/k", steps: K, options: { k: K } },
  { name: "DGSAM", passes: S + 1, count: "S+1", pytorch: { mlp: 0.6, cnn: 0.95 } },
];

/** What a step may take beside its passes, by network. */
export const STEP_GOALS = { mlp: 1.2, cnn: 1.05 };
const PYTORCH_GOAL = 1.0;

/** @param {import("../run.mjs").Context} context */
export async function* familyRows({ pytorch, compare }) {
  for (const network of NETWORKS) {
    for (const { name, passes, count, steps = 1, options = {}, pytorch: bounds } of FAMILY) {
      const prepared = prepare(network);
      const optimizer = new dgsam[name](prepared.parameters, dgsam.Adam, { lr: 1e-4, ...options });
      const step = local(() => {
        for (let i = 0; i < steps; i++) optimizer.step(prepared.closures);
      });
      const label = `${network.name}: ${name} step`;
      yield { name: `${label} / bare ${count} passes`, value: await compare(step, local(barePasses(prepared, passes))), goal: STEP_GOALS[network.key] };
      const case_ = `${network.key} ${name}`;
      if (!pytorch?.cases.includes(case_)) continue;
      const ratio = await compare(step, pytorch.side(case_, { options, steps }), ACROSS_PROCESSES);
      yield { name: `${label} / PyTorch's, parameter by parameter`, value: ratio, goal: bounds?.[network.key] ?? PYTORCH_GOAL };
    }
  }
}
