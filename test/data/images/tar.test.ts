import { writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { domainTar } from "dgsam";
import { describe, expect, test } from "vitest";
import { readTar } from "../../../lib/data/images/tar.js";
import { expectRejection, makeTar, withTree, type TarItem } from "./files.js";

/** The images as DOMAIN: [entry, label, content], and the problems as "kind entry: message". */
const read = async (shards: readonly (readonly TarItem[])[], options = {}) => {
  const files = Object.fromEntries(await Promise.all(shards.map(async (items, i) => [`${i}.tar`, await makeTar(items)] as const)));
  return withTree(files, async (folder) => {
    const { collection, problems } = await readTar(shards.map((_, i) => path.join(folder, `${i}.tar`)), options);
    const domains = Object.fromEntries(await Promise.all(collection.domains.map(async ({ name, records }) =>
      [name, await Promise.all(records.map(async ({ image, label, split }) => [path.relative(folder, image.path), label, Buffer.from(await image.read()).toString(), ...(split === undefined ? [] : [split])]))] as const)));
    return { classes: collection.classes, domains, problems: problems.map(({ kind, path: where, message }) => `${kind} ${path.relative(folder, where)}: ${message}`) };
  });
};

describe("DomainBed's layout", () => {
  test("at any depth, with folders, hidden files, long names and empty files", async () => {
    const long = `photo/dog/${"x".repeat(150)}/${"y".repeat(140)}.png`;
    expect(await read([[
      [{ name: "photo/", type: "directory" }], ["./photo/dog/1.jpg", "one"], ["photo/dog/.DS_Store", "no"], ["photo/dog/Thumbs.db", "no"], ["__MACOSX/photo/dog/._1.jpg", "no"],
      ["cartoon/cat/2.jpg", "z".repeat(2000)], [long, "deep"], ["cartoon/cat/3.GIF", ""], ["README", "text"],
    ]])).toEqual({
      classes: ["cat", "dog"], problems: [],
      domains: { cartoon: [["0.tar#cartoon/cat/2.jpg", 0, "z".repeat(2000)], ["0.tar#cartoon/cat/3.GIF", 0, ""]], photo: [["0.tar#photo/dog/1.jpg", 1, "one"], [`0.tar#${long}`, 1, "deep"]] },
    });
  });

  test("in one folder around it, and over several archives", async () => {
    expect(await read([[["PACS/photo/dog/1.jpg", "1"]], [["PACS/photo/cat/2.jpg", "2"], ["PACS/art/dog/sub/3.jpg", "3"]]])).toMatchObject({
      classes: ["cat", "dog"], domains: { art: [["1.tar#PACS/art/dog/sub/3.jpg", 1, "3"]], photo: [["0.tar#PACS/photo/dog/1.jpg", 1, "1"], ["1.tar#PACS/photo/cat/2.jpg", 0, "2"]] },
    });
  });

  test("files that are no images, or in no class, are notes", async () => {
    const items: TarItem[] = [["photo/dog/1.jpg", "1"], ["photo/dog/list.txt", "1"], ["photo/2.jpg", "1"]];
    expect((await read([items])).problems).toEqual([
      "not-an-image 0.tar#photo/dog/list.txt: is no image by its name",
      "not-an-image 0.tar#photo/2.jpg: lies in no class folder; expected DOMAIN/CLASS/image, or a .cls or .json file beside each image",
    ]);
    await withTree({ "a.tar": await makeTar(items) }, async (folder) => {
      const dataset = await domainTar(path.join(folder, "a.tar"));
      expect(dataset).toMatchObject({ name: "a", classes: ["dog"], domains: [{ name: "photo" }], notes: [expect.stringContaining("list.txt"), expect.stringContaining("2.jpg")] });
    });
  });
});

describe("WebDataset's names", () => {
  test("labels in .cls, domains from the folder; keys end at the first dot of the file's own name", async () => {
    expect(await read([[["v1.0/photo/0001.jpg", "a"], ["v1.0/photo/0001.cls", "2\n"], ["v1.0/photo/0001.txt.gz", "?"], ["v1.0/art/0001.CLS", "0"], ["v1.0/art/0001.PNG", "b"]]])).toEqual({
      classes: ["0", "1", "2"], problems: [], domains: { "v1.0/art": [["0.tar#v1.0/art/0001.PNG", 0, "b"]], "v1.0/photo": [["0.tar#v1.0/photo/0001.jpg", 2, "a"]] },
    });
  });

  test("label, domain and split in .json; names and numbers", async () => {
    const json = (value: unknown) => JSON.stringify(value);
    expect(await read([[
      ["1.jpg", "a"], ["1.json", json({ label: "dog", domain: "photo", split: "train" })], ["2.json", json({ label: "cat", domain: 7, split: "test" })], ["2.webp", "b"],
    ]])).toEqual({ classes: ["cat", "dog"], problems: [], domains: { 7: [["0.tar#2.webp", 0, "b", "test"]], photo: [["0.tar#1.jpg", 1, "a", "train"]] } });
  });

  test.each<[string, TarItem[]]>([
    ["cls", [["p/1.cls", "-1"], ["p/2.cls", "0\n"], ["p/3.cls", "1.0"]]],
    ["json", [["p/1.json", '{"label": -1}'], ["p/2.json", '{"label": 0}'], ["p/3.json", '{"label": "1"}']]],
  ])("a negative label in .%s is a problem, and the others stay indices", async (_, labels) => {
    const { classes, domains, problems } = await read([[...labels, ...["1", "2", "3"].map((key): TarItem => [`p/${key}.jpg`, key])]]);
    expect([classes, domains]).toEqual([["0", "1"], { p: [["0.tar#p/2.jpg", 0, "2"], ["0.tar#p/3.jpg", 1, "3"]] }]);
    expect(problems).toEqual([expect.stringMatching(/^malformed 0\.tar#p\/1: the label -1 is no index/)]);
  });

  test("domains in .domain or .txt beside .cls; the option classes names integers; every shard has its own keys", async () => {
    expect(await read([[["1.jpg", "a"], ["1.cls", "1"], ["1.domain", "art"]], [["1.cls", "0"], ["1.txt", "photo\n"], ["1.jpg", "b"], ["2.cls", "0"], ["2.txt", "photo"], ["2.jpg", "c"]]], { classes: ["cat", "dog"] })).toEqual({
      classes: ["cat", "dog"], problems: [], domains: { art: [["0.tar#1.jpg", 1, "a"]], photo: [["1.tar#1.jpg", 0, "b"], ["1.tar#2.jpg", 0, "c"]] },
    });
  });

  test("the folder in a name is the domain, not the caption beside it", async () => {
    const items = ["photo", "art"].flatMap((domain) => [1, 2, 3].flatMap((i): TarItem[] => [[`${domain}/${i}.jpg`, "a"], [`${domain}/${i}.cls`, "0"], [`${domain}/${i}.txt`, `a dog, the ${i}th`]]));
    const { domains, problems } = await read([items]);
    expect([Object.keys(domains), problems]).toEqual([["art", "photo"], []]);
  });

  test("captions are no domains: one problem says how to name these", async () => {
    const sample = (key: string, text: string): TarItem[] => [[`${key}.jpg`, "a"], [`${key}.cls`, "0"], [`${key}.txt`, text]];
    const said = (images: number, texts: number) => `malformed 0.tar: ${images} images have no domain but a .txt, with ${texts} different texts, which are captions by their number or length; expected "domain" in a .json file, a .domain file, or a folder in its name (photo/0001.jpg)`;
    const captions = ["1", "2", "3"].flatMap((key) => sample(key, `a dog, the ${key}th`));
    expect(await read([captions, sample("art/4", "?")])).toEqual({ classes: ["0"], domains: { art: [["1.tar#art/4.jpg", 0, "a"]] }, problems: [said(3, 3)] });
    expect((await read([[...sample("1", "a\nb"), ...sample("2", "a\nb")]])).problems).toEqual([said(2, 1)]);
    expect((await read([[...sample("1", "x"), ...sample("2", "y"), ...sample("3", "x"), ...sample("4", "y")]])).problems).toEqual([]);
    await withTree({ "a.tar": await makeTar(captions) }, (folder) => expectRejection(() => domainTar(path.join(folder, "a.tar")), "ERR_DATA", /a\.tar: 3 images have no domain but a \.txt/));
  });

  test("what is wrong with a sample is told with its key", async () => {
    const { problems } = await read([[
      ["a/1.jpg", ""], ["a/2.cls", "1"], ["a/3.jpg", ""], ["a/3.png", ""], ["a/3.cls", "0"], ["4.jpg", ""], ["4.cls", "0"], ["5.jpg", ""], ["5.json", "{"], ["6.jpg", ""], ["6.json", "[]"],
      ["a/7.jpg", ""], ["a/7.cls", "many\nlines"], ["a/8.jpg", ""], ["a/8.json", '{"label": {}}'], ["a/9.jpg", ""], ["a/9.cls", "x".repeat((1 << 20) + 1)],
    ]]);
    expect(problems).toEqual([
      "malformed 0.tar#a/9.cls: has 1048577 bytes, too many for a label",
      "malformed 0.tar#a/3.png: is a second image of the sample a/3",
      'malformed 0.tar#a/1: has no label; expected a .cls file, or "label" in a .json file',
      "malformed 0.tar#a/2: has .cls, but no image",
      'malformed 0.tar#4: has no domain; expected "domain" in a .json file, a .domain file, or a folder in its name (photo/0001.jpg)',
      "malformed 0.tar#5: its .json is no JSON object", "malformed 0.tar#6: its .json is no JSON object",
      'malformed 0.tar#a/7: has no label; expected a .cls file, or "label" in a .json file',
      'malformed 0.tar#a/8: has no label; expected a .cls file, or "label" in a .json file',
      'malformed 0.tar#a/9: has no label; expected a .cls file, or "label" in a .json file',
    ]);
  });
});

describe("of entries with one name", () => {
  // As `tar -r` and `tar -u` append them.
  const items: TarItem[] = [["photo/dog/1.jpg", "old"], ["photo/dog/2.jpg", "2"], ["photo/.x", ""], ["./photo/dog/1.jpg", "older"], ["photo/dog/1.jpg", "new"], ["photo/.x", ""]];
  const REPEATED = "is there 3 times under this name; the last is taken, as tar does when it unpacks";

  test("the last counts, at the place of the first, and is told of", async () => {
    expect(await read([items])).toEqual({
      classes: ["dog"], problems: [`duplicate 0.tar#photo/dog/1.jpg: ${REPEATED}`], domains: { photo: [["0.tar#photo/dog/1.jpg", 0, "new"], ["0.tar#photo/dog/2.jpg", 0, "2"]] },
    });
    const samples: TarItem[] = [["p/1.jpg", "old"], ["p/1.cls", "1"], ["p/1.jpg", "new"], ["p/1.cls", "0"]];
    expect(await read([samples])).toMatchObject({ domains: { p: [["0.tar#p/1.jpg", 0, "new"]] }, problems: [expect.stringMatching(/^duplicate .*#p\/1\.jpg: /), expect.stringMatching(/^duplicate .*#p\/1\.cls: is there 2 times/)] });
  });

  test("names of other archives are others", async () => {
    expect(await read([items.slice(0, 2), items.slice(0, 1)])).toMatchObject({ problems: [], domains: { photo: [{}, {}, {}] } });
  });

  test("training takes the last, with a note", async () => {
    await withTree({ "a.tar": await makeTar(items) }, async (folder) => {
      const { domains, notes } = await domainTar(path.join(folder, "a.tar"));
      expect([domains[0]!.length, notes]).toEqual([2, [`${path.join(folder, "a.tar")}#photo/dog/1.jpg: ${REPEATED}`]]);
    });
  });
});

describe("refuses, naming the entry,", () => {
  const IMAGE: TarItem = ["photo/dog/1.jpg", "1"];
  const refuse = async (bytes: Buffer, message: RegExp) => {
    await withTree({ "a.tar": bytes }, (folder) => expectRejection(() => domainTar(path.join(folder, "a.tar")), "ERR_DATA", message));
  };

  test.each<[string, TarItem, RegExp]>([
    ["names that lead upwards", ["photo/../../etc/x.jpg", ""], /a\.tar#photo\/\.\.\/\.\.\/etc\/x\.jpg: points outside of the archive: its name leads upwards/],
    ["with backslashes too", ["photo\\..\\..\\x.jpg", ""], /leads upwards/],
    ["absolute names", ["/etc/passwd", ""], /a\.tar#\/etc\/passwd: points outside of the archive: its name is absolute/],
    ["drive letters", ["C:\\x.jpg", ""], /its name is absolute/],
    ["symbolic links", [{ name: "photo/dog/l.jpg", type: "symlink", linkname: "/etc/passwd" }], /a\.tar#photo\/dog\/l\.jpg: is a link \(to "\/etc\/passwd"\), and links may point anywhere/],
    ["hard links", [{ name: "photo/dog/l.jpg", type: "link", linkname: "photo/dog/1.jpg" }], /is a link \(to "photo\/dog\/1\.jpg"\)/],
    ["devices", [{ name: "photo/dog/zero.jpg", type: "character-device" }], /zero\.jpg: is no file but a character-device/],
    ["pipes", [{ name: "photo/dog/pipe.jpg", type: "fifo" }], /pipe\.jpg: is no file but a fifo/],
  ])("%s", async (_, item, message) => refuse(await makeTar([IMAGE, item]), message));

  test("compressed archives, with the command that helps", async () => {
    await refuse(gzipSync(await makeTar([IMAGE])), /a\.tar: is compressed with gzip, .*decompress it once \(gunzip -k .*a\.tar\)/);
    await refuse(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0]), /compressed with zstd, .*\(zstd -dk /);
  });

  test("what is no archive, is cut short, damaged or holds no image", async () => {
    const whole = await makeTar([IMAGE, ["photo/dog/2.jpg", "x".repeat(3000)]]);
    await refuse(Buffer.alloc(0), /a\.tar: it holds no image/);
    await refuse(await makeTar([["README", "text"]]), /a\.tar: it holds no image/);
    await refuse(Buffer.alloc(2000, 65), /a\.tar: is no sound tar archive, or one cut short: Invalid tar header/);
    await refuse(whole.subarray(0, 3000), /a\.tar: is no sound tar archive, or one cut short: Unexpected end of data/);
    const damaged = Buffer.from(whole);
    damaged[1030]! ^= 1;
    await refuse(damaged, /Invalid tar header/);
    await expectRejection(() => domainTar("/nowhere.tar"), "ERR_DATA", /^\/nowhere\.tar: cannot be read: ENOENT/);
    await expectRejection(() => domainTar("/tmp"), "ERR_DATA", /\/tmp: cannot be read: it is no regular file/);
    await expectRejection(() => domainTar([1] as never), "ERR_ARGUMENT", /domainTar: files: expected the path of a file, or an array of such/);
  });

  // Both were found by the fuzzer, and kept the parser waiting for ever.
  test("a size that is no number, and folders that have one", async () => {
    const reseal = (tar: Buffer, size: string | Buffer): Buffer => {
      tar.set(Buffer.from(size), 124);
      tar.fill(" ", 148, 156);
      tar.write(`${tar.subarray(0, 512).reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0`, 148);
      return tar;
    };
    await refuse(reseal(await makeTar([["photo/dog/1.jpg", "1"]]), Buffer.from([0x90])), /a\.tar: is no sound tar archive, or one cut short: "photo\/dog\/1\.jpg" has a damaged size/);
    await withTree({ "a.tar": reseal(await makeTar([[{ name: "photo/", type: "directory" }], IMAGE]), "00000010000") }, async (folder) => {
      expect((await readTar([path.join(folder, "a.tar")])).collection.domains[0]!.records).toHaveLength(1);
    });
  });

  test("archives that were replaced since they were listed", async () => {
    await withTree({ "a.tar": await makeTar([IMAGE]) }, async (folder) => {
      const file = path.join(folder, "a.tar");
      const [record] = (await readTar([file])).collection.domains[0]!.records;
      const before = record!.image.identity;
      writeFileSync(file, await makeTar([["photo/dog/1.jpg", "other"], ["photo/dog/2.jpg", "x"]]));
      await expectRejection(() => record!.image.read(), "ERR_DATA", /a\.tar: was changed since it was listed; open the data set again/);
      const again = (await readTar([file])).collection.domains[0]!.records.map(({ image }) => image.identity);
      expect(new Set([before, ...again]).size).toBe(3);
    });
  });

  test("a reading that is aborted, with the signal's reason", async () => {
    await withTree({ "a.tar": await makeTar([IMAGE]) }, async (folder) => {
      await expect(readTar([path.join(folder, "a.tar")], {}, { signal: AbortSignal.abort("enough") })).rejects.toBe("enough");
    });
  });
});
