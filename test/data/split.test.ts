import { leaveOneDomainOut, splitDataset, splitIndices } from "dgsam";
import { describe, expect, test } from "vitest";
import { countingDataset } from "./domains.js";
import { expectError } from "./errors.js";
import { goldens, sha256 } from "./goldens.js";

describe("splitIndices", () => {
  test.each(Object.keys(goldens.split).map(Number))("holds out the first int(0.2 n) of DomainBed's shuffle, n = %d", (n) => {
    const split = splitIndices(n, 3, { trialSeed: 2 });
    expect(split.out.length).toBe(Math.trunc(0.2 * n));
    expect(sha256(Uint32Array.of(...split.out, ...split.in))).toBe(goldens.split[String(n)]);
  });

  test("equals DomainBed's published shuffles of range(10)", () => {
    expect(splitIndices(10, 0)).toEqual({ out: Uint32Array.of(2, 3), in: Uint32Array.of(8, 1, 4, 5, 0, 9, 6, 7) });
    expect(splitIndices(10, 1, { holdoutFraction: 0.39 }).out).toEqual(Uint32Array.of(5, 0, 3));
    expect(splitIndices(10, 0, { holdoutFraction: 0 }).out.length).toBe(0);
  });

  test("refuses bad arguments", () => {
    expectError(() => splitIndices(10, -1), "ERR_ARGUMENT", /domainIndex: expected an integer of at least 0/);
    expectError(() => splitIndices(10, 0, { trialSeed: 0.5 }), "ERR_ARGUMENT", /trialSeed: expected an integer/);
    for (const holdoutFraction of [1, -0.1, Number.NaN]) {
      expectError(() => splitIndices(10, 0, { holdoutFraction }), "ERR_ARGUMENT", /holdoutFraction: expected a number of at least 0 and below 1/);
    }
  });
});

describe("splitDataset", () => {
  const dataset = countingDataset({ a: 10, b: 25, c: 40 });
  const split = splitDataset(dataset, { trialSeed: 1 });

  test("parts every domain: disjoint, complete, names and order kept", () => {
    for (const [i, domain] of dataset.domains.entries()) {
      const parts = [split.in.domains[i]!, split.out.domains[i]!];
      expect(parts.map((part) => [part.name, part.length])).toEqual(
        [[domain.name, domain.length * 0.8], [domain.name, domain.length * 0.2]]);
      const items = parts.flatMap((part) => Array.from({ length: part.length }, (_, j) => part.item(j).x.data()[0]!));
      expect(items.sort((a, b) => a - b)).toEqual(Array.from({ length: domain.length }, (_, j) => j));
    }
    expect(split.in).toMatchObject({ name: "Counting", classes: ["a", "b", "c"], inputShape: [2] });
  });

  test("uses a domain's index in the whole data set, so holding out comes afterwards", () => {
    const second = leaveOneDomainOut(split.out, 0).sources[0]!;
    const expected = splitIndices(25, 1, { trialSeed: 1 }).out;
    expect(Array.from({ length: second.length }, (_, j) => second.item(j).x.data()[0])).toEqual([...expected]);
  });

  test("refuses to leave a part empty", () => {
    expectError(() => splitDataset(countingDataset({ a: 10, tiny: 4 })), "ERR_ARGUMENT",
      /domain "tiny" has 4 item\(s\), so holding out 0\.2 of it leaves 4 in and 0 out/);
  });

  test("takes over what a data set is, and nothing that is of the whole or changes later", () => {
    let skipped = 0;
    const changing = Object.defineProperties({ ...dataset, prepare() {}, dispose() {} }, { skipped: { enumerable: true, get: () => skipped } });
    const { in: part } = splitDataset(changing);
    skipped = 3;
    expect(Object.keys(part)).toEqual(["name", "classes", "inputShape", "domains"]);
  });
});
