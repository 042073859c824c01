/**
 * How much memory a process takes that trains: on a GPU what the driver counts, since libraries and graphs take memory beside the
 * allocator's; on the CPU what was resident at its peak. Each in a process of its own.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startPython } from "../python-side.mjs";
import { NETWORKS } from "./networks.mjs";
import { queryGpu } from "./nvidia-smi.mjs";
import { FORMATS } from "./problems.mjs";

const STEPS = 4;
const OURS = fileURLToPath(new URL("peak.mjs", import.meta.url));

/** Bytes, of all processes together on a GPU. */
function taken(device, pid) {
  if (device === "cpu") return 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
  const mebibytes = Number(queryGpu("memory.used")?.[0] ?? NaN);
  if (Number.isNaN(mebibytes)) throw new Error("nvidia-smi does not tell how much memory is used");
  return 2 ** 20 * mebibytes;
}

/** What a process of ours takes after some steps. */
async function ours(mode, key, options) {
  const before = options.device === "cpu" ? 0 : taken(options.device);
  const child = spawn(process.execPath, [OURS, mode, key, String(STEPS), JSON.stringify(options)], { stdio: ["pipe", "pipe", "inherit"] });
  const [[said]] = await Promise.race([once(child.stdout, "data").then((each) => [each]), once(child, "exit").then(() => [[null]])]);
  if (said === null) throw new Error(`${mode} ${key}: the process ended before it was measured; its message is above`);
  const bytes = taken(options.device, child.pid) - before;
  child.stdin.end();
  await once(child, "exit");
  return bytes;
}

/** What a process of PyTorch's takes. */
async function theirs(python, threads, name, options) {
  const before = options.device === "cpu" ? 0 : taken(options.device);
  const side = await startPython(python, "gpu/torch_steps.py", threads);
  await side.side(name, { options })(STEPS);
  const bytes = taken(options.device, side.pid) - before;
  await side.end();
  return bytes;
}

/** @param {import("./run.mjs").Context} context */
export async function* memoryRows({ device, size, python, threads }) {
  const format = FORMATS[0];
  for (const network of NETWORKS.filter(({ key }) => key !== "resnet18")) {
    const options = { device, size, ...format.options };
    const label = `${network.name}, ${format.name}: memory of a process that takes`;
    const eager = await ours("eager", network.key, options);
    yield { name: `${label} captured DGSAM steps / eager ones`, value: (await ours("captured", network.key, options)) / eager, goal: null };
    yield { name: `${label} DGSAM steps by a graph / eager ones`, value: (await ours("graphed", network.key, options)) / eager, goal: null };
    if (python === null) continue;
    yield { name: `${label} DGSAM steps / PyTorch's, foreach`, value: eager / (await theirs(python, threads, `${network.key} foreach`, options)), goal: null };
  }
}
