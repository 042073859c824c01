/**
 * `npm run bench -- [--json FILE] [--only WORD] [--threads N]`: prints a row per measurement, with its goal.
 *
 * All values are ratios or counts, never absolute times: smaller is better, and a row passes when it is at most its goal.
 */

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { getNumThreads, setNumThreads } from "dgsam";
import { memoryRows } from "./cases/memory.mjs";
import { operatorRows } from "./cases/operators.mjs";
import { stepRows } from "./cases/steps.mjs";
import { findOracle } from "../test/oracles/environment.mjs";
import { startPytorch } from "./pytorch.mjs";

/** @typedef {{ pytorch: Awaited<ReturnType<typeof startPytorch>> | null }} Context */
/** @typedef {{ name: string, value: number, goal: number | null, pass: boolean | null }} Row */

// Memory first: the loop of adds outside a scope leaves tensors to the collector, which would be counted.
const SUITES = { memory: memoryRows, operators: operatorRows, steps: stepRows };

const { values: options } = parseArgs({
  options: { json: { type: "string" }, only: { type: "string" }, threads: { type: "string" } },
});

if (options.threads !== undefined) setNumThreads(Number(options.threads));
// Without a Python the rows against PyTorch are left out, and it says why.
const python = await findOracle().catch((/** @type {Error} */ { message }) => {
  console.log(`No PyTorch to compare with: its rows are left out (${message})`);
  return null;
});
const pytorch = python === null ? null : await startPytorch(python, getNumThreads());
console.log(`Node ${process.version}, ${getNumThreads()} threads, ${pytorch === null ? "no PyTorch" : `PyTorch ${pytorch.version}`}`);

/** @type {Row[]} */
const rows = [];
for (const [suite, measure] of Object.entries(SUITES)) {
  if (options.only !== undefined && !suite.includes(options.only)) continue;
  for await (const { name, value, goal } of measure({ pytorch })) {
    const pass = goal === null ? null : value <= goal;
    rows.push({ name, value, goal, pass });
    console.log(`${name.padEnd(72)} ${value.toFixed(3).padStart(8)}${goal === null ? "" : `   goal ${goal}   ${pass ? "pass" : "MISS"}`}`);
  }
}
pytorch?.close();
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ rows }, null, 2)}\n`);
