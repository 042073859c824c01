/**
 * Looks for operators that end the process: calls every overload with bad arguments of the right types, in a child
 * process that is started again after the call that killed it.
 *
 *   node test/operators/fuzz/run.mjs [--seed 1] [--trials 50] [--only aten::conv] [--from aten::f] [--recording FOLDER]
 *
 * `--recording` names a folder that test/oracles/operators/record.py filled: good calls to spoil, which reach deeper than
 * arguments made from nothing. Every trial is seeded by seed, overload and number, so a finding repeats.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const CHILD = fileURLToPath(new URL("child.mjs", import.meta.url));
const SECONDS_PER_CALL = 10;
// A process that asks for all memory is ended by the system, not by the operator: it is to get an error instead.
const MEMORY_KILOBYTES = 4 * 2 ** 20;
const CRASHES_PER_OVERLOAD = 3;
// glibc's own check of the heap: a write beyond a block ends the process soon after the call, not somewhere later.
const HEAP_CHECK = ["/lib/x86_64-linux-gnu/libc_malloc_debug.so.0", "/lib/aarch64-linux-gnu/libc_malloc_debug.so.0", "/lib64/libc_malloc_debug.so.0"].find(existsSync);
const CHECKED_HEAP = HEAP_CHECK === undefined ? {} : { LD_PRELOAD: HEAP_CHECK, GLIBC_TUNABLES: "glibc.malloc.check=3" };

/** Runs the child to its end; kills it when what it notes in `progress` stands still. */
async function runChild(task) {
  // The shell sets the limits and is replaced, so the signal is the child's own.
  const limits = `ulimit -c 0; ulimit -d ${MEMORY_KILOBYTES}; exec "$0" "$@"`;
  const child = spawn("sh", ["-c", limits, process.execPath, CHILD, JSON.stringify(task)], {
    cwd: path.dirname(task.progress), // some operators write files
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, DGSAM_MALLOC: "system", ...CHECKED_HEAP },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text) => (stdout += text));
  child.stderr.on("data", (text) => (stderr = (stderr + text).slice(-4000)));
  let hung = false;
  let last = "";
  const watch = setInterval(() => {
    const now = readFileSync(task.progress).toString("hex");
    if (now === last) hung = child.kill("SIGKILL");
    last = now;
  }, SECONDS_PER_CALL * 1000);
  const [status, signal] = await once(child, "close");
  clearInterval(watch);
  return { status, signal: hung ? "hang" : signal, stdout, stderr };
}

/** The arguments of one trial, as text. */
async function describeTrial(operator, trial, task) {
  const { stdout } = await runChild({ ...task, operators: [operator], trials: trial + 1, start: [0, trial], describe: true });
  return stdout.trim();
}

/**
 * @param {string[]} operators overloads such as "aten::add.Tensor"
 * @param {import("./run.mjs").FuzzOptions} options
 * @returns {Promise<import("./run.mjs").Crash[]>}
 */
export async function fuzz(operators, { onCrash, ...options }) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-fuzz-"));
  const progress = path.join(folder, "progress");
  const crashes = [];
  try {
    let start = [0, 0];
    while (start[0] < operators.length) {
      writeFileSync(progress, new Uint8Array(16));
      const task = { ...options, operators, start, progress };
      const { status, signal, stderr } = await runChild(task);
      if (status === 0) break;
      if (signal === null) throw new Error(`the fuzzer's child failed: ${stderr}`);
      const noted = readFileSync(progress);
      const [index, trial] = [noted.readDoubleLE(0), noted.readDoubleLE(8)];
      const operator = operators[index];
      const crash = { operator, trial, signal, arguments: await describeTrial(operator, trial, task) };
      crashes.push(crash);
      onCrash?.(crash);
      const enough = signal === "hang" || crashes.filter((each) => each.operator === operator).length >= CRASHES_PER_OVERLOAD;
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
      from: { type: "string", default: "" },
      recording: { type: "string" },
    },
  });
  const { operatorNames } = await import("dgsam");
  const all = ["aten", "dgsam"].flatMap((namespace) =>
    operatorNames(namespace).filter(({ onCpu }) => onCpu).map(({ name }) => `${namespace}::${name}`));
  const operators = all.filter((name) => name.startsWith(values.only) && name >= values.from);
  const crashes = await fuzz(operators, {
    seed: values.seed,
    trials: Number(values.trials),
    ...(values.recording === undefined ? {} : { recording: path.resolve(values.recording) }),
    onCrash: (crash) => console.log(`${crash.signal} ${crash.operator} trial ${crash.trial}\n    ${crash.arguments}`),
  });
  console.log(`${operators.length} overloads, ${values.trials} calls each: ${crashes.length} ended the process`);
  process.exitCode = crashes.length === 0 ? 0 : 1;
}
