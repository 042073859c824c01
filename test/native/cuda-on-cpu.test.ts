// No GPU is needed: a C++ compiler makes programs of what a CUDA build adds, blocks of threads emulated. One compares every kernel
// (native/ops/cuda/sweeps.cuh and what it includes) with the CPU's, another the operators made of them (native/ops/cuda/late.cc)
// with those that need no kernels; the third takes captures (native/cuda/graph.cc) through all that fails in them.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readRecord } from "../../install/record.mjs";

const sources = fileURLToPath(new URL("cuda-on-cpu", import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), "dgsam-cuda-on-cpu-"));
const PARTS = { climb: 20, stop: 15, accumulate: 15, gather: 20, orthogonal: 10, revert: 20, note: 50 };

interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

function compile(name: string, ...options: string[]): void {
  const { status, stderr } = spawnSync(process.env["CXX"] ?? "g++", [
    "-std=c++20", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-Wno-psabi", "-ffp-contract=off",
    path.join(sources, `${name}.cc`), "-o", path.join(folder, name), ...options,
  ], { encoding: "utf8" });
  expect(status, stderr).toBe(0);
}

function run(name: string, ...args: string[]): Outcome {
  return spawnSync(path.join(folder, name), args, { encoding: "utf8", env: { ...process.env, OMP_NUM_THREADS: "1" } });
}

const check = (...args: string[]): Outcome => run("check", ...args);

afterAll(() => rmSync(folder, { recursive: true }));

// Emulated threads are contexts as glibc has them, and the CPU's kernels are GCC's vectors.
const isPossible = process.platform === "linux";

describe.runIf(isPossible)("CUDA kernels, compiled for the CPU", () => {
  beforeAll(() => compile("check", "-O1", "-fsanitize=alignment,bounds", "-fno-sanitize-recover=all"));

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

function compileWithLibTorch(name: string): void {
  const { root, lib } = readRecord()!.libtorch;
  compile(name, "-O0", "-D_GLIBCXX_USE_CXX11_ABI=1", `-I${sources}`, "-isystem", `${root}/include`, "-isystem", `${root}/include/torch/csrc/api/include`,
    `-L${lib}`, `-Wl,-rpath,${lib}`, "-Wl,--no-as-needed,--allow-shlib-undefined", "-ltorch_cpu", "-lc10");
}

describe.runIf(isPossible)("captures, over an emulated runtime", () => {
  beforeAll(() => compileWithLibTorch("graph"));

  test("failures of any kind leave nothing behind, and other threads wait for captures", () => {
    const { status, stdout, stderr } = run("graph");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(Number(/^(\d+) checks\n$/.exec(stdout)![1])).toBeGreaterThan(60);
  });

  test("the check sees threads that do not wait", () => {
    const { status, stderr } = run("graph", "hasty");
    expect(status).toBe(1);
    expect(stderr).toMatch(/^wrong: \d+ captures were broken by another thread\n$/);
  });
});

describe.runIf(isPossible)("CUDA operators, compiled for the CPU", () => {
  beforeAll(() => compileWithLibTorch("late"));

  test("give what those give that need no kernels, whatever rows the kernels sweep", () => {
    const { status, stdout, stderr } = run("late");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(Number(/^(\d+) comparisons\n$/.exec(stdout)![1])).toBeGreaterThan(10_000);
  });

  test("the check sees a number that is wrong", () => {
    const { status, stderr } = run("late", "spoil");
    expect(status).toBe(1);
    expect(stderr).toMatch(/^wrong: .*: ledger\n$/);
  });
});
