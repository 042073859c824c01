/** Runs commands: never through a shell, and never throwing for a command that fails or is missing. */

import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import path from "node:path";

/**
 * @typedef {object} CommandResult
 * @property {boolean} ok it started and ended with status 0
 * @property {string} stdout
 * @property {string} stderr
 * @property {string} reason why it failed, in one line; empty when it did not
 */

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, show?: boolean }} [options] `show`: output goes to our own instead of
 * into the result
 * @returns {Promise<CommandResult>}
 */
export function run(command, args, { cwd, env = process.env, show = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", show ? "inherit" : "pipe", show ? "inherit" : "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => (stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text) => (stderr += text));
    child.on("error", (error) => resolve({ ok: false, stdout, stderr, reason: `${command} did not start: ${error.message}` }));
    child.on("close", (status, signal) => {
      const how = signal === null ? `status ${status}` : `signal ${signal}`;
      resolve({ ok: status === 0, stdout, stderr, reason: status === 0 ? "" : `${command} ended with ${how}` });
    });
  });
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
