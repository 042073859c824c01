/** Small images made for the tests, as collections. */

import { createHash } from "node:crypto";
import type { EncodedImage, ImageCollection } from "dgsam";
import sharp from "sharp";

/** RGB pixels that differ everywhere and by seed; smooth, so that resamplers agree. */
export function pattern(width: number, height: number, seed = 0): Buffer {
  const data = Buffer.alloc(3 * width * height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      data[at++] = (x * 255) / width;
      data[at++] = (y * 255) / height;
      data[at++] = (37 * seed + 4 * x) % 256;
    }
  }
  return data;
}

export async function png(width: number, height: number, seed = 0): Promise<Buffer> {
  return await sharp(pattern(width, height, seed), { raw: { width, height, channels: 3 } }).png().toBuffer();
}

/** An image in memory; `reads` counts how often it was read. */
export interface CountedImage extends EncodedImage {
  reads: number;
}

export function inMemory(path: string, bytes: Uint8Array): CountedImage {
  return {
    path,
    identity: createHash("sha256").update(path).update(bytes).digest("hex"),
    reads: 0,
    async read() {
      this.reads++;
      return bytes;
    },
  };
}

/** Two domains of `count` images of 12 x 10 pixels each, labels 0 1 2 0 1 2 ... */
export interface SmallCollection extends ImageCollection {
  readonly domains: { readonly name: string; readonly records: { image: CountedImage; label: number }[] }[];
}

export async function small(count = 9): Promise<SmallCollection> {
  const domains = await Promise.all(["a", "b"].map(async (name, d) => ({
    name,
    records: await Promise.all(Array.from({ length: count }, async (_, i) => ({ image: inMemory(`${name}/${i}.png`, await png(12, 10, 100 * d + i)), label: i % 3 }))),
  })));
  return { name: "Small", classes: ["x", "y", "z"], domains };
}
