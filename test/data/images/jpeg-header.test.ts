import fc from "fast-check";
import sharp from "sharp";
import { expect, test } from "vitest";
import { plainJpegHeader } from "../../../lib/data/images/jpeg-header.js";
import { pattern } from "./images.js";

const image = () => sharp(pattern(40, 24), { raw: { width: 40, height: 24, channels: 3 } });
const plain = { width: 40, height: 24, hasExif: false };

/** With a segment behind the start of the file. */
function withSegment(bytes: Buffer, marker: number, content: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(2 + content.length);
  return Buffer.concat([bytes.subarray(0, 2), Buffer.of(0xff, marker), length, Buffer.from(content, "latin1"), bytes.subarray(2)]);
}

test("reads the size of photographs, baseline and progressive, with a profile, and tells of EXIF", async () => {
  for (const progressive of [false, true]) expect(plainJpegHeader(await image().jpeg({ progressive }).toBuffer())).toEqual(plain);
  expect(plainJpegHeader(await image().withIccProfile("p3").jpeg().toBuffer())).toMatchObject({ width: 40, height: 24 });
  expect(plainJpegHeader(await image().withMetadata({ orientation: 6 }).jpeg().toBuffer())).toEqual({ ...plain, hasExif: true });
});

test("leaves to libvips what is not three channels of 8 bits, or has segments that it does not know", async () => {
  expect(plainJpegHeader(await image().toColourspace("b-w").jpeg().toBuffer())).toBeUndefined();
  expect(plainJpegHeader(await image().toColourspace("cmyk").jpeg().toBuffer())).toBeUndefined();
  const bytes = await image().jpeg().toBuffer();
  expect(plainJpegHeader(withSegment(bytes, 0xe1, "http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>"))).toBeUndefined();
  expect(plainJpegHeader(withSegment(bytes, 0xe2, "urn:iso:std:iso:ts:21496:-1\0"))).toBeUndefined();
  expect(plainJpegHeader(withSegment(bytes, 0xe2, "ICC_PROFILE\0"))).toEqual(plain);
  // A second frame.
  expect(plainJpegHeader(withSegment(bytes, 0xc0, "\x08\0\x05\0\x05\x03\x01\x11\0\x02\x11\0\x03\x11\0"))).toBeUndefined();
});

test("knows nothing of a header that is cut short, wherever", async () => {
  const bytes = await image().jpeg().toBuffer();
  const pixels = bytes.indexOf(Buffer.of(0xff, 0xda));
  for (let end = 2; end < pixels; end++) expect(plainJpegHeader(bytes.subarray(0, end))).toBeUndefined();
});

test("of damaged headers, says what libvips says or nothing", async () => {
  const bytes = await image().jpeg().toBuffer();
  const pixels = bytes.indexOf(Buffer.of(0xff, 0xda));
  let understood = 0;
  await fc.assert(fc.asyncProperty(fc.integer({ min: 2, max: pixels }), fc.integer({ min: 0, max: 255 }), async (at, value) => {
    const damaged = Buffer.from(bytes);
    damaged[at] = value;
    const found = plainJpegHeader(damaged);
    const libvips = await sharp(damaged, { limitInputPixels: false }).metadata().catch(() => undefined);
    if (found === undefined || libvips === undefined) return;
    understood++;
    expect([libvips.width, libvips.height, libvips.space]).toEqual([found.width, found.height, "srgb"]);
  }), { numRuns: 300 });
  expect(understood).toBeGreaterThan(100);
});
