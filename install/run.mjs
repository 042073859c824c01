/**
 * Runs commands: never through a shell, and never throwing for a command that fails or is missing. A signal that ends this
 * process ends the commands first, with all that they started: also one that was sent to this process alone.
 */

import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import os from "node:os";
import path from "node:path";

/** @typedef {import("node:child_process").ChildProcess} ChildProcess */

/**
 * @typedef {object} CommandResult
 * @property {boolean} ok it started and ended with status 0
 * @property {string} stdout
 * @property {string} stderr
 * @property {string} reason why it failed, in one line; empty when it did not
 */

/** @type {NodeJS.Signals[]} */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];
/** How long commands may take to end by themselves. */
const PATIENCE_MS = 5000;

/** @type {Set<ChildProcess>} */
const children = new Set();
/** What runs, each with what a signal must clear away. @type {Set<{ cleanUp: () => void }>} */
const working = new Set();
let stopping = false;

/**
 * Does `work`. A signal that comes meanwhile ends the commands that run, calls `cleanUp` and ends this process.
 * @template T
 * @param {() => Promise<T>} work
 * @param {() => void} [cleanUp]
 * @returns {Promise<T>}
 */
export async function stoppable(work, cleanUp = () => {}) {
  const entry = { cleanUp };
  if (working.size === 0) for (const signal of SIGNALS) process.on(signal, stop);
  working.add(entry);
  try {
    return await work();
  } finally {
    working.delete(entry);
    if (working.size === 0) for (const signal of SIGNALS) process.off(signal, stop);
  }
}

/** @param {NodeJS.Signals} signal */
async function stop(signal) {
  if (stopping) return;
  stopping = true;
  await Promise.all([...children].map(end));
  for (const { cleanUp } of working) cleanUp();
  process.exit(128 + os.constants.signals[signal]);
}

/**
 * Ends a command and what it started, the hard way when it takes its time.
 * @param {ChildProcess} child
 */
async function end(child) {
  for (const signal of /** @type {const} */ (["SIGTERM", "SIGKILL"])) {
    try {
      process.kill(-Number(child.pid), signal);
    } catch {
      // The group has ended.
    }
    if (await closes(child)) return;
  }
}

/**
 * Whether a command and all that writes to its output end in time.
 * @param {ChildProcess} child
 * @returns {Promise<boolean>}
 */
function closes(child) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), PATIENCE_MS);
    child.once("close", () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, show?: boolean, signal?: AbortSignal | undefined }} [options] `show`: output goes to our own
 * instead of into the result; `signal` ends the command
 * @returns {Promise<CommandResult>}
 */
export function run(command, args, { cwd, env = process.env, show = false, signal: aborting } = {}) {
  /** @type {() => Promise<CommandResult>} */
  const work = () => new Promise((resolve) => {
    // Detached: a process group of its own can be ended as a whole.
    const child = spawn(command, args, { cwd, env, detached: true, stdio: ["ignore", show ? "inherit" : "pipe", show ? "inherit" : "pipe"] });
    children.add(child);
    const abort = () => void end(child);
    if (aborting?.aborted === true) abort();
    aborting?.addEventListener("abort", abort);
    let stdout = "";
    let stderr = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => (stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text) => (stderr += text));
    const finish = (/** @type {string} */ reason) => {
      children.delete(child);
      aborting?.removeEventListener("abort", abort);
      // Who waits for a command that a signal has ended must not go on with the next one.
      if (!stopping) resolve({ ok: reason === "", stdout, stderr, reason });
    };
    child.on("error", (error) => finish(`${command} did not start: ${error.message}`));
    child.on("close", (status, signal) => {
      if (status === 0) finish("");
      else finish(`${command} ended with ${signal === null ? `status ${status}` : `signal ${signal}`}`);
    });
  });
  return stoppable(work);
}

/**
 * The full path of a command, null when PATH has none.
 * @param {string} command
 * @param {NodeJS.ProcessEnv} [env]
 */
export function which(command, env = process.env) {
  for (const folder of (env["PATH"] ?? "").split(path.delimiter).filter((entry) => entry !== "")) {
    const file = path.join(folder, command);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}
