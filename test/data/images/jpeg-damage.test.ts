import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkData, decodeImage } from "dgsam";
import sharp from "sharp";
import { afterAll, describe, expect, test } from "vitest";
import { scanDomainFolder } from "../../../lib/data/images/folder.js";
import { strayMarker } from "../../../lib/data/images/jpeg-damage.js";
import { hasTorch, oracle } from "../../reference/oracle.js";
import { PACS } from "../pacs.js";
import { expectRejection, makeImage } from "./files.js";
import { inMemory } from "./images.js";

const whole = await makeImage(5, "jpeg", 64, 48);
const pixels = whole.indexOf(Buffer.of(0xff, 0xda)) + 14;
const end = whole.length - 2;

/** With these bytes instead of those at a place. */
const withBytes = (at: number, ...bytes: number[]): Buffer => Buffer.concat([whole.subarray(0, at), Buffer.from(bytes), whole.subarray(at + bytes.length)]);
/** With these bytes between the pixels and the end. */
const withMore = (...bytes: number[]): Buffer => Buffer.concat([whole.subarray(0, end), Buffer.from(bytes), whole.subarray(end)]);

describe("a marker that breaks off the pixels", () => {
  const at = pixels + 200;
  const damaged = withBytes(at, 0xff, 0xc8);

  test("is an error in training and in the check, with its place, though libvips decodes the file", async () => {
    await expect(sharp(damaged, { failOn: "truncated" }).raw().toBuffer()).resolves.toHaveLength(64 * 48 * 3);
    const said = `cannot be decoded: it is damaged at byte ${at}, where a marker FF C8 breaks off the pixels`;
    await expectRejection(() => decodeImage(damaged, { path: "site/1.jpg" }), "ERR_DATA", new RegExp(`^site/1\\.jpg: ${said}$`));
    const collection = { name: "n", classes: ["c"], domains: [{ name: "d", records: [{ image: inMemory("1.jpg", damaged), label: 0 }] }] };
    expect((await checkData(collection)).problems).toEqual([{ kind: "unreadable", path: "1.jpg", message: said }]);
  });

  test.each([["another start", 0xd8], ["a frame", 0xc0], ["a frame that libjpeg does not read", 0xc5], ["a scan", 0xda], ["a code that stands for nothing", 0x42], ["one that is reserved", 0xf3]])("is %s", (_, code) => {
    expect(strayMarker(withBytes(at, 0xff, code))).toEqual({ at, code });
    expect(strayMarker(withBytes(at, 0xff, 0xff, 0xff, code))).toEqual({ at: at + 2, code });
    expect(strayMarker(withMore(0xff, code))).toEqual({ at: end, code });
  });

  test.each([["tables of Huffman codes", [0xff, 0xc4, 0, 3, 0]], ["quantisation tables", [0xff, 0xdb, 0, 4, 7, 0]], ["a restart interval", [0xff, 0xdd, 0, 3, 0]], ["arithmetic conditioning", [0xff, 0xcc, 0, 4, 0, 1]]])("is %s that is none", (_, bytes) => {
    expect(strayMarker(withMore(...bytes))).toEqual({ at: end, code: bytes[1] });
  });
});

test.each([
  ["a comment, with anything in it", [0xff, 0xfe, 0, 4, 0xff, 0xc8]], ["an application's segment", [0xff, 0xe5, 0, 2]], ["restarts and fill bytes", [0xff, 0xff, 0xd3, 0xff, 1]],
  ["stray bytes", [1, 2, 0xff, 0, 3]], ["a sound table", [0xff, 0xdd, 0, 4, 0, 0]], ["an early end, whatever comes behind it", [0xff, 0xd9, 0xff, 0xc8]],
])("takes %s behind the pixels", async (_, bytes) => {
  expect(strayMarker(withMore(...bytes))).toBeUndefined();
  await expect(decodeImage(withMore(...bytes))).resolves.toMatchObject({ width: 64 });
});

test("leaves files that are cut short to libvips, wherever", () => {
  for (let length = 0; length < whole.length; length += 7) expect(strayMarker(whole.subarray(0, length))).toBeUndefined();
});

describe.skipIf(!hasTorch)("beside Pillow", () => {
  const folder = mkdtempSync(join(tmpdir(), "dgsam-damaged-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("refuses of JPEGs of all kinds, damaged in all ways, none that Pillow takes, and decodes none that it refuses", async () => {
    const files = oracle<{ path: string; about: string; taken: boolean }[]>("data/images/damaged_jpegs.py", { folder, seed: 1, times: 10 });
    let found = 0;
    for (const { path, about, taken } of files) {
      const bytes = readFileSync(path);
      const stray = strayMarker(bytes) !== undefined;
      if (taken) expect([path, about, stray]).toEqual([path, about, false]);
      else await expectRejection(() => decodeImage(bytes, { path }), "ERR_DATA", /cannot be decoded/);
      if (stray && (await sharp(bytes, { failOn: "error" }).raw().toBuffer().catch(() => null)) !== null) found++;
    }
    // Those that libvips decodes.
    expect(found).toBeGreaterThan(40);
    expect(files.filter(({ taken }) => taken).length).toBeGreaterThan(200);
  });
});

test.skipIf(PACS === undefined)("takes photographs", () => {
  const images = scanDomainFolder(PACS!).collection.domains.flatMap(({ records }) => records.filter((_, i) => i % 20 === 0));
  for (const { image } of images) expect([image.path, strayMarker(readFileSync(image.path))]).toEqual([image.path, undefined]);
});
