import { cudaDeviceCount } from "dgsam";
import { describe, expect, it } from "vitest";
import { checkDevice } from "../../../lib/training/parity/device.js";
import { trajectoryError, type Trajectory } from "../../../lib/training/parity/measure.js";
import { trainNative } from "../../../lib/training/parity/native.js";
import { pytorchRequest } from "../../../lib/training/parity/pytorch.js";
import { trainReference } from "../../../lib/training/parity/reference.js";
import { row } from "../../../lib/training/parity/rows.js";
import { PARITY_RUNS, PARITY_TOLERANCE, type ParityRun } from "../../../lib/training/parity/runs.js";
import { hasTorch, oracleLines } from "../../reference/oracle.js";

const title = ({ variant, base, dtype }: ParityRun) => `${variant.name}, ${base.name}, ${dtype}`;

describe("the native optimizers over 200 steps of a small network", { timeout: 60_000 }, () => {
  const natives = new Map<string, Trajectory>();

  for (const run of PARITY_RUNS) {
    it(`${title(run)}: follows the float64 reference`, () => {
      const native = trainNative(run);
      natives.set(title(run), native);
      const measured = row(run, "cpu", "reference", native, trainReference(run));
      const tolerance = run.base.name === "LBFGS" ? 1e-8 : run.dtype === "float64" ? 1e-12 : 1e-5;
      expect(measured).toMatchObject({ algorithm: run.variant.name, base: run.base.name, dtype: run.dtype, device: "cpu", oracle: "reference", tolerance });
      expect(measured.error).toBeLessThanOrEqual(tolerance);
      expect(measured.pass).toBe(true);
    });
  }

  it("the measure tells algorithms, their options, base optimizers and dtypes apart", () => {
    const ends = new Map([...natives].map(([name, native]) => [name, native.slice(-1)]));
    expect(ends.size).toBe(PARITY_RUNS.length);
    for (const [one, first] of ends) {
      for (const [other, second] of ends) if (one !== other) expect(trajectoryError(first, second), `${one} and ${other}`).toBeGreaterThan(PARITY_TOLERANCE.float64);
    }
    expect(trajectoryError(ends.get("DGSAM, Adam, float64")!, ends.get("SAM, Adam, float64")!)).toBeGreaterThan(PARITY_TOLERANCE.float32);
  });

  it.skipIf(!hasTorch)("follow PyTorch", { timeout: 240_000 }, () => {
    const [, ...answers] = oracleLines<{ params: Trajectory }>("oracles/parity_problem.py", pytorchRequest());
    expect(answers).toHaveLength(PARITY_RUNS.length);
    const rows = PARITY_RUNS.map((run, index) => row(run, "cpu", "PyTorch", natives.get(title(run))!, answers[index]!.params));
    expect(rows.filter(({ pass }) => !pass)).toEqual([]);
  });
});

describe("trajectoryError", () => {
  const steps: Trajectory = [[[1, 2], [4]], [[1, 2.5], [8]]];
  it.each<[string, Trajectory, number]>([
    ["equal", [[[1, 2], [4]], [[1, 2.5], [8]]], 0],
    ["off by 1 where the largest is 8", [[[1, 2], [4]], [[1, 2.5], [9]]], 1 / 8],
    ["off in an early step", [[[0, 2], [4]], [[1, 2.5], [8]]], 1 / 2],
    ["with a NaN", [[[1, 2], [NaN]], [[1, 2.5], [8]]], Infinity],
    ["short of a step", [[[1, 2], [4]]], Infinity],
    ["short of a parameter", [[[1, 2], [4]], [[1, 2.5]]], Infinity],
    ["short of an element", [[[1, 2], [4]], [[1], [8]]], Infinity],
  ])("%s", (_, actual, error) => {
    expect(trajectoryError(actual, steps)).toBe(error);
  });
});

describe("checkDevice", () => {
  it("takes the CPU", () => checkDevice("cpu"));
  it.skipIf(cudaDeviceCount() > 0)("refuses cuda where there is none, and says what to do", () => {
    expect(() => checkDevice("cuda")).toThrow(
      expect.objectContaining({ code: "ERR_ARGUMENT", message: "--device cuda: expected a CUDA device, but this LibTorch sees none (dgsam doctor tells why); use --device cpu" }),
    );
  });
});
