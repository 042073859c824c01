import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { compareTable, ResultsFile, summarize, type RunRecord } from "dgsam";
import { expect, test } from "vitest";
import { expectError } from "../optim/support.js";

const record = (algorithm: RunRecord["algorithm"], target: string, accuracy: number, seconds: number): RunRecord => ({
  algorithm, target, accuracy, seed: 0, steps: 10, correct: accuracy * 100, total: 100, medianStepSeconds: seconds, finalLoss: 1, idealCost: { ERM: 1, SAM: 2, DGSAM: 1.5 }[algorithm],
});

const ABOUT = { dgsam: "0", libtorch: "0", node: "0", cpu: "none", threads: 1, config: {} };
const RECORDS = [record("ERM", "a", 0.5, 0.01), record("DGSAM", "a", 0.75, 0.016), record("ERM", "b", 0.9, 0.012), record("DGSAM", "b", 0.85, 0.018)];

test("a summary has the mean, the population's deviation, the worst domain and the cost over ERM", () => {
  const [erm, dgsam] = summarize(RECORDS);
  expect(erm).toMatchObject({ algorithm: "ERM", accuracies: { a: 0.5, b: 0.9 }, worst: 0.5, worstDomain: "a", cost: 1 });
  expect(erm!.mean).toBeCloseTo(0.7, 12);
  expect(erm!.standardDeviation).toBeCloseTo(0.2, 12);
  // 0.016 / 0.010 and 0.018 / 0.012: each run over ERM's on the same domain.
  expect(dgsam!.cost).toBeCloseTo((1.6 + 1.5) / 2, 12);
  expect(dgsam!.stepSeconds).toBeCloseTo(0.017, 12);
  expect(dgsam!.idealCost).toBe(1.5);
  expect(summarize(RECORDS.filter((each) => each.algorithm !== "ERM"))[0]!.cost).toBeNull();
});

test("several seeds are averaged per domain before anything else", () => {
  const [erm] = summarize([RECORDS[0]!, { ...RECORDS[0]!, seed: 1, accuracy: 0.7 }, RECORDS[2]!]);
  expect(erm!.accuracies).toEqual({ a: 0.6, b: 0.9 });
  expect(erm!.mean).toBeCloseTo(0.75, 12);
  expect(erm!.worst).toBe(0.6);
});

test("a cost needs ERM's run on the same domain with the same seed", () => {
  const cost = (...records: RunRecord[]) => summarize(records).find((each) => each.algorithm === "DGSAM")!.cost;
  const [erm, dgsam] = [RECORDS[0]!, RECORDS[1]!];
  expect(cost(erm, dgsam)).toBeCloseTo(1.6, 12);
  expect(cost({ ...erm, target: "b" }, dgsam)).toBeNull();
  expect(cost({ ...erm, seed: 1 }, dgsam)).toBeNull();
});

test("the table of nothing but one algorithm has no cost", () => {
  expect(compareTable(summarize([RECORDS[1]!]), ["a"])).toMatch(/DGSAM .* 16\.0 +- +\(1\.50\)$/);
});

test("the table aligns its columns and marks what is missing", () => {
  expect(compareTable(summarize(RECORDS.slice(0, 3)), ["a", "b"])).toBe(
    [
      "          a     b  mean    sd  worst  ms/step  cost  (ideal)",
      "ERM    50.0  90.0  70.0  20.0   50.0     11.0  1.00   (1.00)",
      "DGSAM  75.0     -  75.0   0.0   75.0     16.0  1.60   (1.50)",
    ].join("\n"),
  );
});

test("the results file is valid from the start, and nothing else stays in its folder", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-results-"));
  try {
    const file = new ResultsFile(path.join(folder, "new"), ABOUT);
    const read = () => JSON.parse(readFileSync(file.path, "utf8")) as { complete: boolean; runs: unknown[]; summary: unknown[] };
    expect(read()).toMatchObject({ complete: false, runs: [] });
    file.add(RECORDS[0]!);
    expect(read().summary).toHaveLength(1);
    file.finish();
    expect(read().complete).toBe(true);
    expect(readdirSync(path.dirname(file.path))).toEqual(["results.json"]);
    writeFileSync(path.join(folder, "a-file"), "");
    expectError(() => new ResultsFile(path.join(folder, "a-file"), ABOUT), "ERR_DATA", /^cannot write .*a-file.results\.json: E\w+: .*; choose another folder$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
