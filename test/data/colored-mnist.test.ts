import { coloredMnist, type Domain, type InMemoryDomain, loadDigits } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectRate } from "./binomial.js";
import { expectError } from "./errors.js";
import { goldens, hashes } from "./goldens.js";

const dataset = coloredMnist();

/** The channel that holds the digit, for each item; -1 when not exactly one does. */
function colours(domain: Domain, area: number): number[] {
  const all = Uint32Array.from({ length: domain.length }, (_, i) => i);
  const { x } = (domain as InMemoryDomain).gather(all);
  return Array.from(all, (i) => {
    const inked = [0, 1].map((channel) => x.subarray((2 * i + channel) * area, (2 * i + channel + 1) * area).some(Boolean));
    return inked[0] === inked[1] ? -1 : Number(inked[1]);
  });
}

describe("coloredMnist", () => {
  test("has DomainBed's domains, two classes and two channels", () => {
    expect(dataset.name).toBe("ColoredMNIST");
    expect(dataset.domains.map((domain) => domain.name)).toEqual(["+90%", "+80%", "-90%"]);
    expect(dataset.domains.map((domain) => domain.length)).toEqual([3334, 3333, 3333]);
    expect(dataset.classes).toEqual(["5-9", "0-4"]);
    expect(dataset.inputShape).toEqual([2, 14, 14]);
    expect(coloredMnist({ size: 28, limit: 9 }).inputShape).toEqual([2, 28, 28]);
  });

  test.each(["14", "28"] as const)("equals NumPy and DomainBed's definition byte for byte, size %s", (size) => {
    const made = size === "14" ? dataset : coloredMnist({ size: 28 });
    expect(made.domains.map(hashes)).toEqual(goldens.coloredMnist[size]);
  });

  test("has labels that contradict a quarter of the digits", () => {
    const digits = loadDigits();
    for (const [i, domain] of dataset.domains.entries()) {
      let wrong = 0;
      for (let j = 0; j < domain.length; j++) if (domain.labels[j] !== Number(digits.labels[i + 3 * j]! < 5)) wrong++;
      expectRate(wrong, domain.length, 0.25);
    }
  });

  test("has one colour an image, which contradicts the label in 10, 20 and 90 of 100", () => {
    for (const [i, rate] of [0.1, 0.2, 0.9].entries()) {
      const domain = dataset.domains[i]!;
      const ofItems = colours(domain, 14 * 14);
      expect(ofItems).not.toContain(-1);
      expectRate(ofItems.filter((colour, j) => colour !== domain.labels[j]).length, domain.length, rate);
    }
  });

  test("draws other labels and colours from another seed", () => {
    const other = coloredMnist({ seed: 1 });
    expect(hashes(other.domains[0]!)).not.toEqual(goldens.coloredMnist["14"][0]);
  });

  test("refuses other sizes and too small a limit", () => {
    expectError(() => coloredMnist({ size: 20 as 28 }), "ERR_ARGUMENT", /^coloredMnist: size: expected 14 or 28, got the number 20/);
    expectError(() => coloredMnist({ limit: 2 }), "ERR_ARGUMENT", /^coloredMnist: limit: expected an integer of at least 3/);
  });
});
