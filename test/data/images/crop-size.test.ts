/** In what size images are kept for augmentation to crop from. */
import type { EncodedImage, ImageCollection } from "dgsam";
import sharp from "sharp";
import { expect, test } from "vitest";
import { cropCacheSize } from "../../../lib/data/images/crop-size.js";

async function encoded(width: number, height: number): Promise<Uint8Array> {
  return await sharp({ create: { width, height, channels: 3, background: "teal" } }).jpeg().toBuffer();
}

/** Of domains of so many images, each of these bytes, and how many of them were read. */
function collectionOf(...domains: [count: number, bytes: Uint8Array | ((index: number) => Uint8Array)][]): ImageCollection & { read: number } {
  const collection = {
    name: "made", classes: ["one"], read: 0,
    domains: domains.map(([count, bytes], domain) => ({
      name: String(domain),
      records: Array.from({ length: count }, (_, index) => {
        const image: EncodedImage = { path: `${domain}/${index}`, identity: `${domain} ${index}`, read: async () => (collection.read++, typeof bytes === "function" ? bytes(index) : bytes) };
        return { image, label: 0 };
      }),
    })),
  };
  return collection;
}

test("squares of one size are kept as they are, up to three times the network's size", async () => {
  const square = await encoded(60, 60);
  for (const [imageSize, kept] of [[20, 60], [50, 60], [60, 60], [96, 60], [19, 38]] as const)
    expect(await cropCacheSize(collectionOf([3, square], [5, square]), imageSize, {})).toBe(kept);
});

test("of others twice the network's size is kept", async () => {
  const [square, larger, wide] = [await encoded(60, 60), await encoded(61, 61), await encoded(60, 50)];
  for (const others of [larger, wide]) expect(await cropCacheSize(collectionOf([3, square], [5, (index) => (index === 4 ? others : square)]), 40, {})).toBe(80);
  expect(await cropCacheSize(collectionOf([3, wide]), 40, {})).toBe(80);
});

test("less where all images would take more than 4 GiB, but never less than boxes need", async () => {
  const square = await encoded(60, 60);
  const sizeOf = async (count: number, imageSize: number): Promise<number> => await cropCacheSize(collectionOf([count, square]), imageSize, {});
  // The side of 4 GiB over a million images, each of three bytes a pixel, is 37.8 pixels: in steps of 32, 32.
  expect(await sizeOf(1e6, 18)).toBe(32);
  expect(await sizeOf(1e6, 25)).toBe(32);
  expect(await sizeOf(1e6, 30)).toBe(36);
  expect(await sizeOf(1e6, 100)).toBe(60);
  expect(await sizeOf(1e5, 30)).toBe(60);
  // Some more images do not ask for another size.
  expect(await sizeOf(1.05e6, 18)).toBe(32);
});

test("few images of a domain are read, spread over it, and bad ones are left to others", async () => {
  const [square, wide] = [await encoded(60, 60), await encoded(60, 50)];
  const collection = collectionOf([1000, square], [7, square]);
  expect(await cropCacheSize(collection, 40, {})).toBe(60);
  expect(collection.read).toBe(16 + 7);
  expect(await cropCacheSize(collectionOf([1000, (index) => (index > 900 ? wide : square)]), 40, {})).toBe(80);
  expect(await cropCacheSize(collectionOf([8, (index) => (index % 2 === 0 ? Uint8Array.of(1, 2, 3) : square)]), 40, {})).toBe(60);
  expect(await cropCacheSize(collectionOf([8, Uint8Array.of()]), 40, {})).toBe(80);
});

test("what goes wrong otherwise is told", async () => {
  const collection = collectionOf([2, () => { throw new RangeError("lost"); }]);
  await expect(cropCacheSize(collection, 40, {})).rejects.toThrow("lost");
  const square = await encoded(60, 60);
  await expect(cropCacheSize(collectionOf([2, square]), 40, { maxPixels: 0 })).rejects.toThrow(/maxPixels/);
});

test("few files are open at once, and an abort is heard", async () => {
  const square = await encoded(60, 60);
  let [open, most] = [0, 0];
  const collection = collectionOf(...Array.from({ length: 40 }, () => [16, square] as [number, Uint8Array]));
  const controller = new AbortController();
  for (const { records } of collection.domains) {
    for (const { image } of records) {
      image.read = async () => {
        most = Math.max(most, ++open);
        await new Promise((resolve) => setImmediate(resolve));
        open--;
        return square;
      };
    }
  }
  expect(await cropCacheSize(collection, 40, { signal: controller.signal })).toBe(60);
  expect(most).toBeLessThanOrEqual(32);
  const aborted = cropCacheSize(collection, 40, { signal: controller.signal });
  controller.abort("enough");
  await expect(aborted).rejects.toBe("enough");
  await expect(cropCacheSize(collection, 40, { signal: controller.signal })).rejects.toBe("enough");
});
