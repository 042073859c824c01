import { RandomState, seedHash, type SeedPart } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "./errors.js";
import { goldens, sha256 } from "./goldens.js";

const golden = goldens.randomState;

function draws(random: RandomState, count: number): number[] {
  return Array.from({ length: count }, () => random.uint32());
}

describe("RandomState draws what NumPy's draws", () => {
  test.each(Object.entries(golden.bySeed))("seeded by the integer %s", (seed, expected) => {
    expect(draws(new RandomState(Number(seed)), 3)).toEqual(expected);
  });

  test("seeded by arrays, shorter and longer than its state", () => {
    for (const [seed, expected] of golden.byArray) expect(draws(new RandomState(seed), 3)).toEqual(expected);
  });

  test("after several refills of its state", () => {
    expect(draws(new RandomState(1), 2001).at(-1)).toBe(golden.after2000);
  });

  test("uniform", () => {
    const random = new RandomState(42);
    expect([random.uniform(), random.uniform(), random.uniform(), random.uniform(-2, 3)]).toEqual(golden.uniform);
  });

  test("randint, over ranges from one value to 2^32", () => {
    const random = new RandomState(42);
    for (const [low, high, expected] of golden.randint) expect(random.randint(low, high)).toBe(expected);
  });

  test("shuffle of an array, in place", () => {
    const letters = [..."abcdef"];
    expect(new RandomState(9).shuffle(letters)).toBe(letters);
    expect(letters).toEqual(golden.shuffled);
  });

  test.each(Object.entries(golden.permutations))("permutation(%s)", (n, expected) => {
    expect(sha256(new RandomState(3).permutation(Number(n)))).toBe(expected);
  });

  test("DomainBed's two published shuffles of range(10)", () => {
    expect([...new RandomState(seedHash(0, 0)).permutation(10)]).toEqual([2, 3, 8, 1, 4, 5, 0, 9, 6, 7]);
    expect([...new RandomState(seedHash(0, 1)).permutation(10)]).toEqual([5, 0, 3, 7, 8, 6, 1, 2, 9, 4]);
  });
});

describe("RandomState refuses", () => {
  test.each([-1, 2 ** 32, 0.5, Number.NaN])("the seed %s", (seed) => {
    expectError(() => new RandomState(seed), "ERR_ARGUMENT",
      /^RandomState: seed: expected an integer from 0 to 4294967295, got the number/);
  });

  test("an empty array, a string, an array with a bad part", () => {
    expectError(() => new RandomState([]), "ERR_ARGUMENT", /a non-empty array of integers, got an array of length 0/);
    expectError(() => new RandomState("7" as unknown as number), "ERR_ARGUMENT", /got the string "7"/);
    expectError(() => new RandomState([1, -1]), "ERR_ARGUMENT", /each part of seed: expected an integer .* -1/);
  });

  test("an empty or too wide range, a negative length", () => {
    const random = new RandomState(0);
    expectError(() => random.randint(3, 3), "ERR_ARGUMENT", /randint: high: expected an integer from 4 to 4294967299/);
    expectError(() => random.randint(0, 2 ** 32 + 1), "ERR_ARGUMENT", /randint: high/);
    expectError(() => random.randint(0.5, 3), "ERR_ARGUMENT", /randint: low/);
    expectError(() => random.permutation(-1), "ERR_ARGUMENT", /permutation: n/);
  });
});

describe("seedHash", () => {
  test("gives DomainBed's published values", () => {
    expect(seedHash(0, 0)).toBe(894182419);
    expect(seedHash(0, 1)).toBe(1514274641);
    expect(seedHash(1, 0)).toBe(785910682);
    expect(seedHash(0, "lr")).toBe(1017368932);
    expect(seedHash("PACS", "ERM", [0], 0, 0)).toBe(94828300);
  });

  test.each(goldens.seedHash)("prints %j as Python does", (args, expected) => {
    expect(seedHash(...args)).toBe(expected);
  });

  test("takes bigints, infinity and NaN", () => {
    expect(seedHash(2n ** 70n)).toBe(goldens.seedHashOf2Power70);
    expect(seedHash(5n)).toBe(seedHash(5));
    expect(seedHash(Infinity, -Infinity, NaN)).toBe(goldens.seedHashOfInfinityAndNan);
  });

  test("refuses integers whose digits are lost, and values that Python has no text for", () => {
    expectError(() => seedHash(2 ** 53), "ERR_ARGUMENT", /a safe integer \(pass a bigint for a larger one\)/);
    expectError(() => seedHash({} as unknown as SeedPart), "ERR_ARGUMENT", /^seedHash: expected numbers, strings/);
    expectError(() => seedHash(undefined as unknown as SeedPart), "ERR_ARGUMENT", /got undefined/);
  });
});
