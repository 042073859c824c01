import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { DgsamError, RandomState, readIdxImages, readIdxLabels, readIdxPair } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "./errors.js";
import { idx, withFiles } from "./idx-files.js";

const pixels = Uint8Array.from({ length: 3 * 2 * 4 }, (_, i) => i * 10);
const images = idx([3, 2, 4], pixels);
const labels = idx([3], Uint8Array.of(7, 0, 9));

describe("reads", () => {
  test.each([["plain", (bytes: Buffer) => bytes], ["gzip-compressed", gzipSync]])("%s files", (_, pack) => {
    withFiles({ images: pack(images), labels: pack(labels) }, (folder) => {
      const pair = readIdxPair(join(folder, "images"), join(folder, "labels"));
      expect(pair.images).toMatchObject({ count: 3, rows: 2, columns: 4 });
      expect([...pair.images.pixels]).toEqual([...pixels]);
      expect([...pair.labels]).toEqual([7, 0, 9]);
    });
  });

  test("files of no items", () => {
    withFiles({ images: idx([0, 28, 28], new Uint8Array()), labels: idx([0], new Uint8Array()) }, (folder) => {
      expect(readIdxPair(join(folder, "images"), join(folder, "labels"))).toMatchObject({ images: { count: 0 } });
    });
  });
});

describe("refuses, naming the path,", () => {
  function refuses(bytes: Uint8Array, read: (path: string) => unknown, message: RegExp): DgsamError {
    return withFiles({ "some-file": bytes }, (folder) => {
      const path = join(folder, "some-file");
      const error = expectError(() => read(path), "ERR_DATA", message);
      expect(error.message).toContain(`${path}: `);
      return error;
    });
  }

  test("a bad magic number", () => {
    refuses(labels, readIdxImages, /an IDX file of images \(magic number 0x00000803\), got magic number 0x00000801/);
    refuses(images, readIdxLabels, /an IDX file of labels \(magic number 0x00000801\), got magic number 0x00000803/);
    refuses(idx([3], Uint8Array.of(1, 2, 3), 0x0d), readIdxLabels, /got magic number 0x00000d01/);
  });

  test("a header or elements cut short", () => {
    refuses(new Uint8Array(), readIdxLabels, /truncated: an IDX header of 8 bytes was expected, got 0 bytes/);
    refuses(images.subarray(0, 15), readIdxImages, /truncated: an IDX header of 16 bytes was expected, got 15 bytes/);
    refuses(images.subarray(0, -1), readIdxImages, /its header promises 3 x 2 x 4 elements \(24 bytes\), but only 23 bytes/);
  });

  test("sizes whose product is beyond all memory, without allocating it", () => {
    refuses(idx([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], pixels), readIdxImages, /truncated: its header promises 4294967295 x/);
  });

  test("trailing bytes", () => {
    refuses(Buffer.concat([labels, Buffer.of(1, 2)]), readIdxLabels, /2 trailing bytes after the 3 elements/);
  });

  test("damaged gzip, keeping zlib's error as the cause", () => {
    const packed = gzipSync(images);
    const error = refuses(packed.subarray(0, -9), readIdxImages, /cannot be decompressed as gzip: unexpected end of file/);
    expect(error.cause).toMatchObject({ code: "Z_BUF_ERROR" });
  });

  test("a missing file and a folder, keeping the system's error as the cause", () => {
    withFiles({}, (folder) => {
      const missing = expectError(() => readIdxLabels(join(folder, "none")), "ERR_DATA", /none: cannot be read: ENOENT/);
      expect(missing.cause).toMatchObject({ code: "ENOENT" });
      expectError(() => readIdxLabels(folder), "ERR_DATA", /cannot be read: EISDIR/);
    });
  });

  test("numbers of images and labels that differ", () => {
    withFiles({ images, labels: idx([2], Uint8Array.of(1, 2)) }, (folder) => {
      expectError(() => readIdxPair(join(folder, "images"), join(folder, "labels")), "ERR_DATA",
        /images holds 3 images, but .*labels holds 2 labels/);
    });
  });
});

// A seeded fuzzer: whatever the bytes, the readers return what the header says or throw ERR_DATA.
test("2,000 mutated files give consistent images or ERR_DATA, nothing else", () => {
  const random = new RandomState(20);
  const originals = [images, labels, gzipSync(images), gzipSync(labels)];
  const outcomes = { read: 0, refused: 0 };
  withFiles({}, (folder) => {
    const path = join(folder, "mutated");
    for (let round = 0; round < 2000; round++) {
      writeFileSync(path, mutate(originals[round % originals.length]!, random));
      try {
        if (round % 2 === 0) {
          const { count, rows, columns, pixels: read } = readIdxImages(path);
          expect(read.length).toBe(count * rows * columns);
        } else {
          expect(readIdxLabels(path)).toBeInstanceOf(Uint8Array);
        }
        outcomes.read++;
      } catch (error) {
        if (!(error instanceof DgsamError)) throw error;
        expect([error.code, error.message]).toEqual(["ERR_DATA", expect.stringContaining(path)]);
        outcomes.refused++;
      }
    }
  });
  // Changed pixels are still a valid file, so both outcomes must occur, or the mutations test nothing.
  expect(outcomes.read).toBeGreaterThan(50);
  expect(outcomes.refused).toBeGreaterThan(1000);
});

function mutate(original: Uint8Array, random: RandomState): Uint8Array {
  let bytes = Uint8Array.from(original);
  for (let change = random.randint(1, 4); change > 0; change--) {
    const at = random.randint(0, bytes.length + 1);
    const kind = random.randint(0, 4);
    if (kind === 0) bytes = bytes.slice(0, at);
    else if (kind === 1) bytes = Uint8Array.of(...bytes.subarray(0, at), random.randint(0, 256), ...bytes.subarray(at));
    else if (at < bytes.length) bytes[at] = kind === 2 ? random.randint(0, 256) : bytes[at]! ^ (1 << random.randint(0, 8));
  }
  return bytes;
}
