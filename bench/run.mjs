/**
 * `npm run bench -- [--json FILE] [--markdown] [--only WORD] [--seconds N] [--threads N]`: prints a row per measurement, with
 * its goal; with `--markdown` as a table for RESULTS.md.
 *
 * All values are ratios or counts, never absolute times: smaller is better, and a row passes when it is at most its goal.
 * A row that misses its goal is a finding and no failure: the exit status stays 0.
 */

import { writeFileSync } from "node:fs";
import { getNumThreads, setNumThreads } from "dgsam";
import { capturedRows } from "./cases/captured.mjs";
import { familyRows } from "./cases/family.mjs";
import { loadingRows } from "./cases/loading.mjs";
import { memoryRows } from "./cases/memory.mjs";
import { modelRows } from "./cases/models.mjs";
import { operatorRows } from "./cases/operators.mjs";
import { optimizerRows } from "./cases/optimizers.mjs";
import { stepRows } from "./cases/steps.mjs";
import { findOracle } from "../test/oracles/environment.mjs";
import { findJax } from "./jax.mjs";
import { compare } from "./measure.mjs";
import { readOptions } from "./options.mjs";
import { startPython } from "./python-side.mjs";
import { heading, judged, line } from "./rows.mjs";

/** @typedef {import("./measure.mjs").Side} Side */
/** @typedef {Awaited<ReturnType<typeof startPython>>} PythonSide */
/**
 * @typedef {object} Context
 * @property {PythonSide | null} pytorch
 * @property {PythonSide | null} jax
 * @property {(a: Side, b: Side, options?: { turn?: number, share?: number }) => Promise<number>} compare
 */

// Memory first: the loop of adds outside a scope leaves tensors to the collector, which would be counted.
const SUITES = { memory: memoryRows, operators: operatorRows, optimizers: optimizerRows, steps: stepRows, family: familyRows, captured: capturedRows, models: modelRows, loading: loadingRows };

/** @param {unknown} error @returns {never} */
function fail(error) {
  console.error(`bench: ${/** @type {Error} */ (error).message}`);
  process.exit(1);
}

/**
 * PyTorch, which is measured with torch alone but for torchvision's networks; without it its rows are left out, and it says why.
 * @param {boolean} networks
 */
async function findPytorch(networks) {
  try {
    return await startPython(await findOracle(networks ? ["torchvision_for_cpu"] : []), "pytorch.py", getNumThreads());
  } catch (error) {
    // Whoever names a Python wants it measured.
    if (process.env["DGSAM_PYTHON"]) fail(error);
    console.log(`No PyTorch to compare with: its rows are left out (${/** @type {Error} */ (error).message})`);
    return null;
  }
}

/** JAX, which one suite compares with; without it its rows are left out, and it says why. */
async function findJaxSide() {
  try {
    return await startPython(await findJax(), "jax_steps.py", getNumThreads());
  } catch (error) {
    console.error(`No JAX to compare with: its rows are left out (${/** @type {Error} */ (error).message})`);
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

const { json, markdown, seconds, threads, suites } = options();
if (threads !== undefined) setNumThreads(threads);
const pytorch = await findPytorch(suites.includes("models"));
const jax = suites.includes("captured") ? await findJaxSide() : null;
const others = `${pytorch === null ? "no PyTorch" : `PyTorch ${pytorch.version}`}${jax === null ? "" : `, JAX ${jax.version}`}`;
console.log(heading(`Node ${process.version}, ${getNumThreads()} threads, ${others}`, markdown));

/** @type {Context} */
const context = { pytorch, jax, compare: (a, b, options = {}) => compare(a, b, { seconds, ...options }) };
/** @type {import("./rows.mjs").Row[]} */
const rows = [];
for (const suite of suites) {
  for await (const measured of SUITES[suite](context)) {
    const row = judged(measured);
    rows.push(row);
    console.log(line(row, markdown));
  }
}
pytorch?.close();
jax?.close();
if (json !== undefined) writeFileSync(json, `${JSON.stringify({ rows }, null, 2)}\n`);
