/**
 * Looks for operators that end the process: calls every overload with bad arguments of the right types, in a child
 * process that is started again after the call that killed it.
 *
 *   node test/operators/fuzz/run.mjs [--seed 1] [--trials 50] [--only aten::conv] [--recording FOLDER]
 *
 * `--recording` names a folder that test/oracles/operators/record.py filled: good calls to spoil, which reach deeper than
 * arguments made from nothing. Every trial is seeded by seed, overload and number, so a finding repeats.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const CHILD = fileURLToPath(new URL("child.mjs", import.meta.url));
const SECONDS_WITHOUT_PROGRESS = 20;
// A process that asks for all memory is ended by the system, not by the operator: it is to get an error instead.
const MEMORY_KILOBYTES = 4 * 2 ** 20;
const CRASHES_PER_OVERLOAD = 3;

/**
 * @typedef {object} Crash
 * @property {string} operator
 * @property {number} trial
 * @property {string} signal the signal that ended the process, or "hang"
 * @property {string} arguments
 */

function runChild(task, seconds, capture) {
  // The shell sets the limit and is replaced, so the signal is the child's own.
  return spawnSync("sh", ["-c", `ulimit -c 0; ulimit -d ${MEMORY_KILOBYTES}; exec "$0" "$@"`, process.execPath, CHILD, JSON.stringify(task)], {
    cwd: os.tmpdir(),
    encoding: "utf8",
    stdio: ["ignore", capture ? "pipe" : "ignore", "pipe"],
    timeout: seconds * 1000,
    killSignal: "SIGKILL",
    maxBuffer: 2 ** 28,
    env: { ...process.env, DGSAM_MALLOC: "system" },
  });
}

/** The arguments of one trial, as text. */
export function describeTrial(operator, trial, options) {
  const { stdout } = runChild({ ...options, operators: [operator], trials: trial + 1, start: [0, trial], describe: true }, 60, true);
  return (stdout ?? "").trim();
}

/**
 * @param {string[]} operators overloads such as "aten::add.Tensor"
 * @param {{ seed: string, trials: number, recording?: string, onCrash?: (crash: Crash) => void }} options
 * @returns {Crash[]}
 */
export function fuzz(operators, { onCrash, ...options }) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-fuzz-"));
  const progress = path.join(folder, "progress");
  const crashes = [];
  try {
    let start = [0, 0];
    while (start[0] < operators.length) {
      writeFileSync(progress, new Uint8Array(16));
      const before = start;
      const result = runChild({ ...options, operators, start, progress }, SECONDS_WITHOUT_PROGRESS * 6, false);
      if (result.status === 0) break;
      const noted = readFileSync(progress);
      const [index, trial] = [noted.readDoubleLE(0), noted.readDoubleLE(8)];
      if (result.signal === null) throw new Error(`the fuzzer's child failed: ${result.stderr}`);
      const hang = result.error?.code === "ETIMEDOUT";
      // Reaching the time limit after many overloads is no hang: go on from there.
      if (hang && index > before[0]) {
        start = [index, trial];
        continue;
      }
      const operator = operators[index];
      const crash = { operator, trial, signal: hang ? "hang" : result.signal, arguments: describeTrial(operator, trial, options) };
      crashes.push(crash);
      onCrash?.(crash);
      const enough = crashes.filter((each) => each.operator === operator).length >= CRASHES_PER_OVERLOAD;
      start = enough ? [index + 1, 0] : [index, trial + 1];
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return crashes;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: "1" },
      trials: { type: "string", default: "50" },
      only: { type: "string", default: "" },
      recording: { type: "string" },
    },
  });
  const { operatorNames } = await import("dgsam");
  const all = ["aten", "dgsam"].flatMap((namespace) =>
    operatorNames(namespace).filter(({ onCpu }) => onCpu).map(({ name }) => `${namespace}::${name}`));
  const operators = all.filter((name) => name.startsWith(values.only));
  const crashes = fuzz(operators, {
    seed: values.seed,
    trials: Number(values.trials),
    ...(values.recording === undefined ? {} : { recording: path.resolve(values.recording) }),
    onCrash: (crash) => console.log(`${crash.signal} ${crash.operator} trial ${crash.trial}\n    ${crash.arguments}`),
  });
  console.log(`${operators.length} overloads, ${values.trials} calls each: ${crashes.length} ended the process`);
  process.exitCode = crashes.length === 0 ? 0 : 1;
}
