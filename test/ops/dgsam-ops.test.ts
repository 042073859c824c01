import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { hasTorch, python } from "../reference/oracle.js";

const operators = fileURLToPath(new URL("../../build/Release/libdgsam_ops.so", import.meta.url));
const script = fileURLToPath(new URL("../oracles/check_dgsam_ops.py", import.meta.url));

function check(args: string[], environment: Record<string, string> = {}): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: "1", ...environment };
  return spawnSync(python, [script, operators, ...args], { encoding: "utf8", env });
}

/** The instruction set that was used, and a hash of the results. */
function digest(environment: Record<string, string>): { capability: string; hash: string } {
  const { status, stdout, stderr } = check(["--digest"], environment);
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^\S+ [0-9a-f]{64}\n$/);
  const [capability, hash] = stdout.trim().split(" ") as [string, string];
  return { capability, hash };
}

describe.runIf(hasTorch)("the library dgsam::, in Python", () => {
  test("passes its checks against PyTorch", { timeout: 300_000 }, () => {
    const { status, stdout, stderr } = check([]);
    expect(status, `${stdout}\n${stderr}`).toBe(0);
    expect(stdout).toMatch(/^[1-9]\d* passed, 0 failed$/m);
  });

  test("gives the same bits for every instruction set and number of threads", { timeout: 300_000 }, () => {
    const best = digest({ OMP_NUM_THREADS: "1" });
    expect(digest({ OMP_NUM_THREADS: "3" })).toEqual(best);
    expect(digest({ ATEN_CPU_CAPABILITY: "default" }).hash).toBe(best.hash);
    // LibTorch believes this variable, so nothing above what it found by itself may be asked for.
    if (best.capability === "AVX512") expect(digest({ ATEN_CPU_CAPABILITY: "avx2" })).toEqual({ capability: "AVX2", hash: best.hash });
  });
});
