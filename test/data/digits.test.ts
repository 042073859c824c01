import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { loadDigits, RandomState } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "./errors.js";
import { sha256 } from "./goldens.js";
import { idx, withFiles } from "./idx-files.js";

const AREA = 28 * 28;

/** `count` blank images, each with its own number in the first pixel, and labels that go round the ten digits. */
function set(count: number, first: number): { images: Buffer; labels: Buffer } {
  const pixels = new Uint8Array(count * AREA);
  for (let i = 0; i < count; i++) pixels[i * AREA] = first + i;
  return {
    images: idx([count, 28, 28], pixels),
    labels: idx([count], Uint8Array.from({ length: count }, (_, i) => (first + i) % 10)),
  };
}

const train = set(5, 0);
const t10k = set(3, 5);
const mnist = {
  "train-images-idx3-ubyte": train.images, "train-labels-idx1-ubyte": train.labels,
  "t10k-images-idx3-ubyte": t10k.images, "t10k-labels-idx1-ubyte": t10k.labels,
};

describe("the package's digits", () => {
  const digits = loadDigits();

  test("are 10,000, of every class about a thousand", () => {
    expect(digits.length).toBe(10000);
    expect(digits.pixels.length).toBe(10000 * AREA);
    const counts = new Array<number>(10).fill(0);
    for (const label of digits.labels) counts[label]!++;
    expect(counts).toEqual([1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]);
  });

  test("are bytes again: all 256 values occur, and 0 most", () => {
    const histogram = new Array<number>(256).fill(0);
    for (const pixel of digits.pixels) histogram[pixel]!++;
    expect(Math.min(...histogram)).toBeGreaterThan(0);
    expect(histogram[0]! / digits.pixels.length).toBeGreaterThan(0.75);
  });

  test("come in the order of the seed, labels and pixels together", () => {
    const one = loadDigits({ seed: 1 });
    const again = loadDigits({ seed: 1 });
    expect([sha256(again.pixels), sha256(again.labels)]).toEqual([sha256(one.pixels), sha256(one.labels)]);
    expect(sha256(one.labels)).not.toBe(sha256(digits.labels));
    // The i-th digit of one order, found in the other, is the same image with the same label.
    const zeroth = new RandomState(0).permutation(10000);
    const first = new RandomState(1).permutation(10000);
    const place = new Uint32Array(10000);
    for (const [i, source] of first.entries()) place[source] = i;
    for (let i = 0; i < 10000; i += 499) {
      const j = place[zeroth[i]!]!;
      expect(one.labels[j]).toBe(digits.labels[i]);
      expect(one.pixels.subarray(j * AREA, (j + 1) * AREA)).toEqual(digits.pixels.subarray(i * AREA, (i + 1) * AREA));
    }
  });

  test("can be limited to the first of the order", () => {
    const few = loadDigits({ limit: 12 });
    expect(few.length).toBe(12);
    expect(few.labels).toEqual(digits.labels.subarray(0, 12));
    expect(sha256(few.pixels)).toBe(sha256(digits.pixels.subarray(0, 12 * AREA)));
  });
});

describe("a folder's digits", () => {
  function expectAllEight(root: string): void {
    const { length, pixels, labels } = loadDigits({ root, seed: 3 });
    expect(length).toBe(8);
    const numbers = Array.from({ length }, (_, i) => pixels[i * AREA]!);
    expect(numbers).toEqual([...new RandomState(3).permutation(8)]);
    expect([...labels]).toEqual(numbers.map((number) => number % 10));
  }

  test("are train and t10k joined, in the order of the seed", () => {
    withFiles(mnist, expectAllEight);
  });

  test("are found compressed, with a dot in the name, and where torchvision puts them", () => {
    const packed = Object.entries(mnist).map(([name, bytes]) => [`${name}.gz`, gzipSync(bytes)] as const);
    withFiles(Object.fromEntries(packed), expectAllEight);
    const dotted = Object.entries(mnist).map(([name, bytes]) => [name.replace("-idx", ".idx"), bytes] as const);
    withFiles(Object.fromEntries(dotted), expectAllEight);
    withFiles(mnist, (folder) => {
      mkdirSync(join(folder, "MNIST", "raw"), { recursive: true });
      for (const name of Object.keys(mnist)) renameSync(join(folder, name), join(folder, "MNIST", "raw", name));
      expectAllEight(folder);
    });
  });
});

describe("loadDigits refuses", () => {
  test("a folder that lacks a file, and names the file", () => {
    const { "t10k-labels-idx1-ubyte": _, ...rest } = mnist;
    withFiles(rest, (root) => {
      expectError(() => loadDigits({ root }), "ERR_DATA",
        /found none of t10k-labels-idx1-ubyte, t10k-labels-idx1-ubyte\.gz, t10k-labels\.idx1-ubyte, .* must hold MNIST's four/);
    });
  });

  test("images of another size and labels that are no digit", () => {
    withFiles({ ...mnist, "train-images-idx3-ubyte": idx([5, 1, 1], new Uint8Array(5)) }, (root) => {
      expectError(() => loadDigits({ root }), "ERR_DATA", /train-images-idx3-ubyte: expected images of 28 x 28 pixels, got 1 x 1/);
    });
    withFiles({ ...mnist, "t10k-labels-idx1-ubyte": idx([3], Uint8Array.of(1, 10, 2)) }, (root) => {
      expectError(() => loadDigits({ root }), "ERR_DATA", /t10k-labels-idx1-ubyte: label 1 is 10, expected a digit from 0 to 9/);
    });
  });

  test("a limit beyond the digits there are, and bad options", () => {
    withFiles(mnist, (root) => {
      expectError(() => loadDigits({ root, limit: 9 }), "ERR_ARGUMENT", /limit is 9, but there are only 8 digits/);
    });
    expectError(() => loadDigits({ limit: 0 }), "ERR_ARGUMENT", /^digits: limit: expected an integer of at least 1/);
    expectError(() => loadDigits({ seed: -1 }), "ERR_ARGUMENT", /^digits: seed: expected an integer from 0/);
  });
});
