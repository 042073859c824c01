import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DgsamError, memoryStats, ops, zeros, type Tensor } from "dgsam";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inBackground, readWhole } from "../../lib/tensor/background.js";

const BOX = [0, 0, 40, 30];
const pixels = (): Tensor => zeros([40, 30, 3], { dtype: "uint8" }).fill_(7);

async function failure(promise: Promise<unknown>): Promise<DgsamError> {
  const error = await promise.then(() => undefined, (cause: unknown) => cause);
  expect(error).toBeInstanceOf(DgsamError);
  return error as DgsamError;
}

describe("inBackground", () => {
  test("gives what the operator gives, many at once, and leaves no tensor behind", async () => {
    const before = memoryStats().handles;
    const x = pixels();
    const made = await Promise.all(Array.from({ length: 40 }, (_, i) => inBackground(ops.dgsam.resize_pixels, [x, BOX, i + 1, 9])));
    expect(made.map(({ shape }) => shape)).toEqual(made.map((_, i) => [3, i + 1, 9]));
    expect(made.every((each) => each.toBytes().every((byte) => byte === 7))).toBe(true);
    for (const each of [x, ...made]) each.dispose();
    expect(memoryStats().handles).toBe(before);
  });

  test("reads an argument that was disposed of meanwhile", async () => {
    const x = pixels();
    const making = inBackground(ops.dgsam.resize_pixels, [x, BOX, 8, 8]);
    x.dispose();
    expect((await making).toBytes().every((byte) => byte === 7)).toBe(true);
  });

  test("makes tensors outside the modes of the caller", async () => {
    const y = await inBackground(ops.aten["add.Tensor"], [zeros([2], { requiresGrad: true }), zeros([2])]);
    expect(y.requiresGrad).toBe(false);
  });

  test("ends with the operator's error, and with that of a wrong argument", async () => {
    const error = await failure(inBackground(ops.dgsam.resize_pixels, [pixels(), BOX, 0, 8]));
    expect([error.code, /resize_pixels/.test(error.message) && /expected sizes from 1/.test(error.message)]).toEqual(["ERR_SHAPE", true]);
    expect((await failure(inBackground(ops.dgsam.resize_pixels, [pixels(), BOX, "8", 8]))).code).toBe("ERR_ARGUMENT");
    const gone = pixels();
    gone.dispose();
    expect((await failure(inBackground(ops.dgsam.resize_pixels, [gone, BOX, 8, 8]))).code).toBe("ERR_DISPOSED");
  });

  test("refuses operators that write to an argument or make no one tensor", async () => {
    const x = zeros([1, 3, 2, 2]);
    for (const making of [inBackground(ops.dgsam.color_jitter_, [x, [], []]), inBackground(ops.aten["mul_.Tensor"], [x, x]), inBackground(ops.aten["split.Tensor"], [x, 1])]) {
      const { code, message } = await failure(making);
      expect([code, message]).toEqual(["ERR_ARGUMENT", expect.stringContaining("only operators that make one new tensor")]);
    }
  });
});

describe("readWhole", () => {
  let folder: string;
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "dgsam-background-"))));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("reads what lies there, of any size, many at once", async () => {
    const paths = [1, 4095, 4096, 1_000_003].map((size) => {
      const path = join(folder, `${size} ü`);
      writeFileSync(path, Uint8Array.from({ length: size }, (_, i) => (i * 7) % 251));
      return path;
    });
    const all = Array.from({ length: 60 }, (_, i) => paths[i % paths.length]!);
    const found = await Promise.all(all.map(readWhole));
    for (const [i, bytes] of found.entries()) expect(Buffer.compare(bytes!, readFileSync(all[i]!))).toBe(0);
    // Each in memory of its own.
    expect(new Set(found.map((bytes) => bytes!.buffer)).size).toBe(all.length);
  });

  test("gives what a file whose length changes meanwhile held at one time, or nothing", async () => {
    const path = join(folder, "changing");
    writeFileSync(path, Buffer.alloc(1000, 1));
    for (let round = 0; round < 50; round++) {
      const reading = readWhole(path);
      if (round % 2 === 0) appendFileSync(path, Buffer.alloc(100_000, 1));
      else truncateSync(path, 1000);
      const bytes = await reading;
      // A file grows by pages, of which any number may have been there.
      if (bytes !== null) expect(bytes.length >= 1000 && bytes.length <= 101_000 && bytes.every((byte) => byte === 1), `${bytes.length} bytes`).toBe(true);
    }
  });

  test("leaves to others what is no common file, is empty or not there", async () => {
    const empty = join(folder, "empty");
    writeFileSync(empty, "");
    for (const path of ["/proc/self/comm", "/dev/null", empty, folder, join(folder, "absent"), `${empty}\0`, ""]) expect(await readWhole(path)).toBe(null);
  });
});
