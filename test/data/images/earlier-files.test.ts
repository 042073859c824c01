/** What the cache does when a domain's images are others than before: it copies what it has, and keeps no more files than are of use. */
import { copyFileSync, mkdtempSync, openSync, closeSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { imageDataset } from "dgsam";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { inMemory, png, type CountedImage } from "./images.js";

let encoded: Buffer[];
let cache: string;
beforeAll(async () => { encoded = await Promise.all(Array.from({ length: 12 }, (_, i) => png(12, 10, i))); });
beforeEach(() => { cache = mkdtempSync(join(tmpdir(), "dgsam-earlier-")); });
afterEach(() => rmSync(cache, { recursive: true, force: true }));
afterAll(() => void (encoded = []));

const named = (names: Record<string, number>): CountedImage[] => Object.entries(names).map(([name, i]) => inMemory(name, encoded[i]!));
const upTo = (count: number): CountedImage[] => named(Object.fromEntries(Array.from({ length: count }, (_, i) => [`${i}.png`, i])));

/** Prepares a domain of these images; in "copying" nothing can be decoded. @returns how many were read, and the pixels of each */
async function prepare(images: CountedImage[], how: "decoding" | "copying" = "decoding"): Promise<{ read: number; pixels: number[][] }> {
  const before = images.map(({ reads }) => reads);
  const records = images.map((image) => ({ image, label: 0 }));
  using dataset = imageDataset({ name: "Files", classes: ["x"], domains: [{ name: "d", records }] },
    { imageSize: 8, cacheFolder: cache, normalize: false, augment: false, ...(how === "copying" ? { maxPixels: 1 } : {}) });
  await dataset.prepare();
  const pixels = images.map((_, i) => [...dataset.domains[0]!.batch([i]).x.data()]);
  return { read: images.reduce((sum, { reads }, i) => sum + reads - before[i]!, 0), pixels };
}

const files = (): string[] => readdirSync(cache).sort();

describe("images that were decoded before", () => {
  test("nothing is decoded where only copying is possible (control)", async () => {
    await expect(prepare(upTo(2), "copying")).rejects.toThrow(/claims 12 x 10 pixels/);
  });

  test("are copied when others are added: one image is read", async () => {
    const { pixels } = await prepare(upTo(10));
    const after = await prepare(upTo(11));
    expect(after.read).toBe(1);
    expect(after.pixels.slice(0, 10)).toEqual(pixels);
    expect(new Set(after.pixels.map(String)).size).toBe(11);
  });

  test("are copied when others are removed or chosen, in another order", async () => {
    const { pixels } = await prepare(upTo(10));
    const after = await prepare(upTo(10).reverse().slice(2, 5), "copying");
    expect(after).toEqual({ read: 0, pixels: [7, 6, 5].map((i) => pixels[i]) });
  });

  test("are copied when they have other names or times of change: read, not decoded", async () => {
    const { pixels } = await prepare(upTo(3));
    expect(await prepare(named({ "a.png": 2, "0.png": 0, "b.png": 1 }), "copying")).toEqual({ read: 2, pixels: [2, 0, 1].map((i) => pixels[i]) });
    const touched = upTo(3).map((image) => ({ ...image, identity: `${image.identity} later` }));
    expect(await prepare(touched, "copying")).toEqual({ read: 3, pixels });
    expect((await prepare(touched, "copying")).read).toBe(0);
  });

  test("are decoded where the bytes under a name are others", async () => {
    await prepare(upTo(3));
    const changed = named({ "0.png": 0, "1.png": 5, "2.png": 2, "3.png": 3 });
    const { read, pixels } = await prepare(changed);
    expect(read).toBe(2);
    rmSync(cache, { recursive: true });
    expect((await prepare(changed)).pixels).toEqual(pixels);
  });

  test("are not believed when the earlier file is damaged, and found by load(), too", async () => {
    await prepare(upTo(10));
    const descriptor = openSync(join(cache, files()[0]!), "r+");
    writeSync(descriptor, Buffer.from([1, 2, 3]), 0, 3, 8192 + 192 * 4);
    writeSync(descriptor, Buffer.from([1]), 0, 1, 4096 + 32 * 6 + 20); // of the mark of what it was decoded from
    closeSync(descriptor);
    const images = upTo(11);
    using dataset = imageDataset({ name: "Files", classes: ["x"], domains: [{ name: "d", records: images.map((image) => ({ image, label: 0 })) }] },
      { imageSize: 8, cacheFolder: cache });
    await dataset.domains[0]!.load(images.map((_, i) => i));
    expect(images.map(({ reads }) => reads)).toEqual([0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1]);
  });
});

describe("files that are of no more use", () => {
  test("are removed when the new one has all their images, and stay where it has not", async () => {
    await prepare(upTo(5));
    const [first] = files();
    await prepare(upTo(6));
    const [second, ...others] = files();
    expect(others).toEqual([]);
    expect(second).not.toBe(first);
    await prepare(upTo(3));
    expect(files().length).toBe(2);
    expect((await prepare(upTo(6), "copying")).read).toBe(0);
  });

  test("are left alone while another one fills them", async () => {
    const records = upTo(7).map((image) => ({ image, label: 0 }));
    using other = imageDataset({ name: "Files", classes: ["x"], domains: [{ name: "d", records }] }, { imageSize: 8, cacheFolder: cache, normalize: false, augment: false });
    await other.domains[0]!.load!([0]);
    await prepare(upTo(6));
    expect(files().length).toBe(2);
    await other.prepare();
    expect((await prepare(upTo(7), "copying")).read).toBe(0);
  });

  test("are at most four of a domain, those that were used last", async () => {
    for (const count of [10, 9, 8, 7, 6, 5, 4]) await prepare(upTo(count));
    expect(files().length).toBe(4);
    const before = files();
    expect((await prepare(upTo(7), "copying")).read).toBe(0);
    expect(files()).toEqual(before);
  });

  test("of whatever data set are removed when nobody used them for a month; what is not ours stays", async () => {
    await prepare(upTo(2));
    const [first] = files();
    const other = (digit: string): string => `${digit.repeat(32)}-${digit.repeat(32)}.images`;
    const [old, young, foreign, version1, half] = [other("a"), other("b"), other("c"), `${"d".repeat(32)}.images`, `${other("e")}.12.0123abcd.tmp`];
    for (const name of [old, young, version1, half]) copyFileSync(join(cache, first!), join(cache, name));
    writeFileSync(join(cache, version1), readFileSync(join(cache, first!)).fill("1", 13, 14));
    for (const name of [foreign, "mine.images"]) writeFileSync(join(cache, name), "no images at all, but long enough to have a header: 64 bytes and more");
    const days = (count: number): Date => new Date(Date.now() - count * 86_400_000);
    for (const name of [old, foreign, version1, half, "mine.images", first!]) utimesSync(join(cache, name), days(31), days(31));
    utimesSync(join(cache, young), days(29), days(29));
    await prepare(upTo(2)); // which notes that it was used
    expect(files().length).toBe(7);
    await prepare(upTo(1));
    const left = files();
    expect(left).toEqual(expect.arrayContaining([first, young, foreign, "mine.images"]));
    expect(left.length).toBe(5);
  });
});
