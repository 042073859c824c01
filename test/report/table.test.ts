import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { compareTable, ResultsFile, summarize, type RunRecord } from "dgsam";
import { expect, test } from "vitest";
import { expectError } from "../optim/support.js";

const record = (algorithm: RunRecord["algorithm"], target: string, accuracy: number, seconds: number): RunRecord => ({
  algorithm, target, accuracy, seed: 0, steps: 10, correct: accuracy * 100, total: 100, medianStepSeconds: seconds, finalLoss: 1, idealCost: { ERM: 1, SAM: 2, DGSAM: 1.5 }[algorithm],
});

const RECORDS = [record("ERM", "a", 0.5, 0.01), record("DGSAM", "a", 0.75, 0.016), record("ERM", "b", 0.9, 0.012), record("DGSAM", "b", 0.85, 0.018)];

test("a summary has the mean, the population's deviation, the worst domain and the cost over ERM", () => {
  const [erm, dgsam] = summarize(RECORDS);
  expect(erm).toMatchObject({ algorithm: "ERM", accuracies: { a: 0.5, b: 0.9 }, worst: 0.5, worstDomain: "a", cost: 1 });
  expect(erm!.mean).toBeCloseTo(0.7, 12);
  expect(erm!.standardDeviation).toBeCloseTo(0.2, 12);
  expect(dgsam!.cost).toBeCloseTo(0.017 / 0.011, 12);
  expect(dgsam!.idealCost).toBe(1.5);
  expect(summarize(RECORDS.filter((each) => each.algorithm !== "ERM"))[0]!.cost).toBeNull();
});

test("the table aligns its columns and marks what is missing", () => {
  expect(compareTable(summarize(RECORDS.slice(0, 3)), ["a", "b"])).toBe(
    [
      "          a     b  mean    sd  worst  ms/step  cost  (ideal)",
      "ERM    50.0  90.0  70.0  20.0   50.0     11.0  1.00   (1.00)",
      "DGSAM  75.0     -  75.0   0.0   75.0     16.0  1.45   (1.50)",
    ].join("\n"),
  );
});

test("the results file is valid from the start, and nothing else stays in its folder", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-results-"));
  try {
    const file = new ResultsFile(path.join(folder, "new"), { dgsam: "0", libtorch: "0", node: "0", threads: 1, config: {} });
    const read = () => JSON.parse(readFileSync(file.path, "utf8")) as { complete: boolean; runs: unknown[]; summary: unknown[] };
    expect(read()).toMatchObject({ complete: false, runs: [] });
    file.add(RECORDS[0]!);
    expect(read().summary).toHaveLength(1);
    file.finish();
    expect(read().complete).toBe(true);
    expect(readdirSync(path.dirname(file.path))).toEqual(["results.json"]);
    writeFileSync(path.join(folder, "a-file"), "");
    expectError(() => new ResultsFile(path.join(folder, "a-file"), { dgsam: "0", libtorch: "0", node: "0", threads: 1, config: {} }), "ERR_DATA", /cannot write .*results\.json.*--out/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
