import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  batches, decodeImage, DgsamError, DgsamWarning, domainbedAugmentation, domainbedCropScale, DomainLoader, drawCropBoxes, Generator, imageDataset, type ImageDataset, type ImageOptions, Loader, memoryStats, ops, scope, splitDataset, type Tensor,
} from "dgsam";
import { afterEach, describe, expect, test } from "vitest";
import { expectError } from "../errors.js";
import { inMemory, png, small } from "./images.js";

const folders: string[] = [];
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "dgsam-images-"));
  folders.push(made);
  return made;
}
afterEach(() => folders.splice(0).forEach((each) => rmSync(each, { recursive: true, force: true })));

async function failure(promise: Promise<unknown>): Promise<DgsamError> {
  const error = await promise.then(() => undefined, (cause: unknown) => cause);
  expect(error).toBeInstanceOf(DgsamError);
  return error as DgsamError;
}

/** The warnings that Node showed while `run` ran. */
async function warnings(run: () => Promise<void>): Promise<DgsamWarning[]> {
  const seen: DgsamWarning[] = [];
  const listener = (warning: Error) => { if (warning instanceof DgsamWarning) seen.push(warning); };
  process.on("warning", listener);
  await run();
  await new Promise((done) => setTimeout(done, 20));
  process.off("warning", listener);
  return seen;
}

const PLAIN: ImageOptions = { imageSize: 8, normalize: false, augment: false };
/** A transform whose result shows its draws. */
const noisy = (x: Tensor, generator: Generator): Tensor => scope(() => ops.aten.add(ops.aten["div.Scalar"](x, 255), ops.aten["rand.generator"]([x.shape[0]!, 1, 1, 1], { generator })));

describe("imageDataset", () => {
  // First: garbage of other tests, collected meanwhile, would be counted.
  test.each([true, false])("gives batches on their own memory that outlive the data set, and frees the rest: cache %s", async (cache) => {
    const before = memoryStats().handles;
    const dataset = imageDataset(await small(), { ...PLAIN, cacheFolder: folder(), cache });
    await dataset.prepare();
    const { x, y } = dataset.domains[0]!.batch([0, 1]);
    dataset.dispose();
    dataset.dispose();
    expect(memoryStats().handles - before).toBe(2);
    expect(x.data().length).toBe(2 * 3 * 64);
    x.dispose();
    y.dispose();
    expectError(() => dataset.domains[0]!.batch([0]), "ERR_DISPOSED", /data set was disposed/);
    expect((await failure(dataset.domains[0]!.load([0]))).code).toBe("ERR_DISPOSED");
    expect((await failure(dataset.prepare())).code).toBe("ERR_DISPOSED");
  });

  test.each([true, false])("a batch that is on its way when the data set is disposed ends with ERR_DISPOSED: decoded before %s", async (decoded) => {
    const dataset = imageDataset(await small(), { ...PLAIN, cacheFolder: folder() });
    if (decoded) await dataset.prepare();
    const batch = dataset.domains[0]!.load([0, 1]);
    dataset.dispose();
    expect((await failure(batch)).code).toBe("ERR_DISPOSED");
  });

  test("warns once of an augment that normalises or does not divide by 255, where the data set normalises", async () => {
    const to = (factor: number) => (x: Tensor): Tensor => ops.aten["mul.Scalar"](ops.aten["div.Scalar"](x, 255), factor);
    const seen = async (options: ImageOptions) => (await warnings(async () => {
      using dataset = imageDataset(await small(), { imageSize: 8, cache: false, ...options });
      const loader = new DomainLoader(dataset.domains.slice(0, 1), { batchSize: 2 });
      for (let step = 0; step < 2; step++) await loader.loadNext();
    })).map(({ code, message }) => `${code} ${message}`);
    expect(await seen({ augment: to(255) })).toEqual([expect.stringMatching(/^WARN_DATA domain ".*": augment gave images from \S+ to \d+ where \[0, 1\] is expected.* pass normalize: false$/)]);
    expect(await seen({ augment: to(-3) })).toHaveLength(1);
    expect(await seen({ augment: to(1) })).toEqual([]);
    expect(await seen({ augment: to(255), normalize: false })).toEqual([]);
  });

  test("makes batches of what decodeImage gives, in [0, 1], as PyTorch's ToTensor and Normalize do", async () => {
    const collection = await small();
    using dataset = imageDataset(collection, { ...PLAIN, cacheFolder: folder() });
    expect([dataset.name, dataset.classes, dataset.inputShape]).toEqual(["Small", ["x", "y", "z"], [3, 8, 8]]);
    expect(dataset.domains.map(({ name, length, labels }) => [name, length, [...labels]])).toEqual(["a", "b"].map((name) => [name, 9, [0, 1, 2, 0, 1, 2, 0, 1, 2]]));
    await dataset.prepare();
    const { x, y } = dataset.domains[1]!.batch([4, 0, 4]);
    expect([x.shape, x.dtype, [...y.data()]]).toEqual([[3, 3, 8, 8], "float32", [1n, 0n, 1n]]);
    const expected = await Promise.all([4, 0, 4].map(async (i) => {
      const { data } = await decodeImage(await collection.domains[1]!.records[i]!.image.read(), { size: 8 });
      return [0, 1, 2].flatMap((c) => Array.from({ length: 64 }, (_, p) => Math.fround(data[3 * p + c]! / 255)));
    }));
    expect([...x.data()]).toEqual(expected.flat());

    using normalised = imageDataset(collection, { ...PLAIN, cacheFolder: folder(), normalize: { mean: [0.5, 0.25, 0], std: [0.5, 1, 2] } });
    const loaded = await normalised.domains[1]!.load([4]);
    const f = Math.fround;
    expect([...loaded.x.data()]).toEqual(expected[0]!.map((v, i) => (i < 64 ? f(f(v - 0.5) / 0.5) : i < 128 ? f(v - 0.25) : f(v / 2))));
    const item = dataset.domains[1]!.item(4);
    expect([item.x.shape, item.y, [...item.x.data()]]).toEqual([[3, 8, 8], 1, expected[0]]);
  });

  test("refuses a batch of what is not decoded yet, and says what to do; load() decodes it, prepare() all", async () => {
    const collection = await small();
    using dataset = imageDataset(collection, { ...PLAIN, cacheFolder: folder() });
    const [a] = dataset.domains;
    expectError(() => a!.batch([0, 3]), "ERR_STATE", /^domain "a": a\/0\.png is not decoded yet; await dataset\.prepare\(\) first, or use load\(\)/);
    await a!.load([0, 0]);
    expect(collection.domains[0]!.records.map(({ image }) => image.reads)).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(a!.batch([0]).x.shape).toEqual([1, 3, 8, 8]);
    const progress: string[] = [];
    await dataset.prepare({ onProgress: ({ domain, done, total }) => progress.push(`${domain} ${done}/${total}`) });
    expect(progress).toEqual(Array.from({ length: 18 }, (_, i) => `${i < 9 ? "a" : "b"} ${i + 1}/18`));
    expect(collection.domains.flatMap(({ records }) => records.map(({ image }) => image.reads))).toEqual(new Array(18).fill(1));
    expect(a!.batch([8, 1]).x.shape).toEqual([2, 3, 8, 8]);
  });

  test("without a cache decodes each time, or keeps in memory what was prepared", async () => {
    const collection = await small();
    using dataset = imageDataset(collection, { ...PLAIN, cache: false });
    const first = await dataset.domains[0]!.load([2]);
    await dataset.domains[0]!.load([2]);
    expect(collection.domains[0]!.records[2]!.image.reads).toBe(2);
    await dataset.prepare();
    expect([...dataset.domains[0]!.batch([2]).x.data()]).toEqual([...first.x.data()]);
    expect(collection.domains[0]!.records[2]!.image.reads).toBe(3);
  });

  test("lays batches out as told, and resizes from the cache's size", async () => {
    using dataset = imageDataset(await small(), { ...PLAIN, cacheSize: 12, cacheFolder: folder(), memoryFormat: "channels_last" });
    const { x } = await dataset.domains[0]!.load([0, 1]);
    expect([x.shape, x.isContiguous(), x.isContiguous("channels_last")]).toEqual([[2, 3, 8, 8], false, true]);
  });

  test("augments from the generator, before it normalises, and checks what the transform gives", async () => {
    using dataset = imageDataset(await small(), { ...PLAIN, cacheFolder: folder(), augment: { apply: noisy } });
    await dataset.prepare();
    const [a] = dataset.domains;
    const drawn = (seed: number) => [...a!.batch([0, 1, 0], { generator: new Generator().manualSeed(seed) }).x.data()];
    expect(drawn(1)).toEqual(drawn(1));
    expect(drawn(1)).not.toEqual(drawn(2));
    expect([...(await a!.load([0, 1, 0], { generator: new Generator().manualSeed(1) })).x.data()]).toEqual(drawn(1));
    expect(drawn(1).slice(0, 192)).not.toEqual(drawn(1).slice(384)); // the same image with other draws
    expect([...a!.batch([0]).x.data()].every((value) => value <= 1)).toBe(true); // evaluation: no draws
    const wrong = async (augment: (x: Tensor) => unknown) => {
      using other = imageDataset(await small(), { ...PLAIN, cache: false, augment: augment as never });
      return await failure(other.domains[0]!.load([0], { generator: new Generator() }));
    };
    expect(await wrong((x) => x)).toMatchObject({ code: "ERR_DTYPE", message: expect.stringMatching(/augment must return float32/) });
    expect(await wrong((x) => ops.aten["div.Scalar"](x.slice(2, 0, 4), 255))).toMatchObject({ code: "ERR_SHAPE" });
    expect(await wrong(() => undefined)).toMatchObject({ code: "ERR_ARGUMENT" });
  });

  test.each(["cached", "domainbed"] as const)("augments and normalises in one pass as the transforms do one by one, bit for bit: protocol %s", async (protocol) => {
    const given = { imageSize: 16, cacheFolder: folder(), protocol, ...(protocol === "cached" ? { cacheSize: 20 } : {}) };
    const { mean, std } = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4] };
    for (const normalize of [{ mean, std }, false] as const) {
      using dataset = imageDataset(await small(), { ...given, normalize });
      using slow = imageDataset(await small(), { ...given, normalize, augment: domainbedAugmentation({ imageSize: 16, crop: protocol === "cached" }) });
      await dataset.prepare();
      await slow.prepare();
      const batchOf = async ({ domains: [domain] }: ImageDataset) => (await domain!.load([3, 0, 8, 3, 5], { generator: new Generator().manualSeed(5) }));
      const [fused, expected] = [await batchOf(dataset), await batchOf(slow)];
      expect(fused.x.data()).toEqual(expected.x.data());
      expect(fused.y.data()).toEqual(expected.y.data());
      if (protocol === "cached") {
        expect(dataset.domains[0]!.batch([3, 0, 8, 3, 5], { generator: new Generator().manualSeed(5) }).x.data()).toEqual(expected.x.data());
      }
      using other = imageDataset(await small(), { ...given, normalize, memoryFormat: "channels_last" });
      const { x } = await batchOf(other);
      expect([x.isContiguous(), x.isContiguous({ memoryFormat: "channels_last" })]).toEqual([false, true]);
      expect(x.data()).toEqual(expected.x.data());
      expect((await dataset.domains[0]!.load([], { generator: new Generator() })).x.shape).toEqual([0, 3, 16, 16]);
    }
  });

  test("refuses bad options by name", async () => {
    const collection = await small(1);
    const refuses = (options: object, message: RegExp) => expectError(() => imageDataset(collection, options), "ERR_ARGUMENT", message);
    refuses({ imageSise: 3 }, /unknown option 'imageSise'/);
    refuses({ imageSize: 0 }, /imageSize: expected an integer from 1/);
    refuses({ badImages: "ignore" }, /badImages: expected "throw" or "skip"/);
    refuses({ protocol: "timm" }, /protocol: expected "cached" or "domainbed"/);
    refuses({ normalize: { mean: [0, 0, 0], std: [1, 1, 0] } }, /normalize: expected false, or/);
    refuses({ augment: 3 }, /augment: expected a boolean, a function/);
    refuses({ cache: "no" }, /cache: expected a boolean/);
    refuses({ protocol: "domainbed", cacheSize: 12 }, /cacheSize: protocol "domainbed" crops from the originals/);
    expectError(() => imageDataset({} as never), "ERR_ARGUMENT", /imageDataset\(collection\): expected an ImageCollection/);
  });
});

describe("bad images", () => {
  /** Of 9 images 4, 7 and 8 of domain a are damaged: two of the three of class 1, and one of class 2. */
  async function damaged() {
    const collection = await small();
    for (const i of [4, 7, 8]) {
      const record = collection.domains[0]!.records[i]!;
      record.image = inMemory(record.image.path, (await record.image.read()).subarray(0, 60 + i));
    }
    return collection;
  }

  test("end with the path by default, in prepare() and in a batch", async () => {
    using dataset = imageDataset(await damaged(), { ...PLAIN, cache: false });
    expect(await failure(dataset.prepare())).toMatchObject({ code: "ERR_DATA", message: expect.stringMatching(/^a\/[478]\.png: cannot be decoded: /) });
    expect(await failure(dataset.domains[0]!.load([0, 7]))).toMatchObject({ code: "ERR_DATA", message: expect.stringMatching(/^a\/7\.png: cannot be decoded: /) });
    expect((await dataset.domains[0]!.load([0, 1])).x.shape[0]).toBe(2);
  });

  test.each([true, false])("are skipped when told so: replaced in training, left out of evaluation, listed, warned of once; prepared first: %s", async (prepared) => {
    using dataset = imageDataset(await damaged(), { ...PLAIN, cacheFolder: folder(), badImages: "skip" });
    const [a] = dataset.domains;
    const seen = await warnings(async () => {
      if (prepared) await dataset.prepare();
      // The next good one of the class: 4 and 7 become 1, 8 becomes 2.
      const training = await a!.load([0, 4, 7, 8, 1], { generator: new Generator() });
      expect([...training.y.data()].map(Number)).toEqual([0, 1, 1, 2, 1]);
      const expected = a!.batch([0, 1, 1, 2, 1]);
      expect([...training.x.data()]).toEqual([...expected.x.data()]);
      const evaluated = await a!.load([0, 4, 8, 5]);
      expect([evaluated.x.shape[0], [...evaluated.y.data()].map(Number)]).toEqual([2, [0, 2]]);
    });
    expect(a!.length).toBe(9);
    expect(dataset.skipped.map(({ domain, index, path }) => [domain, index, path])).toEqual([["a", 4, "a/4.png"], ["a", 7, "a/7.png"], ["a", 8, "a/8.png"]]);
    expect(dataset.skipped[0]!.reason).toMatch(/^a\/4\.png: cannot be decoded/);
    expect(seen.map(({ code, message }) => [code, /^domain "a": images that cannot be decoded are skipped, the first is a\//.test(message)])).toEqual([["WARN_DATA", true]]);
  });

  test("make evaluation's batches smaller and never empty, with the labels of those that are there", async () => {
    using dataset = imageDataset(await damaged(), { ...PLAIN, cacheFolder: folder(), badImages: "skip" });
    const counts: number[] = [];
    for await (const { x, y } of new Loader(dataset.domains[0]!, { batchSize: 2 })) {
      expect(x.shape[0]).toBe(y.shape[0]);
      counts.push(y.shape[0]!);
    }
    expect(counts).toEqual([2, 2, 1, 1]); // 01 23 (4)5 6(7); the last batch is 8 alone
    expect([...batches(dataset.domains[0]!, 2)].map(({ y }) => y.shape[0])).toEqual([2, 2, 1, 1]);
    for (const minibatches of [await new DomainLoader(dataset.domains, { batchSize: 20 }).loadNext()]) {
      expect(minibatches.map(({ y }) => y.shape[0])).toEqual([20, 20]);
    }
  });

  test("are an error where a domain has no others", async () => {
    const collection = { name: "Bad", classes: ["x"], domains: [{ name: "a", records: [0, 1].map((i) => ({ image: inMemory(`${i}.png`, Buffer.from("x")), label: 0 })) }] };
    using dataset = imageDataset(collection, { ...PLAIN, cache: false, badImages: "skip" });
    expect(await failure(dataset.prepare())).toMatchObject({ code: "ERR_DATA", message: expect.stringMatching(/^domain "a": none of its 2 images can be decoded; the first: 0\.png/) });
    expect((await failure(dataset.domains[0]!.load([0], { generator: new Generator() }))).code).toBe("ERR_DATA");
    // Not an evaluation of nothing.
    for (const batchSize of [1, 2]) {
      using other = imageDataset(collection, { ...PLAIN, cache: false, badImages: "skip" });
      const loader = new Loader(other.domains[0]!, { batchSize });
      const inOrder = async () => { for await (const { y } of loader) y.dispose(); };
      expect((await failure(inOrder())).message).toMatch(/none of its 2 images can be decoded/);
      expect(() => [...loader]).toThrow(/none of its 2 images can be decoded/);
    }
  });

  test("that claim too many pixels are such, and errors that are not about data are no reason to skip", async () => {
    const collection = await small(3);
    collection.domains[0]!.records[1]!.image = inMemory("large.png", await png(40, 40));
    using dataset = imageDataset(collection, { ...PLAIN, cache: false, badImages: "skip", maxPixels: 1000 });
    await dataset.prepare();
    expect(dataset.skipped.map(({ reason }) => reason)).toEqual([expect.stringMatching(/^large\.png: claims 40 x 40 pixels/)]);
    collection.domains[1]!.records[2]!.image = { ...inMemory("x", await png(4, 4)), read: () => Promise.reject(new TypeError("bug")) };
    using other = imageDataset(collection, { ...PLAIN, cache: false, badImages: "skip" });
    await expect(other.prepare()).rejects.toThrow(TypeError);
  });
});

test("a cache folder without a name is refused", async () => {
  const collection = await small(1);
  expect(() => imageDataset(collection, { ...PLAIN, cacheFolder: "" })).toThrow(/^imageDataset: cacheFolder: expected the path of a folder/);
});

describe("protocol domainbed", () => {
  test("crops the originals before it resizes, reproducibly, and evaluates the whole image resized", async () => {
    const collection = await small();
    // Of 64 x 48 pixels: a crop resized to 8 differs from a crop of the image resized to 8.
    collection.domains[0]!.records[0]!.image = inMemory("a/large.png", await png(64, 48));
    using dataset = imageDataset(collection, { ...PLAIN, cacheFolder: folder(), protocol: "domainbed" });
    const [a] = dataset.domains;
    const whole = await decodeImage(await png(64, 48), { size: 8 });
    const evaluated = (await a!.load([0])).x;
    expect([...evaluated.data()].slice(0, 64)).toEqual(Array.from({ length: 64 }, (_, p) => Math.fround(whole.data[3 * p]! / 255)));
    const drawn = async (seed: number) => [...(await a!.load([0, 5, 0], { generator: new Generator().manualSeed(seed) })).x.data()];
    const first = await drawn(3);
    expect(first).toEqual(await drawn(3));
    expect(first).not.toEqual(await drawn(4));
    // Red grows with x over the whole image: a box keeps at least 0.7 of its area, so some of the ends are lost, and the sides stay in order.
    expect(Math.max(...first.slice(0, 64)) - Math.min(...first.slice(0, 64))).toBeLessThanOrEqual(1);
    expect(first.slice(0, 192)).not.toEqual(first.slice(384));
    expectError(() => a!.batch([0], { generator: new Generator() }), "ERR_STATE", /decodes the originals for every batch to train on/);
    expectError(() => new DomainLoader(dataset.domains, { batchSize: 2 }).next(), "ERR_STATE", /use load\(\), or `for await` over a DomainLoader/);
  });

  test("crops as the box says that drawCropBoxes draws", async () => {
    const collection = await small();
    const bytes = await png(64, 48);
    collection.domains[0]!.records[0]!.image = inMemory("a/large.png", bytes);
    using dataset = imageDataset(collection, { ...PLAIN, cache: false, protocol: "domainbed" });
    for (const seed of [1, 2, 3]) {
      const { x } = await dataset.domains[0]!.load([0, 0], { generator: new Generator().manualSeed(seed) });
      const boxes = drawCropBoxes([[48, 64], [48, 64]], new Generator().manualSeed(seed), { scale: domainbedCropScale });
      for (const [i, { top, left, height, width }] of boxes.entries()) {
        const { data } = await decodeImage(bytes, { size: 8, crop: { top, left, height, width } });
        const planes = Array.from({ length: 3 * 64 }, (_, at) => Math.fround(data[3 * (at % 64) + Math.floor(at / 64)]! / 255));
        expect([...x.data()].slice(192 * i, 192 * (i + 1))).toEqual(planes);
      }
    }
  });

  test("replaces images that turn out to be damaged behind their headers", async () => {
    const collection = await small();
    const { image } = collection.domains[0]!.records[1]!;
    const whole = await png(200, 200);
    collection.domains[0]!.records[1]!.image = inMemory(image.path, whole.subarray(0, whole.length - 300));
    using dataset = imageDataset(collection, { ...PLAIN, cache: false, protocol: "domainbed", badImages: "skip" });
    const { x, y } = await dataset.domains[0]!.load([1, 0], { generator: new Generator() });
    expect([x.shape[0], [...y.data()].map(Number), dataset.skipped.map(({ index }) => index)]).toEqual([2, [1, 0], [1]]);
    using strict = imageDataset(collection, { ...PLAIN, cache: false, protocol: "domainbed" });
    expect((await failure(strict.domains[0]!.load([1, 0], { generator: new Generator() }))).message).toMatch(/^a\/1\.png: cannot be decoded/);
  });
});

test("parts of a split load and augment through their base", async () => {
  using dataset = imageDataset(await small(10), { ...PLAIN, cacheFolder: folder(), augment: noisy });
  const part = splitDataset(dataset).in.domains[0]!;
  expect(part.length).toBe(8);
  const loaded = await part.load!([0, 1], { generator: new Generator().manualSeed(1) });
  expect([...part.batch([0, 1], { generator: new Generator().manualSeed(1) }).x.data()]).toEqual([...loaded.x.data()]);
  expect([...loaded.y.data()].map(Number)).toEqual([part.labels[0], part.labels[1]]);
});

test("a run that is aborted ends with the signal's reason, and goes on later", async () => {
  const collection = await small(30);
  using dataset = imageDataset(collection, { ...PLAIN, cacheFolder: folder() });
  const stop = new AbortController();
  await expect(dataset.prepare({ signal: stop.signal, onProgress: ({ done }) => done === 5 && stop.abort(new Error("enough")) })).rejects.toThrow("enough");
  const read = () => collection.domains.flatMap(({ records }) => records).filter(({ image }) => image.reads > 0).length;
  expect(read()).toBeLessThan(30);
  await dataset.prepare();
  expect(read()).toBe(60);
  await expect(dataset.domains[0]!.load([0], { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
});
