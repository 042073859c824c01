import { leaveOneDomainOut } from "dgsam";
import { describe, expect, test } from "vitest";
import { countingDataset } from "./domains.js";
import { expectError } from "./errors.js";

describe("leaveOneDomainOut", () => {
  const dataset = countingDataset({ a: 3, b: 4, c: 5 });

  test("separates the target from the sources, which keep their order", () => {
    for (const target of [0, 1, 2]) {
      const split = leaveOneDomainOut(dataset, target);
      expect(split.target).toBe(dataset.domains[target]);
      expect(split.sources).toEqual(dataset.domains.filter((_, i) => i !== target));
    }
  });

  test("takes a name as well", () => {
    expect(leaveOneDomainOut(dataset, "b")).toEqual(leaveOneDomainOut(dataset, 1));
  });

  test("refuses a target that is not there, and a data set of one domain", () => {
    expectError(() => leaveOneDomainOut(dataset, 3), "ERR_ARGUMENT", /^leaveOneDomainOut: target: expected an integer from 0 to 2/);
    expectError(() => leaveOneDomainOut(dataset, -1), "ERR_ARGUMENT", /got the number -1/);
    expectError(() => leaveOneDomainOut(dataset, "d"), "ERR_ARGUMENT",
      /one of Counting's domains "a", "b", "c", got the string "d"/);
    expectError(() => leaveOneDomainOut(countingDataset({ a: 3 }), 0), "ERR_ARGUMENT", /has 1 domain\(s\); at least 2/);
  });
});
