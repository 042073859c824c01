// No GPU is needed: a C++ compiler makes a program of the CUDA kernels (native/ops/cuda/sweeps.cuh and what it includes), blocks of
// threads emulated, that compares every one with the CPU's kernels.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const source = fileURLToPath(new URL("cuda-on-cpu/check.cc", import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), "dgsam-cuda-on-cpu-"));
const program = path.join(folder, "check");
const PARTS = { climb: 20, stop: 15, accumulate: 15, gather: 20, orthogonal: 10, revert: 20, note: 50 };

function check(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(program, args, { encoding: "utf8" });
}

// The emulated threads are POSIX contexts, and both kernels are compared bit by bit in GCC's vectors.
describe.runIf(process.platform === "linux")("CUDA kernels, compiled for the CPU", () => {
  beforeAll(() => {
    const { status, stderr } = spawnSync(process.env["CXX"] ?? "g++", [
      "-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-Wno-psabi", "-ffp-contract=off",
      "-fsanitize=alignment,bounds", "-fno-sanitize-recover=all", source, "-o", program,
    ], { encoding: "utf8" });
    expect(status, stderr).toBe(0);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(Object.entries(PARTS))("%s: as the CPU's kernels, bit by bit, in any order of threads and blocks", (part, cases) => {
    const { status, stdout, stderr } = check(part, "1", String(cases));
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const [, comparisons, launches, stops] = /^(\d+) comparisons, (\d+) launches, (\d+) stops\n$/.exec(stdout)!.map(Number) as [number, number, number, number];
    expect(comparisons).toBeGreaterThanOrEqual(cases);
    expect(launches).toBeGreaterThanOrEqual(cases);
    // A climb that stops moves nothing: that must be the exception, or the case that is looked at.
    if (part === "climb") expect(stops).toBeLessThan(cases / 4);
    if (part === "stop") expect(stops).toBeGreaterThan(cases / 2);
  });

  test.each(Object.keys(PARTS))("%s: the check sees a bit that is wrong", (part) => {
    const { status, stderr } = check(part, "1", "10", "spoil");
    expect(status).toBe(1);
    expect(stderr).toMatch(/^wrong: /);
  });

  test("the emulator sees a barrier that not all threads reach", () => {
    const { status, stderr } = check("barrier", "1", "1");
    expect(status).toBe(3);
    expect(stderr).toContain("a barrier that others do not reach");
  });
});
