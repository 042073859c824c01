/** The base optimizers: a step alone, the gradients being there, over torch.optim's own of the same class. */

import * as dgsam from "dgsam";
import { ACROSS_PROCESSES, local } from "../measure.mjs";
import { barePasses, NETWORKS, prepare } from "./networks.mjs";

/** Options bear the same names on both sides. */
const OPTIMIZERS = [
  { name: "SGD", options: { lr: 1e-4, momentum: 0.9 }, label: "SGD with momentum" },
  ...["Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "NAdam", "RAdam", "Adamax"].map((name) => ({ name, options: { lr: 1e-4 }, label: name })),
];
const GOAL = 1.0;

/** @param {import("../run.mjs").Context} context */
export async function* optimizerRows({ pytorch, compare }) {
  if (pytorch === null) return;
  for (const network of NETWORKS) {
    for (const { name, options, label } of OPTIMIZERS) {
      if (!(name in dgsam)) continue;
      const prepared = prepare(network);
      barePasses(prepared, 1)();
      const optimizer = new dgsam[name](prepared.parameters, options);
      const ratio = await compare(local(() => optimizer.step()), pytorch.side(`${network.key} ${name} alone`, { options }), ACROSS_PROCESSES);
      yield { name: `${network.name}: ${label} alone / PyTorch's`, value: ratio, goal: GOAL };
    }
  }
}
