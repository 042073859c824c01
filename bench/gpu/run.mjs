/**
 * `npm run bench:gpu -- [--device cuda|cpu] [--tiny] [--json FILE] [--markdown] [--only WORD] [--seconds N] [--threads N]`: DGSAM on
 * a GPU beside PyTorch on the same one, in turns; rows as those of `npm run bench`.
 *
 * With `--tiny` the networks are as small as they can be, so that `--device cpu` shows in a minute that all of it runs; its values say
 * nothing. Suites come in the order of what one wants first where time may end; rows are written as they are known.
 */

import { writeFileSync } from "node:fs";
import { cudaDeviceCount, getNumThreads, runtimeInfo, setNumThreads } from "dgsam";
import { findOracle } from "../../test/oracles/environment.mjs";
import { readOptions } from "../options.mjs";
import { startPython } from "../python-side.mjs";
import { heading, judged, line } from "../rows.mjs";
import { kernelRows } from "./kernels.mjs";
import { memoryRows } from "./memory.mjs";
import { queryGpu } from "./nvidia-smi.mjs";
import { practise } from "./practice.mjs";
import { captured, eager, graphed, passes } from "./sides.mjs";
import { compiledRows, stepRows } from "./steps.mjs";

/**
 * @typedef {object} Context
 * @property {"cpu" | "cuda"} device
 * @property {"full" | "tiny"} size
 * @property {string | null} python
 * @property {Awaited<ReturnType<typeof startPython>> | null} pytorch
 * @property {number} threads
 * @property {number} seconds how long the sides of one comparison take together
 * @property {typeof apart} apart
 */

const SUITES = { kernels: kernelRows, steps: stepRows, compiled: compiledRows, memory: memoryRows };
const COMMAND = {
  usage: "npm run bench:gpu -- [--device cuda|cpu] [--tiny] [--json FILE] [--markdown] [--only WORD] [--seconds N] [--threads N]",
  seconds: 5,
  more: { device: { type: "string" }, tiny: { type: "boolean" } },
};

/** @param {unknown} error @returns {never} */
function fail(error) {
  console.error(`bench: ${/** @type {Error} */ (error).message}`);
  process.exit(1);
}

function options() {
  try {
    const { device = "cuda", tiny = false, ...rest } = readOptions(process.argv.slice(2), Object.keys(SUITES), COMMAND);
    if (!["cpu", "cuda"].includes(device)) throw new Error(`--device: expected cuda or cpu, got "${device}"`);
    if (device === "cuda" && cudaDeviceCount() === 0) throw new Error("--device cuda: this LibTorch sees no CUDA device (dgsam doctor tells why); to see that all of it runs: --device cpu --tiny");
    return { device, size: tiny ? "tiny" : "full", ...rest };
  } catch (error) {
    return fail(error);
  }
}

/** PyTorch, of the same version; without it its rows are left out, and it says why. */
async function findPython() {
  try {
    return await findOracle([]);
  } catch (error) {
    // Whoever names a Python wants it measured.
    if (process.env["DGSAM_PYTHON"]) fail(error);
    console.error(`No PyTorch to compare with: its rows are left out (${/** @type {Error} */ (error).message})`);
    return null;
  }
}

/** Our sides that suites measure in this process. @param {string[]} suites @param {boolean} hasPytorch */
function measuredSides(suites, hasPytorch) {
  if (suites.includes("steps")) return [passes, eager, captured, graphed];
  return suites.includes("compiled") && hasPytorch ? [graphed] : [];
}

/** The GPU's name and its driver. */
function deviceName(device) {
  if (device === "cpu") return "CPU";
  const [name, driver] = queryGpu("name,driver_version") ?? [];
  return driver === undefined ? "CUDA" : `${name} (driver ${driver})`;
}

/**
 * The rows of one comparison or of many: what fails there is told, and the others' rows are worth having.
 * @param {string} what
 * @param {AsyncIterable<Omit<import("../rows.mjs").Row, "pass">>} rows
 */
async function* apart(what, rows) {
  try {
    yield* rows;
  } catch (error) {
    console.error(`bench: ${what}: ${/** @type {Error} */ (error).stack}`);
    process.exitCode = 1;
  }
}

const { device, size, json, markdown, seconds, threads: asked, suites } = options();
if (asked !== undefined) setNumThreads(asked);
const threads = getNumThreads();
const python = await findPython();
const pytorch = python === null ? null : await startPython(python, "gpu/torch_steps.py", threads);
const { version: libtorch, cudaKernels } = runtimeInfo();
const kernels = device === "cpu" ? "" : cudaKernels === "" ? ", no CUDA kernels of our own" : `, our CUDA kernels for ${cudaKernels}`;
const versions = `LibTorch ${libtorch}${kernels}, ${pytorch === null ? "no PyTorch" : `PyTorch ${pytorch.version}`}, Node ${process.version}`;
console.log(heading(`${deviceName(device)}${size === "tiny" ? ", tiny networks" : ""}, ${versions}`, markdown));

await practise(measuredSides(suites, pytorch !== null), device);

const context = { device, size, python, pytorch, threads, seconds, apart };
/** @type {import("../rows.mjs").Row[]} */
const rows = [];
const save = () => {
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ device: deviceName(device), size, versions, rows }, null, 2)}\n`);
};
save();
for (const suite of suites) {
  for await (const measured of apart(suite, SUITES[suite](context))) {
    const row = judged(measured);
    rows.push(row);
    console.log(line(row, markdown));
    save();
  }
}
pytorch?.close();
