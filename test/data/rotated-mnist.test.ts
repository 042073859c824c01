import { type InMemoryDomain, loadDigits, rotatedMnist, rotateImages, scope } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectRate } from "./binomial.js";
import { expectError } from "./errors.js";
import { goldens, hashes } from "./goldens.js";

const AREA = 28 * 28;
const dataset = rotatedMnist();

describe("rotatedMnist", () => {
  test("has DomainBed's domains, classes and shape", () => {
    expect(dataset.name).toBe("RotatedMNIST");
    expect(dataset.domains.map((domain) => domain.name)).toEqual(["0", "15", "30", "45", "60", "75"]);
    expect(dataset.domains.map((domain) => domain.length)).toEqual([1667, 1667, 1667, 1667, 1666, 1666]);
    expect(dataset.classes).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    expect(dataset.inputShape).toEqual([1, 28, 28]);
  });

  test.each([0, 7])("equals NumPy, Pillow and DomainBed's definition byte for byte, seed %d", (seed) => {
    const made = seed === 0 ? dataset : rotatedMnist({ seed });
    expect(made.domains.map(hashes)).toEqual(goldens.rotatedMnist[String(seed)]);
  });

  test("deals every sixth digit to a domain: disjoint and complete", () => {
    const digits = loadDigits();
    for (const [i, domain] of dataset.domains.entries()) {
      const { x } = (domain as InMemoryDomain).gather([0, domain.length - 1]);
      for (const [place, j] of [[0, i], [1, i + 6 * (domain.length - 1)]] as const) {
        const original = digits.pixels.subarray(j * AREA, (j + 1) * AREA);
        expect(x.subarray(place * AREA, (place + 1) * AREA)).toEqual(rotateImages(original, 28, 15 * i));
        expect(domain.labels[place === 0 ? 0 : domain.length - 1]).toBe(digits.labels[j]);
      }
    }
    const lengths = dataset.domains.reduce((sum, domain) => sum + domain.length, 0);
    expect(lengths).toBe(digits.length);
  });

  test("has every class in every domain, in near the digits' own shares", () => {
    const all = dataset.domains.flatMap((domain) => Array.from(domain.labels));
    for (const domain of dataset.domains) {
      const labels = Array.from(domain.labels);
      for (let digit = 0; digit < 10; digit++) {
        const share = all.filter((label) => label === digit).length / all.length;
        expectRate(labels.filter((label) => label === digit).length, labels.length, share);
      }
    }
  });

  test("gives float32 batches in [0, 1] and int64 labels", () => {
    scope(() => {
      const { x, y } = dataset.domains[1]!.batch([4, 2, 4]);
      expect([x.shape, x.dtype, y.shape, y.dtype]).toEqual([[3, 1, 28, 28], "float32", [3], "int64"]);
      const values = x.data();
      const bytes = (dataset.domains[1] as InMemoryDomain).gather([4, 2, 4]).x;
      expect(values).toEqual(Float32Array.from(bytes, (byte) => byte / 255));
      expect(Math.max(...values)).toBeGreaterThan(0.9);
    });
  });

  test("takes a limit, of at least one digit a domain", () => {
    expect(rotatedMnist({ limit: 14 }).domains.map((domain) => domain.length)).toEqual([3, 3, 2, 2, 2, 2]);
    expectError(() => rotatedMnist({ limit: 5 }), "ERR_ARGUMENT", /^rotatedMnist: limit: expected an integer of at least 6/);
  });
});
