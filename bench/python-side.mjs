/** Python as a measured side: a child process that runs a named case so many times when asked (bench/turns.py). */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/**
 * @param {string} python the interpreter, whose library is measured
 * @param {string} script beside this file
 * @param {number} threads
 */
export async function startPython(python, script, threads) {
  const start = () => {
    const child = spawn(python, ["-B", fileURLToPath(new URL(script, import.meta.url)), String(threads)], { stdio: ["pipe", "pipe", "inherit"] });
    // That it has ended, the next answer tells.
    child.stdin.on("error", () => {});
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async () => {
      const { value, done } = await lines.next();
      if (done) throw new Error(`bench/${script} ended before it answered; its message is above`);
      const answer = JSON.parse(value);
      if (answer.error !== undefined) throw new Error(`bench/${script}: ${answer.error}`);
      return answer;
    };
    return { child, next };
  };
  let running = start();
  const { version, cases } = await running.next();
  /** One that was ended, say for want of memory, costs what it was asked for, and no more. */
  const revived = async () => {
    const { child } = running;
    if (child.exitCode === null && child.signalCode === null) return running;
    running = start();
    await running.next();
    return running;
  };
  return {
    pid: running.child.pid,
    /** @type {string} */
    version,
    /** @type {string[]} what it can be asked for */
    cases,
    /**
     * @param {string} name one of `cases`
     * @param {{ options?: object, steps?: number }} [settings] the case's options, and how many of its steps are one iteration
     * @returns {import("./measure.mjs").Side}
     */
    side: (name, { options = {}, steps = 1 } = {}) => async (iterations) => {
      const { child, next } = await revived();
      child.stdin.write(`${JSON.stringify({ name, options, iterations: iterations * steps })}\n`);
      return (await next()).seconds;
    },
    close: () => running.child.stdin.end(),
    /** Waits until it has ended, so that what it held is free. */
    async end() {
      const { child } = running;
      child.stdin.end();
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
  };
}
