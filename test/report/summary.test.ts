import { summarize, type RunRecord } from "dgsam";
import { expect, test } from "vitest";
import { expectError } from "../optim/support.js";
import { RECORDS } from "./records.js";

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
  expect(erm!.seeds).toEqual({ a: 2, b: 1 });
  // The population's deviation 0.1, over the root of 2.
  expect(erm!.standardErrors["a"]).toBeCloseTo(0.1 / Math.SQRT2, 12);
  expect(erm!.standardErrors["b"]).toBe(0);
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

test("what is no list of records is refused", () => {
  expect(summarize([])).toEqual([]);
  expectError(() => summarize(undefined as never), "ERR_ARGUMENT", /^summarize\(records\): expected an array of RunRecords, got undefined$/);
  expectError(() => summarize([null as never]), "ERR_ARGUMENT", /^summarize\(records\): expected a RunRecord, got null$/);
  expectError(() => summarize([{ algorithm: "ERM" } as never]), "ERR_ARGUMENT", /^summarize\(records\): target: expected a string, got undefined$/);
  expectError(() => summarize([{ ...RECORDS[0]!, accuracy: "1" as never }]), "ERR_ARGUMENT", /: accuracy: expected a number, got the string "1"$/);
});
