import { describe, expect, it } from "vitest";
import {
  PARITY_RUNS, PARITY_TOLERANCE, parityRows, pytorchRequest, trainNative, trajectoryError, type Trajectory,
} from "../../lib/training/parity.js";
import { hasTorch, oracle } from "../reference/oracle.js";

const title = ({ algorithm, base, dtype }: (typeof PARITY_RUNS)[number]) => `${algorithm} ${base} ${dtype}`;

describe("the native optimizers over 100 steps of a small network", { timeout: 60_000 }, () => {
  for (const run of PARITY_RUNS) {
    it(`${title(run)} follows the float64 reference`, () => {
      const [row] = parityRows(run, null);
      expect(row).toMatchObject({ ...run, oracle: "reference", tolerance: run.dtype === "float64" ? 1e-12 : 1e-5, pass: true });
      expect(row!.error).toBeLessThanOrEqual(row!.tolerance);
    });
  }

  it.skipIf(!hasTorch)("follow PyTorch", { timeout: 240_000 }, () => {
    const { runs } = oracle<{ runs: { params: Trajectory }[] }>("oracles/parity_problem.py", pytorchRequest());
    const errors = PARITY_RUNS.map((run, index) => parityRows(run, runs[index]!.params)[1]!);
    expect(errors.filter(({ pass }) => !pass)).toEqual([]);
    expect(new Set(errors.map((row) => row.oracle))).toEqual(new Set(["PyTorch"]));
  });

  it("the measure tells algorithms, base optimizers and dtypes apart", () => {
    const ends = new Map(PARITY_RUNS.map((run) => [title(run), trainNative(run).slice(-1)]));
    for (const [one, first] of ends) {
      for (const [other, second] of ends) {
        if (one !== other) expect(trajectoryError(first, second), `${one} and ${other}`).toBeGreaterThan(PARITY_TOLERANCE.float64);
      }
    }
    expect(trajectoryError(ends.get("DGSAM Adam float64")!, ends.get("SAM Adam float64")!)).toBeGreaterThan(PARITY_TOLERANCE.float32);
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
