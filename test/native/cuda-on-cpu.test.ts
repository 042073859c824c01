// No GPU is needed: a C++ compiler makes programs of what a CUDA build adds, blocks of threads emulated. One compares every kernel
// (native/ops/cuda/sweeps.cuh and what it includes) with the CPU's, another the operators made of them (native/ops/cuda/late.cc, now.cc)
// with those that need no kernels, a third the optimizers (native/ops/cuda/optimizers.cc, descents.cuh) with LibTorch's functions; the fourth takes
// captures (native/cuda/graph.cc) through all that fails in them, the last makes images to train on (native/ops/cuda/images.cuh).
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ops, scope, tensor } from "dgsam";
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

describe.runIf(isPossible)("optimizers by CUDA kernels, compiled for the CPU", () => {
  beforeAll(() => compileWithLibTorch("optimizers"));

  test("give what LibTorch's functions give, for all kinds of parameters and options, in any order of threads", { timeout: 180_000 }, () => {
    const { status, stdout, stderr } = run("optimizers");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const [, comparisons, launches] = /^(\d+) comparisons, (\d+) launches\n$/.exec(stdout)!.map(Number) as [number, number, number];
    expect(comparisons).toBeGreaterThan(300_000);
    expect(launches).toBeGreaterThan(20_000);
  });

  test("the check sees a parameter that is wrong", () => {
    const { status, stderr } = run("optimizers", "spoil");
    expect(status).toBe(1);
    expect(stderr).toMatch(/^wrong: rmsprop_, Float, step 0: params\[0\]\n$/);
  });
});

describe.runIf(isPossible)("images to train on, by the CUDA kernel compiled for the CPU", () => {
  beforeAll(() => compile("images", "-O1", "-fsanitize=alignment,bounds", "-fno-sanitize-recover=all"));

  let state = 7;
  const random = (): number => (state = (state * 48271) % 2147483647) / 2147483647;
  const whole = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1));
  const [images, height, width] = [5, 41, 33];
  const MEAN = [0.485, 0.456, 0.406];
  const DEVIATION = [0.229, 0.224, 0.225];

  test.each([
    ["uint8, enlarged", false, 64, 50, 5], ["float32, enlarged", true, 64, 50, 5], ["uint8, shrunk", false, 9, 12, 5], ["float32, shrunk", true, 12, 9, 3],
    ["one pixel, and no step", false, 1, 1, 0],
  ] as const)("%s: as the CPU's operators, in any order of threads", (_, isFloat, toHeight, toWidth, steps) => {
    const elements = Array.from({ length: images * 3 * height * width }, () => (isFloat ? Math.fround(random()) : whole(0, 255)));
    const jobs = Array.from({ length: 8 }, (_, i) => {
      const [boxHeight, boxWidth] = [i === 0 ? 1 : whole(3, height), i === 1 ? width : whole(1, width)];
      return {
        index: whole(0, images - 1), box: [whole(0, height - boxHeight), whole(0, width - boxWidth), boxHeight, boxWidth], flip: i % 2,
        steps: Array.from({ length: steps }, () => {
          const kind = whole(0, 4);
          return { kind, factor: kind === 3 ? random() - 0.5 : 2 * random() };
        }),
      };
    });
    const scale = isFloat ? 1 : 1 / 255;
    const expected = scope(() => {
      const source = tensor(isFloat ? Float32Array.from(elements) : Uint8Array.from(elements)).reshape([images, 3, height, width]);
      const chosen = ops.aten["index_select.default"](source, 0, tensor(BigInt64Array.from(jobs, ({ index }) => BigInt(index))));
      const made = ops.dgsam.resized_crop(chosen, jobs.flatMap(({ box }) => box), jobs.map(({ flip }) => flip), toHeight, toWidth, scale);
      ops.dgsam.color_jitter_(made, jobs.flatMap((job) => job.steps.map(({ kind }) => kind)), jobs.flatMap((job) => job.steps.map(({ factor }) => factor)));
      return Float32Array.from(ops.dgsam.normalize_images(made, MEAN, DEVIATION).data() as Float32Array);
    });
    const integers = (...values: number[]): Buffer => Buffer.from(Int32Array.from(values).buffer);
    const floats = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);
    const step = ({ kind, factor }: { kind: number; factor: number }): Buffer => Buffer.concat([integers(kind), floats(kind === 3 ? 6 * factor : factor, 1 - factor)]);
    writeFileSync(path.join(folder, "from"), Buffer.concat([
      integers(images, height, width, toHeight, toWidth, Number(isFloat), jobs.length, steps), floats(scale, ...MEAN, ...DEVIATION),
      ...jobs.flatMap((job) => [integers(job.index, ...job.box, job.flip), ...job.steps.map(step)]),
      isFloat ? floats(...elements) : Buffer.from(elements),
    ]));
    const make = (...more: string[]): Float32Array => {
      const { status, stderr } = run("images", path.join(folder, "from"), path.join(folder, "to"), ...more);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      return new Float32Array(Uint8Array.from(readFileSync(path.join(folder, "to"))).buffer);
    };
    const made = make();
    expect(make("backwards")).toEqual(made);
    expect(made.length).toBe(expected.length);
    const differences = expected.map((each, i) => Math.abs(each - made[i]!));
    // A mean of grey values may be rounded elsewhere.
    expect(Math.max(...differences)).toBeLessThan(3e-6);
    expect(differences.filter((each) => each !== 0).length / differences.length).toBeLessThan(0.2);
  });
});
