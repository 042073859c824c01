/** PyTorch's side of the parity runs: a Python process that trains the same problem, where one can be had. */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { DgsamError } from "../../errors.js";
import type { Trajectory } from "./measure.js";
import { ordersOf } from "./native.js";
import { PARITY_RUNS, PARITY_STEPS } from "./runs.js";

/** PyTorch's version and its trajectories in the order of `PARITY_RUNS`, or why there are none. */
export type PytorchAnswer = { readonly torch: string; readonly trajectories: readonly Trajectory[] } | { readonly missing: string };

// The oracle is part of the repository, not of the published package.
const ORACLES = new URL("../../../test/oracles/", import.meta.url);
const SCRIPT = fileURLToPath(new URL("parity_problem.py", ORACLES));

/**
 * Trains all parity runs with PyTorch. In a fresh clone its environment is made first, which takes half a minute.
 *
 * @throws DgsamError `ERR_ARGUMENT` when the Python that `DGSAM_PYTHON` names cannot do it; any other is merely missing
 */
export async function askPytorch(): Promise<PytorchAnswer> {
  if (!existsSync(SCRIPT)) return { missing: "the PyTorch oracle is in the repository only (test/oracles)" };
  // Empty is the usual way of unsetting a variable for one command.
  const named = process.env["DGSAM_PYTHON"] || undefined;
  let python;
  try {
    python = named ?? (await findPython());
  } catch (error) {
    return { missing: `${(error as Error).message}; name a Python with torch in DGSAM_PYTHON` };
  }
  const { status, stdout, stderr } = await runWithInput(python, [SCRIPT], JSON.stringify(pytorchRequest()));
  if (status === 0) {
    const [{ torch }, ...runs] = stdout.trim().split("\n").map((line) => JSON.parse(line) as unknown) as [{ torch: string }, ...{ params: Trajectory }[]];
    return { torch, trajectories: runs.map(({ params }) => params) };
  }
  const reason = stderr.trim().split("\n").at(-1) || `exit status ${status}`;
  // Whoever names a Python wants that comparison; one that merely lies in PATH may be unusable.
  if (named === undefined) return { missing: `${python} could not run the oracle: ${reason}` };
  const message = `DGSAM_PYTHON: expected a Python with torch, but ${named} could not run the oracle: ${reason}`;
  throw new DgsamError("ERR_ARGUMENT", message, { cause: new Error(stderr) });
}

/** What `parity_problem.py` is asked for. */
export function pytorchRequest(): object {
  const runs = PARITY_RUNS.map(({ variant, base, dtype }) => ({
    algorithm: variant.algorithm,
    base: base.name,
    dtype,
    options: snakeCaseKeys({ ...variant.options, ...base.options }),
    orders: ordersOf(variant),
  }));
  return { steps: PARITY_STEPS, every: 1, runs };
}

function snakeCaseKeys(options: object): object {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]));
}

/** The Python that the tests compare with. */
async function findPython(): Promise<string> {
  const { findOracle } = (await import(new URL("environment.mjs", ORACLES).href)) as { findOracle: (modules?: string[]) => Promise<string> };
  // The oracle needs torch alone.
  return findOracle([]);
}

async function runWithInput(command: string, args: string[], input: string): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(command, args, { stdio: "pipe" });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  // A child that ends before it has read everything breaks the pipe; its exit status says more than that.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const status = await new Promise<number | null>((resolve) => {
    child.on("error", (error) => {
      err.push(Buffer.from(error.message));
      resolve(null);
    });
    child.on("close", resolve);
  });
  return { status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}
