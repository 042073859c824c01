/** The command, with stand-ins for Python. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { cudaDeviceCount } from "dgsam";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parityCommand } from "../../lib/cli/parity.js";
import type { Trajectory } from "../../lib/training/parity/measure.js";
import type * as native from "../../lib/training/parity/native.js";
import type * as twins from "../../lib/training/parity/reference.js";
import { trainReference } from "../../lib/training/parity/reference.js";
import { BASES, PARITY_RUNS, PARITY_STEPS, VARIANTS, type ParityRun } from "../../lib/training/parity/runs.js";

// Every run is made once for all tests of this file.
function remembered<Run extends { dtype: string }>(train: (run: Run) => Trajectory): (run: Run) => Trajectory {
  const made = new Map<Run, Trajectory>();
  return (run) => made.get(run) ?? made.set(run, train(run)).get(run)!;
}
vi.mock("../../lib/training/parity/native.js", async (original) => {
  const module = await original<typeof native>();
  return { ...module, trainNative: remembered(module.trainNative) };
});
vi.mock("../../lib/training/parity/reference.js", async (original) => {
  const module = await original<typeof twins>();
  return { ...module, trainReference: remembered(module.trainReference as (run: ParityRun) => Trajectory) };
});

describe("dgsam parity", { timeout: 120_000 }, () => {
  let folder: string;
  let printed: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "dgsam-parity-"));
    printed = "";
    vi.spyOn(process.stdout, "write").mockImplementation((text) => ((printed += String(text)), true));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
    process.exitCode = undefined;
  });

  /** A stand-in for Python: an executable that runs the given JavaScript. */
  function fakePython(code: string): string {
    const file = path.join(folder, "python");
    writeFileSync(file, `#!${process.execPath}\n${code}\n`);
    chmodSync(file, 0o755);
    return file;
  }

  const answering = (trajectories: readonly Trajectory[]) => {
    const runs = trajectories.map((params) => ({ params: params.map((step) => step.map((param) => Array.from(param))) }));
    const file = path.join(folder, "answer.jsonl");
    writeFileSync(file, [{ torch: "9.9.9", problem: {} }, ...runs].map((each) => `${JSON.stringify(each)}\n`).join(""));
    return fakePython(`process.stdin.resume().on("end", () => process.stdout.write(require("fs").readFileSync(${JSON.stringify(file)})));`);
  };

  const run = (...args: string[]) => parityCommand().parseAsync(args, { from: "user" });
  const expectedTrajectories = PARITY_RUNS.map((run) => trainReference(run));

  it("prints a line for each algorithm and base optimizer, a column for each dtype and oracle, and ends well when all agree", async () => {
    vi.stubEnv("DGSAM_PYTHON", answering(expectedTrajectories));
    await run();
    expect(process.exitCode).toBeUndefined();
    const lines = printed.split("\n");
    expect(lines).toContainEqual(expect.stringMatching(/^base +algorithm +device +float64 reference +float64 PyTorch +float32 reference +float32 PyTorch$/));
    expect(lines.filter((line) => line.includes("tolerance "))).toEqual([expect.stringMatching(/^ +tolerance +1e-12 +1e-12 +1e-5 +1e-5$/), expect.stringMatching(/^ +tolerance +1e-8 +1e-8$/)]);
    const number = String.raw`\d\.\de[-+]\d+`;
    expect(lines.filter((line) => new RegExp(`^\\w+ +\\w+(, [a-z ]+)? +cpu( +${number}){4}$`).test(line))).toHaveLength((PARITY_RUNS.length - 2) / 2);
    expect(lines.filter((line) => new RegExp(`^LBFGS +Alone(, strong Wolfe)? +cpu( +${number}){2}$`).test(line))).toHaveLength(2);
    expect(lines.filter((line) => new RegExp(`^AdamW +DGSAM +cpu( +${number}){4}$`).test(line))).toHaveLength(1);
    expect(printed).toContain(`\n\nPyTorch 9.9.9\nall ${2 * PARITY_RUNS.length} within tolerance\n`);
  });

  it("has every algorithm over one base optimizer and every base optimizer under ERM, SAM and DGSAM, in both dtypes", () => {
    const names = PARITY_RUNS.map(({ variant, base, dtype }) => `${variant.name}, ${base.name}, ${dtype}`);
    expect(new Set(names).size).toBe(names.length);
    for (const dtype of ["float64", "float32"]) {
      for (const { name, algorithm } of VARIANTS) if (algorithm !== "Alone") expect(names).toContain(`${name}, SGD, ${dtype}`);
      for (const { name } of BASES) for (const algorithm of ["ERM", "SAM", "DGSAM"]) expect(names).toContain(`${algorithm}, ${name}, ${dtype}`);
    }
    for (const name of ["Alone", "Alone, strong Wolfe"]) expect(names).toContain(`${name}, LBFGS, float64`);
    expect(new Set(VARIANTS.map(({ algorithm }) => algorithm))).toEqual(new Set(["Alone", "ERM", "SAM", "ASAM", "GSAM", "SAGM", "DISAM", "LookSAM", "DGSAM"]));
  });

  it("marks the one run that is off and exits with 1", async () => {
    const off = PARITY_RUNS.findIndex(({ variant, base, dtype }) => variant.name === "SAM" && base.name === "SGD" && dtype === "float64");
    const last = expectedTrajectories[off]!.at(-1)!.map((param) => Array.from(param, (value) => value * (1 + 1e-10)));
    vi.stubEnv("DGSAM_PYTHON", answering(expectedTrajectories.with(off, [...expectedTrajectories[off]!.slice(0, -1), last])));
    await run();
    expect(process.exitCode).toBe(1);
    expect(printed.split("\n").filter((line) => line.includes("FAIL"))).toEqual([expect.stringMatching(/^SGD +SAM +cpu +\S+ +FAIL 1\.0e-10 +\S+ +\S+$/)]);
    expect(printed).toContain(`1 of ${2 * PARITY_RUNS.length} above tolerance\n`);
  });

  it("without a Python compares with the reference alone, and says so; --json is one object", async () => {
    vi.stubEnv("DGSAM_PYTHON", "");
    vi.stubEnv("PATH", folder);
    vi.stubEnv("XDG_CACHE_HOME", folder);
    await run("--json", "--device", "cpu");
    const report = JSON.parse(printed) as Record<string, unknown> & { rows: object[] };
    expect(report).toMatchObject({ steps: PARITY_STEPS, torch: null, missing: expect.stringMatching(/; name a Python with torch in DGSAM_PYTHON$/), pass: true });
    expect(report.rows).toHaveLength(PARITY_RUNS.length);
    expect(report.rows[0]).toEqual({
      algorithm: "ERM", base: "SGD", dtype: "float64", device: "cpu", oracle: "reference", error: expect.any(Number), tolerance: 1e-12, pass: true,
    });
    expect(process.exitCode).toBeUndefined();
  });

  it("refuses a DGSAM_PYTHON that does not run the oracle, with its last words, before all runs are made", async () => {
    const python = fakePython(`console.error("Traceback\\nModuleNotFoundError: No module named 'torch'"); process.exit(1);`);
    vi.stubEnv("DGSAM_PYTHON", python);
    const message = (reason: string) => `DGSAM_PYTHON: expected a Python with torch, but ${reason}`;
    await expect(run()).rejects.toMatchObject({
      code: "ERR_ARGUMENT",
      message: message(`${python} could not run the oracle: ModuleNotFoundError: No module named 'torch'`),
    });
    const missing = path.join(folder, "none");
    vi.stubEnv("DGSAM_PYTHON", missing);
    await expect(run()).rejects.toMatchObject({ message: message(`${missing} could not run the oracle: spawn ${missing} ENOENT`) });
    expect(printed).toBe("");
  });

  it.skipIf(cudaDeviceCount() > 0)("refuses cuda where there is none, and a device that is no name", async () => {
    await expect(run("--device", "cuda")).rejects.toMatchObject({ code: "ERR_ARGUMENT", message: expect.stringMatching(/^--device cuda: expected a CUDA device/) as string });
    const command = parityCommand().exitOverride().configureOutput({ writeErr: () => {} });
    await expect(command.parseAsync(["--device", "gpu"], { from: "user" })).rejects.toThrow(/argument 'gpu' is invalid. Allowed choices are cpu, cuda/);
    expect(printed).toBe("");
  });
});
