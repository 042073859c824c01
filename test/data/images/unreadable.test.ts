/**
 * A check goes on where a shard or a folder cannot be read; training does not. Modes do not keep root out of a folder, so that a listing that fails is faked.
 */
import path from "node:path";
import { checkData, domainFolder, domainParquet, domainTar, type DataReport } from "dgsam";
import { afterEach, describe, expect, test, vi } from "vitest";
import { scanDomainFolder } from "../../../lib/data/images/folder.js";
import { expectRejection, makeImage, makeTar, withTree } from "./files.js";
import { parquet } from "./parquet-writer.js";

/** The ends of the paths of folders that cannot be listed. */
const closed = vi.hoisted(() => new Set<string>());
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  const readdirSync = ((folder: string, options: never) => {
    if ([...closed].some((end) => folder.endsWith(end))) throw Object.assign(new Error(`EACCES: permission denied, scandir '${folder}'`), { code: "EACCES" });
    return fs.readdirSync(folder, options);
  }) as typeof fs.readdirSync;
  return { ...fs, readdirSync };
});
afterEach(() => closed.clear());

const [one, two, three, four] = await Promise.all([1, 2, 3, 4].map((seed) => makeImage(seed))) as [Buffer, Buffer, Buffer, Buffer];
const lines = ({ problems }: Pick<DataReport, "problems">, folder: string) => problems.map(({ kind, path: where, message }) => `${kind} ${where}: ${message}`.replaceAll(`${folder}/`, ""));

describe("shards", () => {
  test("archives that are cut short or compressed are problems, and the others are looked through", async () => {
    const tar = await makeTar([["north/ok/1.jpg", one], ["south/ok/2.jpg", two]]);
    await withTree({ "1.tar": tar.subarray(0, 700), "2.tar": tar, "3.tar": Buffer.from([0x1f, 0x8b, 8, 0]), "4.tar": await makeTar([["north/ok/3.jpg", three.subarray(0, 50)]]) }, async (folder) => {
      const report = await checkData(folder);
      expect(lines(report, folder)).toEqual([
        "unreadable 1.tar: is no sound tar archive, or one cut short: Unexpected end of data",
        expect.stringMatching(/^unreadable 3\.tar: is compressed with gzip, /), expect.stringMatching(/^unreadable 4\.tar#north\/ok\/3\.jpg: cannot be decoded: /),
      ]);
      expect(report).toMatchObject({ ok: false, classes: ["ok"], images: 3, domains: [{ name: "north", images: 2 }, { name: "south", images: 1 }] });
      await expectRejection(() => domainTar([1, 2, 3, 4].map((each) => path.join(folder, `${each}.tar`))), "ERR_DATA", /1\.tar: is no sound tar archive/);
    });
  });

  test("Parquet files that are damaged, lack a column or name the classes otherwise", async () => {
    const hub = (names: string[]) => ({ metadata: { huggingface: JSON.stringify({ info: { features: { label: { names, _type: "ClassLabel" } } } }) } });
    const rows = [one, two].map((image, label) => ({ image, label, domain: "north" }));
    const whole = parquet(rows, hub(["cat", "dog"]));
    const damaged = Buffer.from(whole);
    // The page of domains, and its header.
    damaged.fill(0xff, whole.lastIndexOf("north") - 40, whole.lastIndexOf("north"));
    await withTree({
      "a.parquet": whole.subarray(0, 500), "b.parquet": whole, "c.parquet": parquet(rows, { ...hub(["cat", "dog"]), names: { domain: "site" } }), "d.parquet": damaged,
      "e.parquet": parquet(rows, hub(["dog", "cat"])), "f.parquet": parquet([{ image: three, label: 1, domain: "south" }, { image: four, label: 0, domain: "south" }], hub(["cat", "dog"])),
    }, async (folder) => {
      const report = await checkData(folder);
      expect(lines(report, folder)).toEqual([
        expect.stringMatching(/^unreadable a\.parquet: is no sound Parquet file: /), expect.stringMatching(/^unreadable c\.parquet: has no column "domain" for the domain; /),
        expect.stringMatching(/^unreadable d\.parquet: /), expect.stringMatching(/^unreadable e\.parquet: names the classes otherwise than the files before: /),
      ]);
      expect(report).toMatchObject({ classes: ["cat", "dog"], images: 4, domains: [{ name: "north", counts: [1, 1] }, { name: "south", counts: [1, 1] }] });
      await expectRejection(() => domainParquet(["b", "a"].map((each) => path.join(folder, `${each}.parquet`))), "ERR_DATA", /a\.parquet: is no sound Parquet file/);
    });
  });

  test("none that can be read is the first one's error, and an abort stays one", () =>
    withTree({ "1.tar": "no tar", "2.tar": "none" }, async (folder) => {
      await expectRejection(() => checkData(folder), "ERR_DATA", /1\.tar: is no sound tar archive/);
      const controller = new AbortController();
      const ended = checkData(folder, { signal: controller.signal });
      controller.abort("enough");
      await expect(ended).rejects.toBe("enough");
    }));
});

describe("folders", () => {
  const FILES = { "d/a/cat/1.jpg": one, "d/a/dog/2.jpg": two, "d/b/cat/3.jpg": three, "d/b/dog/4.jpg": four, "d/b/dog/deep/5.jpg": one };
  const DENIED = (folder: string, at: string) => `unreadable ${at}: cannot be read: EACCES: permission denied, scandir '${at}'; nothing in it was looked at`.replaceAll(`${folder}/`, "");

  test.each<[string, string[], string[], number]>([
    ["a class", ["a/cat"], ["d/a/cat"], 4],
    ["a folder in a class", ["dog/deep"], ["d/b/dog/deep"], 4],
    ["a domain, of which it is not known what it lacks", ["d/a"], ["d/a"], 3],
    ["all classes of a domain", ["a/cat", "a/dog"], ["d/a/cat", "d/a/dog"], 3],
  ])("%s", (_, ends, unread, images) =>
    withTree(FILES, async (folder) => {
      for (const end of ends) closed.add(end);
      const root = path.join(folder, "d");
      const report = await checkData(root);
      const others = lines(report, folder).filter((line) => !line.startsWith("duplicate-across"));
      expect(others).toEqual(unread.map((at) => DENIED(folder, at)));
      expect(report).toMatchObject({ ok: false, images, domains: [{ name: "a" }, { name: "b" }] });
      await expectRejection(() => domainFolder(root), "ERR_DATA", new RegExp(`/${unread[0]}: cannot be read: EACCES`));
    }));

  test("the one that is named is an error", () =>
    withTree(FILES, async (folder) => {
      closed.add("/d");
      await expectRejection(() => checkData(path.join(folder, "d")), "ERR_DATA", /\/d: cannot be read: EACCES/);
      expect(() => scanDomainFolder(path.join(folder, "d"), "report")).toThrow(/\/d: cannot be read: EACCES/);
    }));
});
