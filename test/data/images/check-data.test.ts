import { symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { checkData, decodeImage, DgsamError, type DataReport, type ImageCollection } from "dgsam";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { PACS } from "../pacs.js";
import { expectRejection, makeImage, makeTar, withTree } from "./files.js";
import { parquet } from "./parquet-writer.js";

/** The problems as "kind path: message", with the folder taken out. */
const lines = (report: DataReport, folder: string) => report.problems.map(({ kind, path: where, message }) => `${kind} ${where}: ${message}`.replaceAll(`${folder}/`, ""));

const [one, two, three, four, five, six] = await Promise.all([1, 2, 3, 4, 5, 6].map((seed) => makeImage(seed))) as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer];
const GOOD = { "a/cat/1.jpg": one, "a/dog/2.jpg": two, "b/cat/3.jpg": three, "b/dog/4.jpg": four };

test("sound data have no problems; counts are by domain and class; progress reaches the end", () =>
  withTree({ ...GOOD, "b/dog/5.jpg": five }, async (folder) => {
    const seen: string[] = [];
    const report = await checkData(folder, { onProgress: (done, total) => void seen.push(`${done}/${total}`) });
    expect(report).toEqual({
      name: path.basename(folder), classes: ["cat", "dog"], images: 5, problems: [], ok: true,
      domains: [{ name: "a", images: 2, counts: [1, 1] }, { name: "b", images: 3, counts: [1, 2] }],
    });
    expect(seen).toEqual(["1/5", "2/5", "3/5", "4/5", "5/5"]);
  }));

describe("finds, with the path,", () => {
  const problems = (files: Record<string, Buffer | string>, options = {}, prepare: (folder: string) => void = () => {}) =>
    withTree({ ...GOOD, ...files }, async (folder) => {
      prepare(folder);
      const report = await checkData(folder, options);
      expect(report.ok).toBe(report.problems.length === 0);
      return lines(report, folder);
    });

  test.each(["jpeg", "png", "webp", "tiff", "gif"] as const)("a %s cut short at any place, and takes the whole one", async (format) => {
    const image = await makeImage(7, format, 64, 48);
    const cuts = [0.02, 0.2, 0.5, 0.8, 0.95].map((share) => Math.floor(image.length * share));
    const files = Object.fromEntries(cuts.map((cut) => [`a/cat/${String(cut).padStart(6, "0")}.${format}`, image.subarray(0, cut)]));
    const found = await problems({ ...files, [`a/cat/whole.${format}`]: image });
    expect(found).toEqual(cuts.map((cut) => expect.stringMatching(new RegExp(`^unreadable a/cat/${String(cut).padStart(6, "0")}\\.${format}: cannot be decoded: `))));
  });

  test("what only is called an image, and an empty file", async () => {
    expect(await problems({ "a/cat/text.jpg": "no image", "a/cat/empty.png": "" })).toEqual(["unreadable a/cat/empty.png: is empty", "unreadable a/cat/text.jpg: is no JPEG, PNG, WebP, TIFF or GIF"]);
  });

  test("empty classes and classes that a domain lacks", async () => {
    expect(await problems({ "a/eel/": "", "b/eel/9.jpg": five, "c/cat/6.jpg": six, "d/": "" })).toEqual([
      expect.stringMatching(/^empty-class .*a\/eel: the folder of this class has no image in domain "a"/), expect.stringMatching(/^empty-domain .*d: domain "d" has no image/),
      expect.stringMatching(/^missing-class .*c: domain "c" has no folder of class "dog"/), expect.stringMatching(/^missing-class .*c: domain "c" has no folder of class "eel"/),
    ]);
  });

  test("the same bytes within a domain, across domains, across classes, and both", async () => {
    expect(await problems({ "a/cat/1 copy.jpg": one, "b/dog/2.jpg": two, "b/cat/4.jpg": four, "a/cat/9.jpg": five, "b/dog/9.jpg": five })).toEqual([
      "duplicate a/cat/1 copy.jpg: has the same bytes as a/cat/1.jpg",
      "duplicate-across-classes a/cat/9.jpg: has the same bytes under classes cat, dog: b/dog/9.jpg", "duplicate-across-classes b/cat/4.jpg: has the same bytes under classes cat, dog: b/dog/4.jpg",
      "duplicate-across-domains a/cat/9.jpg: has the same bytes in domains a, b: b/dog/9.jpg", "duplicate-across-domains a/dog/2.jpg: has the same bytes in domains a, b: b/dog/2.jpg",
    ]);
  });

  test("links in circles and to nothing, files that are no images", async () => {
    const found = await problems({ "a/cat/notes.txt": "" }, {}, (folder) => {
      symlinkSync("..", path.join(folder, "a/cat/up"));
      symlinkSync("gone", path.join(folder, "a/cat/gone.jpg"));
    });
    expect(found.map((line) => line.split(":")[0])).toEqual(["broken-link a/cat/gone.jpg", "not-an-image a/cat/notes.txt", "symlink-loop a/cat/up"]);
  });

  test("what claims too many pixels, before it is decoded", async () => {
    // 30,000 x 30,000 pixels are claimed by a header alone.
    const bomb = await sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } }).png().toBuffer();
    bomb.writeUInt32BE(30_000, 16);
    bomb.writeUInt32BE(30_000, 20);
    bomb.writeUInt32BE((await import("node:zlib")).crc32?.(bomb.subarray(12, 29)) ?? 0, 29);
    const found = await problems({ "a/cat/bomb.png": bomb });
    expect(found).toEqual([expect.stringMatching(/^too-many-pixels a\/cat\/bomb\.png: claims 30000 x 30000 pixels, more than maxPixels, 89478485; it was not decoded$/)]);
    expect(await problems({}, { maxPixels: 24 * 16 })).toEqual([]);
    expect(await problems({}, { maxPixels: 24 * 16 - 1 })).toHaveLength(4);
  });

  test("the same as training does: stray bytes pass, formats that are not decoded and TIFFs of JPEG strips without their tail do not", async () => {
    const pixels = sharp(Buffer.from({ length: 3 * 64 * 64 } as ArrayLike<number>).map((_, i) => (i * i) >> 3), { raw: { width: 64, height: 64, channels: 3 } });
    const jpeg = await pixels.clone().jpeg().toBuffer();
    const stray = Buffer.concat([jpeg.subarray(0, -2), Buffer.from([1, 2, 3, 4]), jpeg.subarray(-2)]);
    const tiff = await pixels.clone().tiff({ compression: "jpeg" }).toBuffer();
    // Of the tables that all strips need, which are written last.
    const cut = tiff.subarray(0, -5);
    const files = { stray, tiff, cut, svg: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>') };
    const found = await problems(Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`a/cat/${name}.jpg`, bytes])));
    const trained = await Promise.allSettled(Object.entries(files).map(([name, bytes]) => decodeImage(bytes, { size: 8, path: `a/cat/${name}.jpg` })));
    expect(trained.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "rejected"]);
    // libvips' messages are the process's: of two failures at a time one may get the other's.
    expect(found).toEqual([expect.stringMatching(/^unreadable a\/cat\/cut\.jpg: cannot be decoded: /), "unreadable a/cat/svg.jpg: is no JPEG, PNG, WebP, TIFF or GIF"]);
    // What is lost where damage is not looked for.
    expect((await sharp(cut, { failOn: "truncated" }).raw().toBuffer()).equals(await sharp(tiff).raw().toBuffer())).toBe(false);
  });

  test("large images, which are decoded in passing, cut short as well", async () => {
    const image = await sharp({ create: { width: 2300, height: 2000, channels: 3, background: "blue" } }).jpeg().toBuffer();
    expect(await problems({ "a/cat/large.jpg": image })).toEqual([]);
    expect(await problems({ "a/cat/large.jpg": image.subarray(0, image.length * 0.9) })).toEqual([expect.stringMatching(/^unreadable a\/cat\/large\.jpg/)]);
  });
});

test("the order of the report does not follow from timing", () =>
  withTree({ ...GOOD, ...Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`a/cat/bad ${i}.jpg`, i % 3 ? `x${i}` : Buffer.from("same")])) }, async (folder) => {
    const first = await checkData(folder);
    expect(first.problems.length).toBe(31);
    for (let i = 0; i < 3; i++) expect(await checkData(folder)).toEqual(first);
  }));

describe("looks into", () => {
  test("manifests, whose mistakes are problems", () =>
    withTree({ ...GOOD, "m.csv": "path,label,domain\na/cat/1.jpg,cat,a\nb/cat/3.jpg,cat,b\nnone.jpg,dog,a\na/dog/2.jpg,,a\na/dog/2.jpg,dog,a\n" }, async (folder) => {
      const report = await checkData(path.join(folder, "m.csv"));
      expect(lines(report, folder)).toEqual([
        'malformed m.csv#line 5: "label" is empty', 'missing-class m.csv: domain "b" has no image of class "dog"', expect.stringMatching(/^unreadable m\.csv#line 4: there is no file /),
      ]);
      expect(report.images).toBe(3);
    }));

  test("manifests that name an image twice: the lines are told", () =>
    withTree({ ...GOOD, "m.csv": "path,label,domain\na/cat/1.jpg,cat,a\nb/cat/3.jpg,cat,b\na/cat/1.jpg,cat,a\nb/cat/3.jpg,cat,a\ncopy.jpg,cat,b\n", "copy.jpg": three }, async (folder) => {
      expect(lines(await checkData(path.join(folder, "m.csv")), folder)).toEqual([
        "duplicate a/cat/1.jpg: is there 2 times: m.csv#line 2, m.csv#line 4",
        "duplicate-across-domains b/cat/3.jpg: has the same bytes in domains a, b: m.csv#line 5, m.csv#line 3, copy.jpg (m.csv#line 6)",
      ]);
    }));

  test("Parquet files", () =>
    withTree({ "x.parquet": parquet([{ image: one, label: "cat", domain: "a" }, { image: two.subarray(0, 100), label: "cat", domain: "a" }, { image: null, label: "cat", domain: "a" }, { image: one, label: "cat", domain: "b" }], { codec: "snappy" }) }, async (folder) => {
      expect(lines(await checkData(path.join(folder, "x.parquet")), folder)).toEqual([
        "duplicate-across-domains x.parquet#row 0: has the same bytes in domains a, b: x.parquet#row 3",
        expect.stringMatching(/^unreadable x\.parquet#row 1: cannot be decoded/), "unreadable x.parquet#row 2: has no image bytes; a file that only names its images cannot be used alone",
      ]);
    }));

  test("tar archives, with the entries that point outside", async () => {
    const tar = await makeTar([["a/cat/1.jpg", one], ["a/cat/2.jpg", two.subarray(0, 50)], ["../evil.jpg", one], [{ name: "a/cat/l.jpg", type: "symlink", linkname: "/etc/passwd" }]]);
    await withTree({ "x.tar": tar }, async (folder) => {
      const report = await checkData(path.join(folder, "x.tar"));
      expect(report.problems.map(({ kind, path: where }) => `${kind} ${path.relative(folder, where)}`)).toEqual(["outside x.tar#../evil.jpg", "outside x.tar#a/cat/l.jpg", "unreadable x.tar#a/cat/2.jpg"].map((each) => each.replace("x.tar#../evil.jpg", path.relative(folder, path.join(folder, "x.tar#../evil.jpg")))));
    });
  });

  test("collections that others made", async () => {
    const image = (name: string, bytes: Buffer) => ({ path: name, identity: name, read: () => Promise.resolve(bytes) });
    const gone = { path: "gone", identity: "gone", read: () => Promise.reject(new DgsamError("ERR_DATA", "gone: cannot be read: moved")) };
    const collection: ImageCollection = { name: "mine", classes: ["cat", "dog"], domains: [{ name: "a", records: [{ image: image("x", one), label: 0 }, { image: gone, label: 0 }] }] };
    expect((await checkData(collection)).problems).toEqual([
      { kind: "missing-class", path: "mine/a", message: 'domain "a" has no image of class "dog"' }, { kind: "unreadable", path: "gone", message: "cannot be read: moved" },
    ]);
    const broken = { ...collection, domains: [{ name: "a", records: [{ image: { ...gone, read: () => Promise.reject(new TypeError("a mistake")) }, label: 0 }] }] };
    await expect(checkData(broken)).rejects.toThrow(new TypeError("a mistake"));
  });
});

test("an aborted check ends with the signal's reason, before and in the middle", () =>
  withTree(GOOD, async (folder) => {
    await expect(checkData(folder, { signal: AbortSignal.abort("early") })).rejects.toBe("early");
    const controller = new AbortController();
    const seen: number[] = [];
    const files = Array.from({ length: 200 }, () => ({ path: "x", identity: "x", read: () => Promise.resolve(one) }));
    const collection = { name: "many", classes: ["c"], domains: [{ name: "d", records: files.map((image) => ({ image, label: 0 })) }] };
    await expect(checkData(collection, { signal: controller.signal, onProgress: (done) => { seen.push(done); if (done === 10) controller.abort("late"); } })).rejects.toBe("late");
    expect(seen.length).toBeLessThan(40);
    // Nothing goes on behind the caller's back.
    const { length } = seen;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(seen.length).toBe(length);
  }));

test("what cannot be looked at is refused", () =>
  withTree({ "x.txt": "", "empty/": "", "x.tar": "no tar" }, async (folder) => {
    const at = (name: string) => path.join(folder, name);
    await expectRejection(() => checkData(at("none")), "ERR_DATA", /none: cannot be read: ENOENT/);
    await expectRejection(() => checkData(at("x.txt")), "ERR_DATA", /x\.txt: expected a folder, or a file whose name ends with \.csv, \.json, \.jsonl, \.ndjson, \.parquet, \.tar/);
    await expectRejection(() => checkData(at("empty")), "ERR_DATA", /empty: it holds no folders/);
    writeFileSync(at("header.csv"), "path,label,domain\n");
    await expectRejection(() => checkData(at("header.csv")), "ERR_DATA", /header\.csv: it holds no image$/);
    await expectRejection(() => checkData(at("x.tar")), "ERR_DATA", /x\.tar: is no sound tar archive/);
    await expectRejection(() => checkData(7 as never), "ERR_ARGUMENT", /checkData\(data\): expected a path, or an ImageCollection/);
    await expectRejection(() => checkData(folder, { maxPixels: 0 }), "ERR_ARGUMENT", /checkData: maxPixels: expected an integer of at least 1/);
    await expectRejection(() => checkData(folder, { maxPixel: 1 } as never), "ERR_ARGUMENT", /unknown option 'maxPixel'/);
    await expectRejection(() => checkData(folder, { signal: 1 } as never), "ERR_ARGUMENT", /signal: expected an AbortSignal/);
    await expectRejection(() => checkData(folder, { onProgress: 1 } as never), "ERR_ARGUMENT", /onProgress: expected a function/);
  }));

test.skipIf(PACS === undefined)("one class of one domain of PACS is sound", async () => {
  // All of it takes some ten seconds; the command was run over it.
  const { scanDomainFolder } = await import("../../../lib/data/images/folder.js");
  const { classes, domains } = scanDomainFolder(PACS!).collection;
  const photo = domains.find(({ name }) => name === "photo")!;
  const report = await checkData({ name: "PACS", classes: ["guitar"], domains: [{ name: "photo", records: photo.records.filter(({ label }) => classes[label] === "guitar").map(({ image }) => ({ image, label: 0 })) }] });
  expect(report).toMatchObject({ ok: true, images: 186, domains: [{ counts: [186] }] });
});
