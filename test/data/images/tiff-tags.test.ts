import { decodeImage } from "dgsam";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { COMPRESSION, PHOTOMETRIC, tiffTag } from "../../../lib/data/images/tiff-tags.js";
import { expectRejection } from "./files.js";
import { pattern } from "./images.js";

const [WIDTH, HEIGHT] = [6, 4];

/** A TIFF of 6 x 4 pixels of three bytes, without compression unless it is said to have one. */
function tiff({ little = true, big = false, photometric = 2, compression = 1 } = {}): Buffer {
  const pixels = pattern(WIDTH, HEIGHT);
  const tags = [[256, WIDTH], [257, HEIGHT], [258, 8], [COMPRESSION, compression], [PHOTOMETRIC, photometric], [273, 0], [277, 3], [278, HEIGHT], [279, pixels.length]] as const;
  const file = Buffer.alloc(400);
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const long = (at: number, value: number): void => (big ? view.setBigUint64(at, BigInt(value), little) : view.setUint32(at, value, little));
  file.write(little ? "II" : "MM", "latin1");
  view.setUint16(2, big ? 43 : 42, little);
  if (big) view.setUint16(4, 8, little);
  const directory = 16;
  long(big ? 8 : 4, directory);
  if (big) long(directory, tags.length);
  else view.setUint16(directory, tags.length, little);
  const [first, size, value] = big ? [directory + 8, 20, 12] : [directory + 2, 12, 8];
  const start = first + tags.length * size + 8;
  tags.forEach(([tag, each], i) => {
    const at = first + i * size;
    view.setUint16(at, tag, little);
    // Three samples of 8 bits each would not fit beside a classic tag; one value stands for all of them.
    view.setUint16(at + 2, tag === 273 ? 4 : 3, little);
    long(at + 4, 1);
    if (tag === 273) view.setUint32(at + value, start, little);
    else view.setUint16(at + value, each, little);
  });
  pixels.copy(file, start);
  return file.subarray(0, start + pixels.length);
}

describe.each([[true, false], [false, false], [true, true], [false, true]])("little endian %s, BigTIFF %s", (little, big) => {
  test("tags are read, and nothing of a file that is cut short", () => {
    const file = tiff({ little, big, photometric: 6, compression: 5 });
    expect([tiffTag(file, PHOTOMETRIC), tiffTag(file, COMPRESSION), tiffTag(file, 257), tiffTag(file, 9999)]).toEqual([6, 5, HEIGHT, undefined]);
    for (let length = 4; length < 60; length++) expect(tiffTag(file.subarray(0, length), PHOTOMETRIC)).toBeUndefined();
  });

  test("RGB is decoded as it is stored, YCbCr is refused", async () => {
    expect([...(await decodeImage(tiff({ little, big }))).data]).toEqual([...pattern(WIDTH, HEIGHT)]);
    const message = /^a\.tif: cannot be decoded: it is a TIFF of YCbCr without JPEG compression, whose colours libvips does not convert; store it as RGB$/;
    await expectRejection(() => decodeImage(tiff({ little, big, photometric: 6 }), { path: "a.tif" }), "ERR_DATA", message);
  });
});

test("YCbCr in JPEGs is decoded", async () => {
  const file = await sharp(pattern(64, 48), { raw: { width: 64, height: 48, channels: 3 } }).tiff({ compression: "jpeg", quality: 80 }).toBuffer();
  expect([tiffTag(file, PHOTOMETRIC), tiffTag(file, COMPRESSION)]).toEqual([6, 7]);
  const { data } = await decodeImage(file);
  const original = pattern(64, 48);
  expect(data.reduce((sum, value, i) => sum + Math.abs(value - original[i]!), 0) / data.length).toBeLessThan(10);
});
