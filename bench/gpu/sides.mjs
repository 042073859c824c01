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

/**
 * @param {ReturnType<typeof import("./problems.mjs").newProblem>} problem
 * @throws {Error} when the loss cannot be recorded
 */
export function captured({ parameters, captured: capture }) {
  const optimizer = new DGSAM(parameters, Adam, { lr: 1e-4 });
  const { captured: loss, closures } = capture();
  optimizer.step(closures);
  const { refused, programs } = loss.stats;
  if (programs !== 1) throw new Error(`expected one program, got ${programs}: ${refused.join("; ")}`);
  return () => optimizer.step(closures);
}
