/** The command, with stand-ins for Python. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { parityCommand } from "../../lib/cli/parity.js";
import { PARITY_RUNS, PARITY_STEPS, trainReference, type Trajectory } from "../../lib/training/parity.js";

const title = ({ algorithm, base, dtype }: (typeof PARITY_RUNS)[number]) => `${algorithm} ${base} ${dtype}`;

describe("dgsam parity", { timeout: 60_000 }, () => {
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
    const answer = { torch: "9.9.9", runs: trajectories.map((params) => ({ params: params.map((step) => step.map((param) => Array.from(param))) })) };
    const file = path.join(folder, "answer.json");
    writeFileSync(file, JSON.stringify(answer));
    return fakePython(`process.stdin.resume().on("end", () => process.stdout.write(require("fs").readFileSync(${JSON.stringify(file)})));`);
  };

  const run = (...args: string[]) => parityCommand().parseAsync(args, { from: "user" });
  const expectedTrajectories = PARITY_RUNS.map(trainReference);

  it("prints a row for each run and oracle and ends well when all agree", async () => {
    vi.stubEnv("DGSAM_PYTHON", answering(expectedTrajectories));
    await run();
    expect(process.exitCode).toBeUndefined();
    const lines = printed.split("\n");
    expect(lines.filter((line) => / pass$/.test(line))).toHaveLength(2 * PARITY_RUNS.length);
    expect(lines.filter((line) => /^DGSAM +AdamW +float32 +PyTorch +\d\.\de-\d +1e-5 +pass$/.test(line))).toHaveLength(1);
    expect(printed).toContain(`PyTorch 9.9.9\nall ${2 * PARITY_RUNS.length} within tolerance\n`);
  });

  it("marks the one run that is off and exits with 1", async () => {
    const off = PARITY_RUNS.findIndex((one) => title(one) === "SAM SGD float64");
    const last = expectedTrajectories[off]!.at(-1)!.map((param) => Array.from(param, (value) => value * (1 + 1e-10)));
    vi.stubEnv("DGSAM_PYTHON", answering(expectedTrajectories.with(off, [...expectedTrajectories[off]!.slice(0, -1), last])));
    await run();
    expect(process.exitCode).toBe(1);
    expect(printed.split("\n").filter((line) => line.endsWith("FAIL"))).toEqual([expect.stringMatching(/^SAM +SGD +float64 +PyTorch +1\.0e-10 /)]);
    expect(printed).toContain(`1 of ${2 * PARITY_RUNS.length} above tolerance\n`);
  });

  it("without a Python compares with the reference alone, and says so; --json is one object", async () => {
    vi.stubEnv("DGSAM_PYTHON", "");
    vi.stubEnv("PATH", folder);
    vi.stubEnv("XDG_CACHE_HOME", folder);
    await run("--json");
    const report = JSON.parse(printed) as Record<string, unknown> & { rows: object[] };
    expect(report).toMatchObject({ steps: PARITY_STEPS, torch: null, missing: expect.stringMatching(/; name a Python with torch in DGSAM_PYTHON$/), pass: true });
    expect(report.rows).toHaveLength(PARITY_RUNS.length);
    expect(report.rows[0]).toEqual({
      algorithm: "ERM", base: "SGD", dtype: "float64", oracle: "reference", error: expect.any(Number), tolerance: 1e-12, pass: true,
    });
    expect(process.exitCode).toBeUndefined();
  });

  it("refuses a DGSAM_PYTHON that does not run the oracle, with its last words", async () => {
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
});
