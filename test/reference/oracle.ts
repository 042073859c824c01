/** Runs one of our Python scripts with PyTorch: JSON in, JSON out. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export const python = process.env["DGSAM_PYTHON"] ?? "python3";

export const hasTorch = spawnSync(python, ["-c", "import torch"]).status === 0;

/** @param script path from `test/` */
export function oracle<Answer>(script: string, request: unknown): Answer {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(python, [path], {
    input: JSON.stringify(request),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`${script} failed with status ${status}: ${stderr}`);
  return JSON.parse(stdout) as Answer;
}
