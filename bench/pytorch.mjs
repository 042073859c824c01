/** PyTorch as a measured side: a child process that runs a named case so many times when asked. */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/**
 * @param {string} python the interpreter, whose torch is measured
 * @param {number} threads
 */
export async function startPytorch(python, threads) {
  const child = spawn(python, ["-B", fileURLToPath(new URL("pytorch.py", import.meta.url)), String(threads)], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error("bench/pytorch.py ended before it answered; its message is above");
    return JSON.parse(value);
  };
  const { version, cases } = await next();
  return {
    version,
    /** @type {string[]} what it can be asked for */
    cases,
    /**
     * @param {string} name one of `cases`
     * @param {{ options?: object, steps?: number }} [settings] an optimizer's options, and how many of its steps are one iteration
     * @returns {import("./measure.mjs").Side}
     */
    side: (name, { options = {}, steps = 1 } = {}) => async (iterations) => {
      child.stdin.write(`${JSON.stringify({ name, options, iterations: iterations * steps })}\n`);
      return (await next()).seconds;
    },
    close: () => child.stdin.end(),
  };
}
