/** DGSAM steps over their own passes, and over those that somebody writes in PyTorch. */

import { FORMATS, newProblem } from "./problems.mjs";
import { NETWORKS } from "./networks.mjs";
import { atRest, captured, eager, graphed, passes } from "./sides.mjs";
import { inTurns } from "./turns.mjs";

const PASSES_GOAL = 1.02;
const PYTORCH_GOAL = 1.0;
const WITHOUT_INDUCTOR = ["per-parameter", "foreach"];

/** @param {import("./run.mjs").Context} context */
export async function* stepRows(context) {
  for (const network of NETWORKS) for (const format of FORMATS) yield* context.apart(`${network.name}, ${format.name}`, formatRows(network, format, context));
}

async function* formatRows(network, format, { device, size, pytorch, seconds }) {
  const options = { device, size, ...format.options };
  const problems = [];
  const side = (step) => {
    problems.push(newProblem(network, options));
    return atRest(step(problems.at(-1), device), device);
  };
  const theirs = pytorch === null ? {} : Object.fromEntries(WITHOUT_INDUCTOR.map((name) => [name, pytorch.side(`${network.key} ${name}`, { options })]));
  const their = pytorch === null ? {} : { "their passes": pytorch.side(`${network.key} passes`, { options }) };
  let times;
  try {
    times = await inTurns({ passes: side(passes), eager: side(eager), captured: side(captured), graphs: side(graphed), ...theirs, ...their }, seconds);
  } finally {
    for (const each of problems) each.dispose();
  }
  const label = `${network.name}, ${format.name}:`;
  yield { name: `${label} DGSAM step / bare S+1 passes`, value: times.eager / times.passes, goal: PASSES_GOAL };
  yield { name: `${label} captured DGSAM step / bare S+1 passes`, value: times.captured / times.passes, goal: PASSES_GOAL };
  yield { name: `${label} DGSAM step by a graph / bare S+1 passes`, value: times.graphs / times.passes, goal: PASSES_GOAL };
  if (pytorch === null) return;
  const best = WITHOUT_INDUCTOR.reduce((a, b) => (times[a] <= times[b] ? a : b));
  yield { name: `${label} captured DGSAM step / PyTorch's best without Inductor (${best})`, value: times.captured / times[best], goal: PYTORCH_GOAL };
  yield { name: `${label} DGSAM step by a graph / PyTorch's best without Inductor (${best})`, value: times.graphs / times[best], goal: PYTORCH_GOAL };
  for (const name of WITHOUT_INDUCTOR) yield { name: `${label} DGSAM step / PyTorch's, ${name}`, value: times.eager / times[name], goal: null };
  yield { name: `${label} bare S+1 passes / PyTorch's`, value: times.passes / times["their passes"], goal: null };
}

/**
 * Beside torch.compile, in the fastest format and in float32: compiling takes minutes where a step takes milliseconds, so that
 * torch_compile_ahead.py can do it before. @param {import("./run.mjs").Context} context
 */
export async function* compiledRows(context) {
  if (context.pytorch === null) return;
  // What is compiled fastest comes first.
  for (const network of NETWORKS.toReversed())
    for (const format of [FORMATS.at(-1), FORMATS[0]]) yield* context.apart(`${network.name}, ${format.name}, compiled`, compiledRow(network, format, context));
}

async function* compiledRow(network, format, { device, size, pytorch, seconds }) {
  // Inductor on the CPU takes a minute for what the other backends do at once.
  const backend = size === "tiny" ? "aot_eager" : "inductor";
  const options = { device, size, ...format.options };
  const problem = newProblem(network, options);
  try {
    const ours = atRest(graphed(problem, device), device);
    const theirs = pytorch.side(`${network.key} compiled`, { options: { ...options, backend } });
    const times = await inTurns({ ours, theirs }, seconds);
    yield { name: `${network.name}, ${format.name}: DGSAM step by a graph / PyTorch's, torch.compile (${backend})`, value: times.ours / times.theirs, goal: null };
  } finally {
    problem.dispose();
  }
}
