/**
 * `npm run bench -- [--json FILE] [--only WORD] [--threads N]`: prints a row per measurement, with its goal.
 *
 * All values are ratios or counts, never absolute times: smaller is better, and a row passes when it is at most its goal.
 * A row that misses its goal is a finding and no failure: the exit status stays 0.
 */

import { writeFileSync } from "node:fs";
import { getNumThreads, setNumThreads } from "dgsam";
import { memoryRows } from "./cases/memory.mjs";
import { operatorRows } from "./cases/operators.mjs";
import { stepRows } from "./cases/steps.mjs";
import { findOracle } from "../test/oracles/environment.mjs";
import { readOptions } from "./options.mjs";
import { startPytorch } from "./pytorch.mjs";

/** @typedef {{ pytorch: Awaited<ReturnType<typeof startPytorch>> | null }} Context */
/** @typedef {{ name: string, value: number, goal: number | null, pass: boolean | null }} Row */

// Memory first: the loop of adds outside a scope leaves tensors to the collector, which would be counted.
const SUITES = { memory: memoryRows, operators: operatorRows, steps: stepRows };

/** @param {unknown} error @returns {never} */
function fail(error) {
  console.error(`bench: ${/** @type {Error} */ (error).message}`);
  process.exit(1);
}

/** PyTorch, which is measured with torch alone; without it its rows are left out, and it says why. */
async function findPytorch() {
  try {
    return await startPytorch(await findOracle([]), getNumThreads());
  } catch (error) {
    // Whoever names a Python wants it measured.
    if (process.env["DGSAM_PYTHON"]) fail(error);
    console.log(`No PyTorch to compare with: its rows are left out (${/** @type {Error} */ (error).message})`);
    return null;
  }
}

function options() {
  try {
    return readOptions(process.argv.slice(2), Object.keys(SUITES));
  } catch (error) {
    return fail(error);
  }
}

const { json, threads, suites } = options();
if (threads !== undefined) setNumThreads(threads);
const pytorch = await findPytorch();
console.log(`Node ${process.version}, ${getNumThreads()} threads, ${pytorch === null ? "no PyTorch" : `PyTorch ${pytorch.version}`}`);

/** @type {Row[]} */
const rows = [];
for (const suite of suites) {
  for await (const { name, value, goal } of SUITES[suite]({ pytorch })) {
    const pass = goal === null ? null : value <= goal;
    rows.push({ name, value, goal, pass });
    console.log(`${name.padEnd(72)} ${value.toFixed(3).padStart(8)}${goal === null ? "" : `   goal ${goal}   ${pass ? "pass" : "MISS"}`}`);
  }
}
pytorch?.close();
if (json !== undefined) writeFileSync(json, `${JSON.stringify({ rows }, null, 2)}\n`);
