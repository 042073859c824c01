import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { decodeImage, DgsamError } from "dgsam";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasTorch, oracle } from "../../reference/oracle.js";
import { pattern, png } from "./images.js";

const pacs = resolve(process.env["DGSAM_TEST_DATA"] ?? resolve(import.meta.dirname, "../../../../shared/data"), "PACS");

interface Pillow {
  made: Record<string, { width: number; height: number; rgb: string; resized: Record<string, string> }>;
  cuts: { crop: { left: number; top: number; width: number; height: number }; size: [number, number]; rgb: string }[];
  photos: Record<string, Record<string, string>>;
}

/** The largest difference of two bytes at the same place. */
function difference(a: Uint8Array, b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

async function refused(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  const error = await promise.then(() => undefined, (cause: unknown) => cause);
  expect(error).toBeInstanceOf(DgsamError);
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
}

describe.skipIf(!hasTorch)("decodeImage beside Pillow", () => {
  const folder = mkdtempSync(join(tmpdir(), "dgsam-pillow-"));
  let pillow: Pillow;
  beforeAll(() => {
    pillow = oracle<Pillow>("data/images/pillow.py", { folder, pacs: existsSync(pacs) ? pacs : null, every: 300, sizes: [224, 96] });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("gives Pillow's RGB bit for bit: greyscale, palettes, CMYK, alpha dropped, a GIF's first frame; 16 bits cut to 8", async () => {
    const names = Object.entries(pillow.made);
    expect(names.length).toBe(18);
    for (const [path, { width, height, rgb }] of names) {
      const image = await decodeImage(readFileSync(path), { orientation: "stored", path });
      expect([path, image.width, image.height]).toEqual([path, width, height]);
      expect([path, difference(image.data, Buffer.from(rgb, "hex"))]).toEqual([path, 0]);
    }
  });

  test("resizes as Pillow's BILINEAR does, bit for bit", async () => {
    for (const [path, { resized }] of Object.entries(pillow.made)) {
      for (const size of [40, 24]) {
        const image = await decodeImage(readFileSync(path), { size, orientation: "stored" });
        expect([path, size, difference(image.data, Buffer.from(resized[size]!, "hex"))]).toEqual([path, size, 0]);
      }
    }
  });

  test("cuts out and resizes as Pillow's crop and resize do, bit for bit", async () => {
    const bytes = readFileSync(join(folder, "lzw.tiff"));
    expect(pillow.cuts.length).toBeGreaterThan(20);
    for (const { crop, size: [width, height], rgb } of pillow.cuts) {
      const image = await decodeImage(bytes, { crop, width, height });
      expect([crop, width, height, difference(image.data, Buffer.from(rgb, "hex"))]).toEqual([crop, width, height, 0]);
    }
  });

  test.skipIf(!existsSync(pacs))("gives Pillow's bytes of photographs", async () => {
    const photos = Object.entries(pillow.photos);
    expect(photos.length).toBeGreaterThan(15);
    for (const [path, resized] of photos) {
      for (const size of [224, 96]) {
        const { data } = await decodeImage(readFileSync(path), { size });
        expect([path, size, difference(data, Buffer.from(resized[size]!, "hex"))]).toEqual([path, size, 0]);
      }
    }
  });
});

describe("decodeImage", () => {
  test("applies the orientation of EXIF by default, and leaves pixels as they are stored when asked to", async () => {
    // 6: the first row of what is stored is the right side.
    const bytes = await sharp(pattern(8, 4), { raw: { width: 8, height: 4, channels: 3 } }).withMetadata({ orientation: 6 }).png().toBuffer();
    const [turned, stored] = [await decodeImage(bytes), await decodeImage(bytes, { orientation: "stored" })];
    expect([turned.width, turned.height, stored.width, stored.height]).toEqual([4, 8, 8, 4]);
    expect([...stored.data]).toEqual([...pattern(8, 4)]);
    for (let y = 0; y < 4; y++) for (let x = 0; x < 8; x++) {
      expect([...turned.data.subarray(3 * (4 * x + 3 - y)).subarray(0, 3)]).toEqual([...stored.data.subarray(3 * (8 * y + x)).subarray(0, 3)]);
    }
    const cut = await decodeImage(bytes, { crop: { left: 1, top: 2, width: 2, height: 3 } });
    expect([...cut.data.subarray(0, 6)]).toEqual([...turned.data.subarray(3 * (2 * 4 + 1), 3 * (2 * 4 + 3))]);
  });

  test("cuts out, and resizes to exactly the size that is asked for", async () => {
    const bytes = await png(20, 10);
    const whole = (await decodeImage(bytes)).data;
    const { width, height, data } = await decodeImage(bytes, { crop: { left: 3, top: 4, width: 5, height: 2 } });
    expect([width, height]).toEqual([5, 2]);
    expect([...data]).toEqual([0, 1].flatMap((y) => [...whole.subarray(3 * (20 * (4 + y) + 3), 3 * (20 * (4 + y) + 8))]));
    for (const [w, h] of [[1, 1], [7, 300], [20, 11], [333, 3]] as const) {
      const sized = await decodeImage(bytes, { width: w, height: h });
      expect([sized.width, sized.height, sized.data.length]).toEqual([w, h, 3 * w * h]);
    }
  });

  test.each(["jpeg", "png", "webp", "tiff", "gif"] as const)("refuses a %s that is cut short, with its path", async (format) => {
    const bytes = await sharp(pattern(64, 64), { raw: { width: 64, height: 64, channels: 3 } }).toFormat(format).toBuffer();
    expect((await decodeImage(bytes)).width).toBe(64);
    await refused(decodeImage(bytes.subarray(0, bytes.length >> 1), { path: "site/cut" }), "ERR_DATA", /^site\/cut: cannot be decoded: ./);
  });

  test("says what is wrong with each image when many are cut short at once", async () => {
    const bytes = await png(64, 64);
    const paths = Array.from({ length: 100 }, (_, i) => `${i}.png`);
    const ends = await Promise.allSettled(paths.map((path) => decodeImage(bytes.subarray(0, bytes.length >> 1), { path })));
    ends.forEach((end, i) => {
      const { message } = (end as PromiseRejectedResult).reason as DgsamError;
      expect(message).toMatch(new RegExp(`^${i}\\.png: cannot be decoded: (vipspng: |the file is damaged or cut short)`));
    });
  });

  test("refuses what is no image", async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>');
    for (const bytes of [Buffer.from("no image at all"), svg]) await refused(decodeImage(bytes, { path: "p" }), "ERR_DATA", /^p: is no JPEG, PNG, WebP, TIFF or GIF$/);
    await refused(decodeImage(new Uint8Array(), { path: "p" }), "ERR_DATA", /^p: is empty$/);
  });

  test("decodes nothing that claims more pixels than the limit", async () => {
    const bytes = await png(20, 10);
    expect((await decodeImage(bytes, { maxPixels: 200 })).width).toBe(20);
    await refused(decodeImage(bytes, { maxPixels: 199, path: "p" }), "ERR_DATA", /^p: claims 20 x 10 pixels, more than maxPixels, 199; it was not decoded$/);
    // A header of a few bytes that claims 4 billion pixels.
    const bomb = Buffer.from(bytes);
    bomb.writeUInt32BE(65_000, 16);
    bomb.writeUInt32BE(65_000, 20);
    const crc = (await import("node:zlib")).crc32(bomb.subarray(12, 29));
    bomb.writeUInt32BE(crc, 29);
    await refused(decodeImage(bomb, { path: "p" }), "ERR_DATA", /^p: claims 65000 x 65000 pixels/);
  });

  test("refuses bad arguments by name", async () => {
    const bytes = await png(4, 4);
    await refused(decodeImage("text" as never), "ERR_ARGUMENT", /^decodeImage\(bytes\): expected a Uint8Array/);
    await refused(decodeImage(bytes, { size: 0 }), "ERR_ARGUMENT", /^decodeImage: size/);
    await refused(decodeImage(bytes, { sise: 3 } as object), "ERR_ARGUMENT", /unknown option 'sise'/);
    await refused(decodeImage(bytes, { orientation: "up" as never }), "ERR_ARGUMENT", /orientation: expected "exif" or "stored"/);
    await refused(decodeImage(bytes, { crop: { left: 3, top: 0, width: 2, height: 1 } }), "ERR_ARGUMENT", /crop\.left: expected an integer from 0 to 2/);
  });

  test("is aborted where it waits for its turn, and gives the turn to others", async () => {
    const bytes = await png(300, 300);
    const stop = new AbortController();
    const many = Array.from({ length: 30 }, () => decodeImage(bytes, { signal: stop.signal }));
    stop.abort(new Error("enough"));
    const ends = await Promise.allSettled(many);
    expect(ends.filter(({ status }) => status === "rejected").length).toBeGreaterThan(20);
    expect(await Promise.all(Array.from({ length: 20 }, () => decodeImage(bytes)))).toHaveLength(20);
  });
});
