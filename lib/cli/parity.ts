/** `dgsam parity`: shows that the native optimizers compute what the twins and PyTorch compute. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { DgsamError } from "../errors.js";
import { PARITY_RUNS, PARITY_STEPS, parityRows, pytorchRequest, type ParityRow, type Trajectory } from "../training/parity.js";

/** The answer of `parity_problem.py` in what is used here. */
interface PytorchAnswer {
  readonly torch: string;
  readonly runs: readonly { readonly params: Trajectory }[];
}

/** PyTorch's trajectories, or why there are none. */
type Pytorch = { readonly answer: PytorchAnswer } | { readonly missing: string };

// The oracle is part of the repository, not of the published package.
const ORACLES = new URL("../../test/oracles/", import.meta.url);
const SCRIPT = fileURLToPath(new URL("parity_problem.py", ORACLES));

export function parityCommand(): Command {
  return new Command("parity")
    .description("Compare the native optimizers with the float64 reference and, in a clone where a Python can be had, with PyTorch")
    .option("--json", "print one JSON object instead of the table")
    .addHelpText("after", "\nThe Python is DGSAM_PYTHON, else python3 if its torch is the addon's, else an environment that is made in the cache. Exit status 1 when an error is above its tolerance.")
    .action(async ({ json = false }: { json?: boolean }) => {
      const pytorch = await askPytorch();
      const rows: ParityRow[] = [];
      for (const [index, run] of PARITY_RUNS.entries()) {
        rows.push(...parityRows(run, "answer" in pytorch ? pytorch.answer.runs[index]!.params : null));
        // Lets Ctrl-C in between runs.
        await setImmediate();
      }
      const pass = rows.every((row) => row.pass);
      process.stdout.write(json ? `${JSON.stringify(report(rows, pytorch, pass), null, 2)}\n` : text(rows, pytorch, pass));
      if (!pass) process.exitCode = 1;
    });
}

/** The Python that the tests compare with; in a fresh clone it is made, which takes half a minute. */
async function findPython(): Promise<string> {
  const { findOracle } = (await import(new URL("environment.mjs", ORACLES).href)) as { findOracle: () => Promise<string> };
  return findOracle();
}

async function askPytorch(): Promise<Pytorch> {
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
  if (status === 0) return { answer: JSON.parse(stdout) as PytorchAnswer };
  const reason = stderr.trim().split("\n").at(-1) || `exit status ${status}`;
  // Whoever names a Python wants that comparison; one that merely lies in PATH may be unusable.
  if (named === undefined) return { missing: `${python} could not run the oracle: ${reason}` };
  const message = `DGSAM_PYTHON: expected a Python with torch, but ${named} could not run the oracle: ${reason}`;
  throw new DgsamError("ERR_ARGUMENT", message, { cause: new Error(stderr) });
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

function report(rows: readonly ParityRow[], pytorch: Pytorch, pass: boolean): object {
  const oracle = "answer" in pytorch ? { torch: pytorch.answer.torch } : { torch: null, missing: pytorch.missing };
  return { steps: PARITY_STEPS, measure: "max|a-b| / max|b| per tensor, worst over all steps", ...oracle, rows, pass };
}

function text(rows: readonly ParityRow[], pytorch: Pytorch, pass: boolean): string {
  const header = ["algorithm", "base", "dtype", "oracle", "worst error", "tolerance", ""];
  const cells = rows.map((row) => [
    row.algorithm, row.base, row.dtype, row.oracle, row.error.toExponential(1), row.tolerance.toExponential(0), row.pass ? "pass" : "FAIL",
  ]);
  const widths = header.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd();
  const failed = rows.filter((row) => !row.pass).length;
  return [
    `Native optimizers on a small network, ${PARITY_STEPS} steps; worst max|a-b| / max|b| of any parameter after any step`,
    "",
    line(header),
    ...cells.map(line),
    "",
    "answer" in pytorch ? `PyTorch ${pytorch.answer.torch}` : `PyTorch: not compared, ${pytorch.missing}`,
    pass ? `all ${rows.length} within tolerance` : `${failed} of ${rows.length} above tolerance`,
    "",
  ].join("\n");
}
