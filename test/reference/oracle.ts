/** Runs one of our Python scripts with PyTorch: JSON in, JSON out. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const python = process.env["DGSAM_PYTHON"] ?? "python3";

export const hasTorch = spawnSync(python, ["-c", "import torch"]).status === 0;

/** @param script path from `test/` */
export function oracle<Answer>(script: string, request: unknown): Answer {
  return JSON.parse(run(script, request)) as Answer;
}

/** For scripts that answer with a JSON object a line, of which the first is of another kind than the others. */
export function oracleLines<Answer, First = unknown>(script: string, request: unknown): [First, ...Answer[]] {
  return run(script, request).trim().split("\n").map((line) => JSON.parse(line) as unknown) as [First, ...Answer[]];
}

function run(script: string, request: unknown): string {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(python, [path], {
    input: JSON.stringify(request),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`${script} failed with status ${status}: ${stderr}`);
  return stdout;
}
