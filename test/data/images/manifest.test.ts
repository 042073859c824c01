import path from "node:path";
import { domainManifest } from "dgsam";
import { describe, expect, test } from "vitest";
import { readManifest } from "../../../lib/data/images/manifest.js";
import { expectRejection, withTree } from "./files.js";

const IMAGES = { "img/1.jpg": "1", "img/2.jpg": "2", "img/3, or \"so\".jpg": "3" };
const read = (content: string | Uint8Array, options = {}, name = "list.csv") => withTree({ ...IMAGES, [name]: content }, (folder) => {
  const { collection, problems } = readManifest(path.join(folder, name), options);
  return {
    classes: collection.classes, problems: problems.map(({ kind, path: where, message }) => `${kind} ${path.basename(where)}: ${message.replaceAll(folder, "")}`),
    domains: Object.fromEntries(collection.domains.map((domain) => [domain.name, domain.records.map(({ image, label, split }) => [path.relative(folder, image.path), label, ...(split === undefined ? [] : [split])])])),
  };
});

const EXPECTED = { classes: ["cat", "dog"], problems: [], domains: { a: [["img/2.jpg", 0]], b: [["img/1.jpg", 1], ["img/3, or \"so\".jpg", 0]] } };

describe("reads", () => {
  test.each([
    ["CSV", "path,label,domain\nimg/1.jpg,dog,b\nimg/2.jpg,cat,a\n\"img/3, or \"\"so\"\".jpg\",cat,b\n", "list.csv"],
    ["a byte order mark, CRLF, other columns and order, empty lines", "\ufeffid,Domain,PATH,label,id\r\n7,b,img/1.jpg,dog,1\r\n\r\n8,a,img/2.jpg,cat,2\r\n9,b,\"img/3, or \"\"so\"\".jpg\",cat,3", "list.txt"],
    ["JSON", JSON.stringify([{ path: "img/1.jpg", label: "dog", domain: "b" }, { path: "img/2.jpg", label: "cat", domain: "a", more: [1] }, { path: "img/3, or \"so\".jpg", label: "cat", domain: "b" }]), "list.json"],
    ["JSON lines", '{"path":"img/1.jpg","label":"dog","domain":"b"}\n\n{"path":"img/2.jpg","label":"cat","domain":"a"}\r\n{"path":"img/3, or \\"so\\".jpg","label":"cat","domain":"b"}', "list.jsonl"],
    ["JSON lines in a file of another name", '{"path":"img/1.jpg","label":"dog","domain":"b"}\n{"path":"img/2.jpg","label":"cat","domain":"a"}\n{"path":"img/3, or \\"so\\".jpg","label":"cat","domain":"b"}', "list"],
  ])("%s", async (_, content, name) => expect(await read(content, {}, name)).toEqual(EXPECTED));

  test("paths relative to another root, and absolute ones", () =>
    withTree({ "data/1.jpg": "", "lists/m.csv": "path,label,domain\n1.jpg,c,d\n" }, (folder) => {
      const file = path.join(folder, "lists/m.csv");
      expect(domainManifest(file, { root: path.join(folder, "data") })).toMatchObject({ name: "m", classes: ["c"], domains: [{ name: "d" }], notes: [] });
      expect(readManifest(file, { root: path.join(folder, "data") }).collection.domains[0]!.records[0]!.image.path).toBe(path.join(folder, "data/1.jpg"));
    }));

  test("integer labels as indices: their own names, or those of the option classes", async () => {
    const list = "path,label,domain\nimg/1.jpg,2,b\nimg/2.jpg,0,a\n";
    expect(await read(list)).toMatchObject({ classes: ["0", "1", "2"], domains: { a: [["img/2.jpg", 0]], b: [["img/1.jpg", 2]] } });
    expect(await read(list, { classes: ["x", "y", "z"] })).toMatchObject({ classes: ["x", "y", "z"], domains: { a: [["img/2.jpg", 0]], b: [["img/1.jpg", 2]] } });
    expect(await read(list, { classes: ["2", "0"] })).toMatchObject({ classes: ["2", "0"], domains: { a: [["img/2.jpg", 1]], b: [["img/1.jpg", 0]] } });
    expect(await read(JSON.stringify([{ path: "img/1.jpg", label: 1, domain: 5 }]), {}, "list.json")).toMatchObject({ classes: ["0", "1"], domains: { 5: [["img/1.jpg", 1]] } });
    expect(await read("path,label,domain\nimg/1.jpg,2,b\nimg/2.jpg,two,a\n")).toMatchObject({ classes: ["2", "two"] });
  });

  test("whole numbers as other programs write them: with a fraction of nothing, or a sign", async () => {
    const list = "path,label,domain\nimg/1.jpg,2.0,b\nimg/2.jpg,+1,a\n\"img/3, or \"\"so\"\".jpg\",-0,b\n";
    expect(await read(list)).toEqual({ classes: ["0", "1", "2"], problems: [], domains: { a: [["img/2.jpg", 1]], b: [["img/1.jpg", 2], ["img/3, or \"so\".jpg", 0]] } });
    expect(await read(list, { classes: ["x", "y", "z"] })).toMatchObject({ classes: ["x", "y", "z"], domains: { a: [["img/2.jpg", 1]], b: [["img/1.jpg", 2], ["img/3, or \"so\".jpg", 0]] } });
    expect(await read(list, { classes: ["2", "1", "0"] })).toMatchObject({ problems: [], domains: { a: [["img/2.jpg", 1]], b: [["img/1.jpg", 0], ["img/3, or \"so\".jpg", 2]] } });
    expect(await read("path,label,domain\nimg/1.jpg,2.0,b\nimg/2.jpg,1.0,a\n", { classes: ["2.0", "1.0"] })).toMatchObject({ problems: [], domains: { a: [["img/2.jpg", 1]], b: [["img/1.jpg", 0]] } });
    // Among words, and with zeros before, they are names as they stand there.
    expect(await read("path,label,domain\nimg/1.jpg,2.0,b\nimg/2.jpg,-1,a\n\"img/3, or \"\"so\"\".jpg\",cat,b\n")).toMatchObject({ classes: ["-1", "2.0", "cat"], problems: [] });
    expect(await read("path,label,domain\nimg/1.jpg,02,b\nimg/2.jpg,1,a\n")).toMatchObject({ classes: ["02", "1"], problems: [] });
  });

  test("names in the order of the option classes, absent ones too", async () => {
    expect(await read("path,label,domain\nimg/1.jpg,dog,b\n", { classes: ["eel", "dog"] })).toMatchObject({ classes: ["eel", "dog"], domains: { b: [["img/1.jpg", 1]] } });
  });

  test("one part of the data, with the labels of the whole", () =>
    withTree({ ...IMAGES, "list.csv": "path,label,domain,split\nimg/1.jpg,dog,b,train\nimg/2.jpg,cat,a,test\n" }, async (folder) => {
      const file = path.join(folder, "list.csv");
      const dataset = domainManifest(file, { split: "train" });
      expect(dataset).toMatchObject({ classes: ["cat", "dog"], domains: [{ name: "b" }] });
      expect(dataset.notes).toEqual([expect.stringMatching(/list\.csv: domain "b" has no image of class "cat"/)]);
      await expectRejection(() => domainManifest(file, { split: "val" }), "ERR_DATA", /nothing is in the split "val"; the parts are "test", "train"/);
      await expectRejection(() => domainManifest(file, { split: 1 as never }), "ERR_ARGUMENT", /split: expected a string/);
    }));

  test("a split where the manifest has none says so", () =>
    withTree({ ...IMAGES, "list.csv": "path,label,domain\nimg/1.jpg,dog,b\n" }, (folder) =>
      expectRejection(() => domainManifest(path.join(folder, "list.csv"), { split: "train" }), "ERR_DATA", /no image says what part it belongs to/)));
});

describe("names every mistake with its line:", () => {
  test("empty fields, too many, files that are not there, a folder", async () => {
    const list = "path,label,domain\nimg/1.jpg,,b\n,dog,\nimg/4.jpg,dog,b\nimg,dog,b\nimg/3, or so.jpg,dog,b,\nimg/1.jpg,dog\n";
    expect((await read(list)).problems).toEqual([
      'malformed list.csv#line 2: "label" is empty', 'malformed list.csv#line 3: "path" is empty', 'malformed list.csv#line 3: "domain" is empty',
      "unreadable list.csv#line 4: there is no file /img/4.jpg", "unreadable list.csv#line 5: there is no file /img",
      "malformed list.csv#line 6: has 5 fields, but there are 3 columns; put a text that holds a comma in double quotes",
      'malformed list.csv#line 7: "domain" is missing',
    ]);
  });

  test("a part that only some lines name, labels that are no class, values of other kinds", async () => {
    expect((await read("path,label,domain,split\nimg/1.jpg,dog,b,train\nimg/2.jpg,dog,b,\n")).problems).toEqual(['malformed list.csv#line 3: "split" is empty']);
    expect((await read("path,label,domain\nimg/1.jpg,eel,b\n", { classes: ["dog"] })).problems).toEqual(['malformed list.csv#line 2: the label "eel" is none of the 1 classes']);
    expect((await read("path,label,domain\nimg/1.jpg,9999999999,b\n")).problems[0]).toMatch(/the label "9999999999" is none of the 100000 classes/);
    expect((await read('[7, {"path": "img/1.jpg", "label": {}, "domain": null}]', {}, "l.json")).problems).toEqual([
      "malformed l.json#entry 1: is no object with path, label and domain", 'malformed l.json#entry 2: "label" is neither text nor a number', 'malformed l.json#entry 2: "domain" is empty',
    ]);
  });

  const noIndex = (where: string, label = -1) => `malformed ${where}: the label ${label} is no index, since these begin at 0; leave out images that have no label, or give classes that name each label`;

  test.each<[string, string, string]>([
    ["l.csv", "path,label,domain\nimg/1.jpg,0,b\nimg/2.jpg,-1,a\nimg/1.jpg,1,a\n", noIndex("l.csv#line 3")],
    ["l.csv", "path,label,domain\nimg/1.jpg,0.0,b\nimg/2.jpg,-1.0,a\nimg/1.jpg,1.0,a\n", noIndex("l.csv#line 3")],
    ["l.json", JSON.stringify([0, -1, 1].map((label) => ({ path: "img/1.jpg", label, domain: "ba"[label & 1] }))), noIndex("l.json#entry 2")],
  ])("a negative label among indices, which makes no names of them: %s of %j", async (name, content, problem) => {
    const found = await read(content, {}, name);
    expect(found).toMatchObject({ classes: ["0", "1"], problems: [problem] });
    expect(Object.values(found.domains).flat().map(([, label]) => label).sort()).toEqual([0, 1]);
    expect(await read(content, { classes: ["cat", "dog"] }, name)).toMatchObject({ problems: [problem] });
    await withTree({ ...IMAGES, [name]: content }, (folder) => expectRejection(() => domainManifest(path.join(folder, name)), "ERR_DATA", /the label -1 is no index/));
  });

  test("negative labels alone, and those that the option classes names", async () => {
    const list = "path,label,domain\nimg/1.jpg,-1,b\nimg/2.jpg,-2,a\n";
    expect(await read(list)).toEqual({ classes: [], domains: {}, problems: [noIndex("list.csv#line 2"), noIndex("list.csv#line 3", -2)] });
    expect(await read(list, { classes: ["-2", "-1"] })).toMatchObject({ problems: [], domains: { a: [["img/2.jpg", 0]], b: [["img/1.jpg", 1]] } });
  });

  test("all are counted, the first are listed", () =>
    withTree({ "l.csv": `path,label,domain\n${"no.jpg,a,b\n".repeat(1000)}` }, (folder) =>
      expectRejection(() => domainManifest(path.join(folder, "l.csv")), "ERR_DATA", /l\.csv: 1000 problems: .*#line 2: there is no file .*; .*#line 6: .*no\.jpg; and 995 more$/)));
});

describe("refuses", () => {
  test.each([
    ["l.csv", "file,label\n1.jpg,dog\n", /l\.csv: line 1: missing columns "path", "domain"; the first line must name the columns path, label, domain/],
    ["l.csv", "path;label;domain\n1.jpg;dog;b\n", /l\.csv: line 1: its columns seem to be separated by ";"; commas are expected: path,label,domain$/],
    ["l.txt", "path\tlabel\tdomain\n1.jpg\tdog\tb\n", /l\.txt: line 1: its columns seem to be separated by tabs; commas are expected: path,label,domain$/],
    ["l.csv", "path,label,domain,label\n1.jpg,0,a,1\n", /l\.csv: line 1: names the column "label" 2 times, and it is not told which is meant; expected once: take out or rename the others$/],
    ["l.csv", "path,label,Split,domain,split,SPLIT\n1.jpg,0,train,a,test,\n", /l\.csv: line 1: names the column "split" 3 times/],
    ["l.csv", "", /l\.csv: line 1: missing columns "path", "label", "domain"/],
    ["l.csv", "path,label,domain\n\"1.jpg,dog,a\n", /l\.csv: line 2: is no sound CSV: Quote Not Closed/],
    ["l.csv", "path,label,domain\n", /l\.csv: it holds no image/],
    ["l.json", "[{]", /l\.json: is no sound JSON: /],
    ["l.json", "7", /l\.json: expected an array of objects with path, label and domain/],
    ["l.jsonl", '{"path": "a"}\n{', /l\.jsonl: line 2: is no sound JSON/],
  ])("%s of %j", async (name, content, message) => {
    await withTree({ [name]: content }, (folder) => expectRejection(() => domainManifest(path.join(folder, name)), "ERR_DATA", message));
  });

  test("what is no text, no file, no path, no option", () =>
    withTree({ "l.csv": Buffer.from([0x70, 0xff, 0xfe, 0x0a]) }, async (folder) => {
      await expectRejection(() => domainManifest(path.join(folder, "l.csv")), "ERR_DATA", /l\.csv: is no UTF-8 text/);
      await expectRejection(() => domainManifest(path.join(folder, "none.csv")), "ERR_DATA", /none\.csv: cannot be read: ENOENT/);
      await expectRejection(() => domainManifest(path.join(folder)), "ERR_DATA", /cannot be read: EISDIR/);
      await expectRejection(() => domainManifest(undefined as never), "ERR_ARGUMENT", /domainManifest: file: expected a string, got undefined/);
      await expectRejection(() => domainManifest("l.csv", { classes: "dog" as never }), "ERR_ARGUMENT", /classes: expected an array of different names, got the string "dog"/);
      await expectRejection(() => domainManifest("l.csv", { root: 1 as never }), "ERR_ARGUMENT", /root: expected a string/);
    }));
});
