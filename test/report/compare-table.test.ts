import { compareTable, summarize } from "dgsam";
import { expect, test } from "vitest";
import { expectError } from "../optim/support.js";
import { RECORDS } from "./records.js";

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

test("several seeds show with their standard errors", () => {
  const [erm] = RECORDS;
  expect(compareTable(summarize([erm!, { ...erm!, seed: 1, accuracy: 0.7 }]), ["a"])).toBe(
    ["              a  mean   sd  worst  ms/step  cost  (ideal)", "ERM  60.0 ± 7.1  60.0  0.0   60.0     10.0  1.00   (1.00)"].join("\n"),
  );
});

test("what is no list is refused", () => {
  expectError(() => compareTable(undefined as never, []), "ERR_ARGUMENT", /expected an array of summaries, got undefined$/);
  expectError(() => compareTable([], "0" as never), "ERR_ARGUMENT", /expected an array of names of domains, got the string "0"$/);
});
