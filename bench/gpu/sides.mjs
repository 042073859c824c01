/** Our sides of the GPU benchmark: DGSAM steps with Adam, and the passes that they cannot do without. */

import { Adam, DGSAM, synchronize } from "dgsam";
import { barePasses, DOMAINS } from "../cases/networks.mjs";

/**
 * A side whose turns begin and end on a device at rest.
 * @param {() => void} body
 * @param {string} device
 * @returns {import("../measure.mjs").Side}
 */
export function atRest(body, device) {
  const settle = () => device === "cpu" || synchronize(device);
  return (iterations) => {
    settle();
    const start = performance.now();
    for (let i = 0; i < iterations; i++) body();
    settle();
    return (performance.now() - start) / 1000;
  };
}

/** S+1 forward and backward passes and nothing else. @param {ReturnType<typeof import("./problems.mjs").newProblem>} problem */
export const passes = (problem) => barePasses(problem, DOMAINS + 1);

/** @param {ReturnType<typeof import("./problems.mjs").newProblem>} problem */
export function eager({ parameters, closures }) {
  const optimizer = new DGSAM(parameters, Adam, { lr: 1e-4 });
  return () => optimizer.step(closures);
}

/** Steps over captured functions, taken so often that all is captured that can be. */
function capturedSteps({ parameters, owned, captured: capture }, graphs) {
  const optimizer = new DGSAM(parameters, Adam, { lr: 1e-4, graphs });
  owned.push({ dispose: () => optimizer.releaseGraphs() });
  const { captured: loss, closures } = capture();
  for (let i = 0; i < 4; i++) optimizer.step(closures);
  const { refused, programs } = loss.stats;
  if (programs !== 1) throw new Error(`expected one program, got ${programs}: ${refused.join("; ")}`);
  return { optimizer, step: () => optimizer.step(closures) };
}

/**
 * @param {ReturnType<typeof import("./problems.mjs").newProblem>} problem
 * @throws {Error} when the loss cannot be recorded
 */
export const captured = (problem) => capturedSteps(problem, false).step;

/**
 * The same by CUDA graphs. On the CPU there are none: what is shown there is that all of it runs.
 * @param {ReturnType<typeof import("./problems.mjs").newProblem>} problem
 * @param {string} device
 * @throws {Error} when the steps have no graph
 */
export function graphed(problem, device) {
  const { optimizer, step } = capturedSteps(problem, "auto");
  const { graphs, refused } = optimizer.graphs;
  if (device !== "cpu" && graphs !== 1) throw new Error(`expected one graph, got ${graphs}: ${refused.join("; ")}`);
  return step;
}
