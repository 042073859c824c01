/** What Python can tell and do: where its torch is, and whether it has pip. */

import os from "node:os";
import path from "node:path";
import { run, which } from "./run.mjs";

const COMMANDS = ["python3", "python"];

// find_spec locates a package without running it: importing torch takes seconds and may fail.
const LOCATE_TORCH = `
import importlib.util, json, os, sys
sys.path = [entry for entry in sys.path if entry]
spec = importlib.util.find_spec("torch")
folders = list(spec.submodule_search_locations or []) if spec else []
print(json.dumps({"executable": sys.executable, "identity": [sys.prefix, os.path.realpath(sys.executable)], "torch": folders[0] if folders else None}))
`;

/**
 * @typedef {object} Python
 * @property {string} command
 * @property {string} executable the interpreter behind the command
 * @property {string} identity equal for two commands that start the same interpreter in the same environment
 * @property {string | null} torch the folder of its torch package
 */

/**
 * The Python interpreters in PATH, each once.
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ pythons: Python[], broken: { command: string, reason: string }[] }>}
 */
export async function findPythons(env) {
  /** @type {Python[]} */
  const pythons = [];
  const broken = [];
  for (const command of COMMANDS.filter((name) => which(name, env) !== null)) {
    const result = await run(command, ["-c", LOCATE_TORCH], { env, cwd: os.tmpdir() });
    const answer = result.ok ? parseAnswer(result.stdout) : null;
    if (answer === null) broken.push({ command, reason: result.reason === "" ? "its answer is not readable" : lastLine(result.stderr) || result.reason });
    else if (!pythons.some(({ identity }) => identity === answer.identity)) pythons.push({ command, ...answer });
  }
  return { pythons, broken };
}

/**
 * @param {string} text
 * @returns {Omit<Python, "command"> | null}
 */
function parseAnswer(text) {
  try {
    const { executable, identity, torch } = JSON.parse(lastLine(text));
    return { executable, identity: String(identity), torch: torch === null ? null : path.resolve(torch) };
  } catch {
    return null;
  }
}

/**
 * The first Python in PATH that has pip, null when none has.
 * @param {NodeJS.ProcessEnv} env
 */
export async function findPip(env) {
  for (const command of COMMANDS.filter((name) => which(name, env) !== null)) {
    const { ok } = await run(command, ["-m", "pip", "--version"], { env });
    if (ok) return command;
  }
  return null;
}

/** @param {string} text */
export function lastLine(text) {
  return text.trim().split("\n").at(-1)?.trim() ?? "";
}
