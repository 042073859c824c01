import { writeFileSync } from "node:fs";
import path from "node:path";
import { domainParquet } from "dgsam";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ContainerFile } from "../../../lib/data/images/file-image.js";
import { readParquet } from "../../../lib/data/images/parquet.js";
import { expectRejection, withTree } from "./files.js";
import { CODECS, parquet, type ParquetRow, type ParquetWriterOptions } from "./parquet-writer.js";

afterEach(() => vi.restoreAllMocks());

const HUB = { huggingface: JSON.stringify({ info: { features: { image: { _type: "Image" }, domain: { dtype: "string", _type: "Value" }, label: { names: ["dog", "elephant", "giraffe"], _type: "ClassLabel" } } } }) };
const bytesOf = (i: number) => Buffer.alloc(100 + (i % 7), i);
const rows = Array.from({ length: 40 }, (_, i): ParquetRow => ({ image: bytesOf(i), label: i % 3, domain: i % 4 < 2 ? "photo" : "cartoon" }));

const readRows = (bytes: Buffer, options = {}) => withTree({ "pacs.parquet": bytes }, async (folder) => {
  const { collection, problems } = await readParquet([path.join(folder, "pacs.parquet")], options);
  const contents = await Promise.all(collection.domains.map(({ records }) => Promise.all(records.map(async ({ image }) => Buffer.from(await image.read())))));
  return { collection, problems, contents };
});

describe("reads what the hub publishes", () => {
  const layouts: [string, ParquetWriterOptions][] = [
    ...(Object.keys(CODECS) as (keyof typeof CODECS)[]).map((codec): [string, ParquetWriterOptions] => [codec, { codec }]),
    ["dictionaries, snappy", { codec: "snappy", dictionary: true }],
    ["dictionaries, not compressed", { dictionary: true }],
    ["pages of version 2, gzip", { version2: true, codec: "gzip" }],
    ["dictionaries in pages of version 2, zstd", { version2: true, codec: "zstd", dictionary: true }],
    ["bytes without a struct", { flat: true, codec: "snappy" }],
    ["one page in one row group", { rowsInGroup: 40, rowsInPage: 40 }],
  ];
  test.each(layouts)("%s", async (_, layout) => {
    const { collection, problems, contents } = await readRows(parquet(rows, { rowsInGroup: 16, rowsInPage: 5, metadata: HUB, ...layout }));
    expect(problems).toEqual([]);
    expect(collection).toMatchObject({ name: "pacs", classes: ["dog", "elephant", "giraffe"], domains: [{ name: "cartoon" }, { name: "photo" }] });
    for (const [d, name] of ["cartoon", "photo"].entries()) {
      const expected = [...rows.keys()].filter((i) => rows[i]!.domain === name);
      expect(collection.domains[d]!.records.map(({ label }) => label)).toEqual(expected.map((i) => i % 3));
      expect(contents[d]).toEqual(expected.map(bytesOf));
    }
  });

  test("labels as text, domains as integers with names, splits, columns by other names", async () => {
    const features = { site: { names: ["north", "south"], _type: "ClassLabel" } };
    const bytes = parquet(rows.map(({ image }, i) => ({ image, label: i % 2 ? "b" : "a", domain: i < 20 ? 1 : 0, split: i % 10 ? "train" : "test" })), {
      metadata: { huggingface: JSON.stringify({ info: { features } }) }, names: { image: "jpg", domain: "site", label: "what" },
    });
    await withTree({ "x.parquet": bytes }, async (folder) => {
      const columns = { image: "jpg", domain: "site", label: "what" };
      const dataset = await domainParquet(path.join(folder, "x.parquet"), { columns, split: "test" });
      expect(dataset).toMatchObject({ name: "x", classes: ["a", "b"], domains: [{ name: "north" }, { name: "south" }] });
      await expectRejection(() => domainParquet(path.join(folder, "x.parquet"), { columns, split: "val" }), "ERR_DATA", /nothing is in the split "val"; the parts are "test", "train"/);
      await expectRejection(() => domainParquet(path.join(folder, "x.parquet")), "ERR_DATA", /x\.parquet: has no column "image" for the image; its columns are jpg, what, site, split; name the right one by columns: \{ image: \.\.\. \}/);
    });
  });

  test("integers without names are their own names, or those of the option classes", async () => {
    const bytes = parquet(rows);
    expect((await readRows(bytes)).collection.classes).toEqual(["0", "1", "2"]);
    const named = await readRows(bytes, { classes: ["z", "y", "x", "w"] });
    expect(named.collection).toMatchObject({ classes: ["z", "y", "x", "w"], domains: [{}, {}] });
    expect(named.collection.domains[0]!.records.slice(0, 3).map(({ label }) => label)).toEqual([2, 0, 0]);
    expect((await readRows(bytes, { classes: ["z", "y"] })).problems[0]).toMatchObject({ kind: "malformed", message: "the label 2 is none of the 2 classes" });
  });

  test("a negative integer without a name is a problem, and the others stay indices", async () => {
    const { collection, problems } = await readRows(parquet([-1, 0, 1].map((label) => ({ image: bytesOf(1), label, domain: "d" }))));
    expect(collection).toMatchObject({ classes: ["0", "1"], domains: [{ records: [{ label: 0 }, { label: 1 }] }] });
    expect(problems).toMatchObject([{ kind: "malformed", path: expect.stringMatching(/#row 0$/) as string, message: expect.stringMatching(/^the label -1 is no index/) as string }]);
  });

  test("several files are one data set", async () => {
    await withTree({ "a.parquet": parquet(rows.slice(0, 10), { metadata: HUB }), "b.parquet": parquet(rows.slice(10), { metadata: HUB }), "c.parquet": parquet(rows, { metadata: { huggingface: HUB.huggingface.replace("dog", "cat") } }) }, async (folder) => {
      const at = (name: string) => path.join(folder, name);
      const { collection } = await readParquet([at("a.parquet"), at("b.parquet")]);
      expect(collection.domains.map(({ records }) => records.length)).toEqual([20, 20]);
      await expectRejection(() => readParquet([at("a.parquet"), at("c.parquet")]), "ERR_DATA", /c\.parquet: names the classes otherwise than the files before/);
    });
  });
});

describe("reads lazily", () => {
  const large = Array.from({ length: 400 }, (_, i): ParquetRow => ({ image: Buffer.alloc(20_000, i), label: 0, domain: "d" }));

  test.each([["plain", false], ["dictionary-encoded", true]])("%s: one image costs one page, its neighbours nothing, and all pages are not kept", async (_, dictionary) => {
    // Ten pages of 400 kB in each of two row groups; a dictionary belongs to one row group.
    const bytes = parquet(large, { rowsInGroup: 200, rowsInPage: 20, dictionary, codec: "snappy" });
    await withTree({ "x.parquet": bytes }, async (folder) => {
      const { collection } = await readParquet([path.join(folder, "x.parquet")]);
      const records = collection.domains[0]!.records;
      const read = vi.spyOn(ContainerFile.prototype, "read");
      const cost = async (row: number): Promise<number> => {
        read.mockClear();
        expect((await records[row]!.image.read())[0]).toBe(row % 256);
        return read.mock.calls.reduce((sum, [start, end]) => sum + end - start, 0);
      };
      const page = dictionary ? 4_100_000 : 420_000;
      // The headers of the pages before are read once for each row group.
      expect(await cost(137)).toBeLessThan(page + 10 * 10_000);
      expect(await cost(121)).toBe(0);
      expect(await cost(150)).toBeLessThan(page);
      expect(await cost(399)).toBeLessThan(page + 10 * 10_000);
      expect(await cost(137)).toBe(0);
    });
  });

  test("an image keeps no page in memory, and two readings share one", async () => {
    await withTree({ "x.parquet": parquet(large, { rowsInPage: 20 }) }, async (folder) => {
      const { collection } = await readParquet([path.join(folder, "x.parquet")]);
      const [first, second] = collection.domains[0]!.records;
      const read = vi.spyOn(ContainerFile.prototype, "read");
      const images = await Promise.all([first!.image.read(), second!.image.read(), first!.image.read()]);
      for (const image of images) expect(image.buffer.byteLength).toBe(20_000);
      expect(read.mock.calls.filter(([start, end]) => end - start > 100_000)).toHaveLength(1);
      images[0]!.fill(9);
      expect((await first!.image.read())[0]).toBe(0);
    });
  });

  test("identities differ by row, by file and when the file changes", async () => {
    await withTree({ "x.parquet": parquet(rows), "y.parquet": parquet(rows) }, async (folder) => {
      const identities = async (name: string) => (await readParquet([path.join(folder, name)])).collection.domains.flatMap(({ records }) => records.map(({ image }) => image.identity));
      const before = await identities("x.parquet");
      expect(new Set([...before, ...(await identities("y.parquet"))]).size).toBe(80);
      expect(await identities("x.parquet")).toEqual(before);
      writeFileSync(path.join(folder, "x.parquet"), parquet(rows.slice(0, 39)));
      expect(before).not.toContain((await identities("x.parquet"))[0]);
    });
  });
});

describe("refuses, naming file and row,", () => {
  const refuse = (bytes: Buffer | string, message: RegExp, options = {}) =>
    withTree({ "x.parquet": bytes }, (folder) => expectRejection(() => domainParquet(path.join(folder, "x.parquet"), options), "ERR_DATA", message));

  test("what is no Parquet file", async () => {
    await refuse("", /x\.parquet: is no sound Parquet file: it has 0 bytes/);
    await refuse(Buffer.alloc(5000, 65), /x\.parquet: is no sound Parquet file: parquet file invalid \(footer != PAR1\)/);
    await refuse(Buffer.concat([Buffer.alloc(50), Buffer.from([255, 255, 255, 127]), Buffer.from("PAR1")]), /is no sound Parquet file: parquet metadata length/);
    await expectRejection(() => domainParquet("/nowhere.parquet"), "ERR_DATA", /^\/nowhere\.parquet: cannot be read: ENOENT/);
    await expectRejection(() => domainParquet([]), "ERR_ARGUMENT", /domainParquet: files: expected the path of a file, or an array of such, got an array of length 0/);
    await expectRejection(() => domainParquet("x", { columns: "image" as never }), "ERR_ARGUMENT", /columns: expected an object/);
    await expectRejection(() => domainParquet("x", { classes: ["a", "a"] }), "ERR_ARGUMENT", /classes: expected an array of different names/);
  });

  test("rows without label or domain, and integers without a name", () =>
    refuse(parquet([...rows, { image: bytesOf(0), label: null, domain: "" }, { image: bytesOf(0), label: 7, domain: "photo" }], { metadata: HUB }),
      /pacs|3 problems: .*#row 40: "label" is empty; .*#row 40: "domain" is empty; .*#row 41: "label" is 7, neither text nor an integer that has a name/));

  test("rows that only name their image", () =>
    withTree({ "x.parquet": parquet([{ image: null, label: 0, domain: "d" }]) }, async (folder) => {
      const { collection } = await readParquet([path.join(folder, "x.parquet")]);
      await expectRejection(() => collection.domains[0]!.records[0]!.image.read(), "ERR_DATA", /x\.parquet#row 0: has no image bytes/);
    }));

  test("a file that was replaced since, and one with damaged pages", () =>
    withTree({ "x.parquet": parquet(rows, { codec: "gzip" }) }, async (folder) => {
      const file = path.join(folder, "x.parquet");
      const read = (await readParquet([file])).collection.domains[0]!.records[0]!.image;
      const other = parquet(rows, { codec: "gzip" });
      other.fill(0xff, 100, 200);
      writeFileSync(file, other);
      await expectRejection(() => read.read(), "ERR_DATA", /x\.parquet: was changed since it was listed; open the data set again/);
      await expectRejection(async () => (await readParquet([file])).collection.domains[0]!.records[0]!.image.read(), "ERR_DATA", /x\.parquet: the page at byte 4 cannot be decoded/);
    }));
});
