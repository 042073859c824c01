import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, realpathSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { domainFolder, imageDataset } from "dgsam";
import { describe, expect, test, vi } from "vitest";
import { readDomainFolder, scanDomainFolder } from "../../../lib/data/images/folder.js";
import { PACS } from "../pacs.js";
import { expectRejection, withTree } from "./files.js";
import { linkImages, makeStores, MOST } from "./many-files.js";

const stores = makeStores();

/** The images as DOMAIN: [CLASS/path, ...], and the problems as "kind path", both relative to the root. */
function scan(folder: string) {
  const { collection, problems } = scanDomainFolder(folder);
  const relative = (file: string) => path.relative(folder, file);
  return {
    classes: collection.classes,
    domains: Object.fromEntries(collection.domains.map(({ name, records }) => [name, records.map(({ image, label }) => `${label} ${path.relative(path.join(folder, name), image.path)}`)])),
    problems: problems.map(({ kind, path: where }) => `${kind} ${relative(where)}`).sort(),
  };
}

test("domains are the sorted folders, classes the sorted union, images in torchvision's order", () =>
  withTree({
    "b/dog/2.JPG": "", "b/dog/10.jpeg": "", "b/dog/sub/a.png": "", "b/dog/sub-2/a.webp": "", "b/dog/sub/deep/z.TIF": "", "b/cat/x.tiff": "", "b/cat/y.GIF": "",
    "a/cat/1.jpg": "", "a/dog/1.jpg": "", "Ä/cat/1.jpg": "", "Ä/dog/1.jpg": "", "Z/cat/1.jpg": "", "Z/dog/1.jpg": "",
    "README.md": "", ".git/cat/x.jpg": "", "__MACOSX/a/cat/1.jpg": "", "a/.hidden/x.jpg": "", "a/cat/.DS_Store": "", "a/cat/._1.jpg": "",
  }, (folder) => {
    expect(scan(folder)).toEqual({
      classes: ["cat", "dog"],
      domains: {
        Z: ["0 cat/1.jpg", "1 dog/1.jpg"], a: ["0 cat/1.jpg", "1 dog/1.jpg"],
        // ImageFolder sorts the folders by their whole path: "sub-2" comes before "sub/deep".
        b: ["0 cat/x.tiff", "0 cat/y.GIF", "1 dog/10.jpeg", "1 dog/2.JPG", "1 dog/sub/a.png", "1 dog/sub-2/a.webp", "1 dog/sub/deep/z.TIF"],
        Ä: ["0 cat/1.jpg", "1 dog/1.jpg"],
      },
      problems: [],
    });
    expect(scanDomainFolder(folder).collection.domains.map(({ name }) => name)).toEqual(["Z", "a", "b", "Ä"]);
  }));

test("names beyond the basic plane are sorted as Python does, by code point", () =>
  withTree({ "\u{1f600}/c/1.jpg": "", "\uff21/c/1.jpg": "" }, (folder) => {
    expect(scanDomainFolder(folder).collection.domains.map(({ name }) => name)).toEqual(["\uff21", "\u{1f600}"]);
  }));

test("the order is what torchvision 0.28's ImageFolder gives for the same files", () => {
  const expected = ["cat/Z.png", "cat/x.tiff", "cat/é.png", "dog/10.jpeg", "dog/2.JPG", "dog/SUB/x.jpg", "dog/sub/a.png", "dog/sub/\uff41.jpg", "dog/sub/\u{1f600}.jpg", "dog/sub b/q.png", "dog/sub-2/a.webp", "dog/sub/deep/z.TIF"];
  return withTree(Object.fromEntries(expected.toReversed().map((name) => [`d/${name}`, ""])), (folder) => {
    expect(scanDomainFolder(folder).collection.domains[0]!.records.map(({ image }) => path.relative(path.join(folder, "d"), image.path))).toEqual(expected);
  });
});

test("a class that one domain lacks or has empty is reported, and labels stay", () =>
  withTree({ "a/cat/1.jpg": "", "a/dog/1.jpg": "", "b/dog/1.jpg": "", "b/eel/": "", "c/cat/1.jpg": "", "c/dog/1.jpg": "", "c/eel/1.jpg": "" }, (folder) => {
    expect(scan(folder)).toEqual({
      classes: ["cat", "dog", "eel"],
      domains: { a: ["0 cat/1.jpg", "1 dog/1.jpg"], b: ["1 dog/1.jpg"], c: ["0 cat/1.jpg", "1 dog/1.jpg", "2 eel/1.jpg"] },
      problems: ["empty-class b/eel", "missing-class a", "missing-class b"],
    });
  }));

test("what is no image, and images in no class, are reported and left out", () =>
  withTree({ "a/cat/1.jpg": "", "a/cat/Thumbs.db": "", "a/cat/desktop.ini": "", "a/cat/notes.txt": "", "a/stray.jpg": "", "a/list.txt": "", "b/cat/1.jpg": "" }, (folder) => {
    expect(scan(folder)).toMatchObject({ domains: { a: ["0 cat/1.jpg"] }, problems: ["not-an-image a/cat/notes.txt", "not-an-image a/stray.jpg"] });
  }));

test("pipes and links to devices are reported and left out", () =>
  withTree({ "a/cat/1.jpg": "" }, (folder) => {
    execFileSync("mkfifo", [path.join(folder, "a/cat/pipe.jpg")]);
    symlinkSync("/dev/null", path.join(folder, "a/cat/null.jpg"));
    symlinkSync("pipe.jpg", path.join(folder, "a/cat/to-pipe.jpg"));
    const { collection, problems } = scanDomainFolder(folder);
    expect(collection.domains[0]!.records).toHaveLength(1);
    expect(problems.map(({ kind, path: where, message }) => `${kind} ${path.basename(where)}: ${message}`).sort()).toEqual([
      "not-an-image null.jpg: is a link to a device and no file; it is left out", "not-an-image pipe.jpg: is a pipe and no file; it is left out",
      "not-an-image to-pipe.jpg: is a link to a pipe and no file; it is left out",
    ]);
  }));

describe("links", () => {
  test("to files and folders elsewhere are followed", () =>
    withTree({ "data/a/": "", "data/b/cat/1.jpg": "", "store/cats/7.jpg": "", "store/one.jpg": "" }, (folder) => {
      const data = path.join(folder, "data");
      symlinkSync("../../store/cats", path.join(data, "a/cat"));
      symlinkSync("../../../store/one.jpg", path.join(data, "b/cat/0.jpg"));
      symlinkSync("b", path.join(data, "c"));
      expect(scan(data)).toEqual({ classes: ["cat"], domains: { a: ["0 cat/7.jpg"], b: ["0 cat/0.jpg", "0 cat/1.jpg"], c: ["0 cat/0.jpg", "0 cat/1.jpg"] }, problems: [] });
    }));

  test("in circles are reported and not followed, wherever they lead back to", () =>
    withTree({ "data/a/cat/1.jpg": "", "data/a/cat/deep/2.jpg": "", "outside/y/3.jpg": "" }, (folder) => {
      const data = path.join(folder, "data");
      const link = (target: string, name: string) => symlinkSync(target, path.join(data, name));
      link(".", "a/cat/self");
      link("..", "a/cat/deep/up");
      link("../../..", "a/cat/deep/root");
      link("/", "a/cat/slash");
      link("..", "a/parent");
      link(".", "loop-domain");
      link("itself", "a/cat/itself");
      // Through a folder outside and back.
      link("../../../outside", "a/cat/out");
      symlinkSync(path.join(data, "a/cat"), path.join(folder, "outside/back"));
      const { domains, problems } = scan(data);
      expect(domains).toEqual({ a: ["0 cat/1.jpg", "0 cat/deep/2.jpg", "0 cat/out/y/3.jpg"] });
      expect(problems).toEqual(["a/cat/deep/root", "a/cat/deep/up", "a/cat/itself", "a/cat/out/back", "a/cat/self", "a/cat/slash", "a/parent", "loop-domain"].map((each) => `symlink-loop ${each}`));
    }));

  test("to nothing, and a second way to the same folder, are reported", () =>
    withTree({ "a/cat/one/1.jpg": "" }, (folder) => {
      symlinkSync("gone.jpg", path.join(folder, "a/cat/broken.jpg"));
      symlinkSync("one", path.join(folder, "a/cat/two"));
      expect(scan(folder)).toMatchObject({ domains: { a: ["0 cat/one/1.jpg"] }, problems: ["broken-link a/cat/broken.jpg", "duplicate a/cat/two"] });
    }));

  // Without a memory of folders this would be 2^30 ways.
  test("that branch and meet again do not multiply", { timeout: 5_000 }, () =>
    withTree({ "data/a/cat/1.jpg": "" }, (folder) => {
      for (let i = 0; i < 30; i++) {
        mkdirSync(path.join(folder, `n${i}`));
        for (const name of ["x", "y"]) symlinkSync(path.join(folder, `n${i + 1}`), path.join(folder, `n${i}`, name));
      }
      mkdirSync(path.join(folder, "n30"));
      symlinkSync(path.join(folder, "n0"), path.join(folder, "data/a/cat/n"));
      expect(scan(path.join(folder, "data")).problems).toHaveLength(30);
    }));
});

test("an identity is asked for when it is needed, and differs when path, size or time do", () =>
  withTree({ "a/c/1.jpg": "one", "a/c/2.jpg": "one" }, async (folder) => {
    const [first, second] = readDomainFolder(folder).collection.domains[0]!.records.map(({ image }) => image);
    const before = first!.identity;
    expect(before).toContain(path.join(realpathSync(folder), "a/c/1.jpg"));
    expect(second!.identity).not.toBe(before);
    expect(first!.identity).toBe(before);
    utimesSync(first!.path, 1, 1);
    const touched = first!.identity;
    writeFileSync(first!.path, "longer");
    expect(new Set([before, touched, first!.identity]).size).toBe(3);
    expect(Buffer.from(await first!.read()).toString()).toBe("longer");
    rmSync(first!.path);
    await expectRejection(() => first!.read(), "ERR_DATA", /1\.jpg: cannot be read: ENOENT/);
    await expectRejection(() => first!.identity, "ERR_DATA", /1\.jpg: cannot be read: ENOENT/);
  }));

describe("domainFolder", () => {
  test("gives the data set, with what was odd as notes and one warning", () =>
    withTree({ "plants/a/cat/1.jpg": "", "plants/b/dog/1.jpg": "" }, async (folder) => {
      const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      const dataset = domainFolder(path.join(folder, "plants"));
      expect(dataset).toMatchObject({ name: "plants", classes: ["cat", "dog"], domains: [{ name: "a" }, { name: "b" }] });
      expect(dataset.notes).toEqual([expect.stringMatching(/\/a: domain "a" has no folder of class "dog"$/), expect.stringMatching(/\/b: domain "b" has no folder of class "cat"$/)]);
      const again = imageDataset(dataset.collection, { imageSize: 32 });
      expect(again).toMatchObject({ name: "plants", inputShape: [3, 32, 32], domains: [{ name: "a", length: 1 }, { name: "b", length: 1 }] });
      expect(warned).toHaveBeenCalledOnce();
      expect(warned.mock.calls[0]![0]).toMatchObject({ code: "WARN_DATA", message: expect.stringMatching(/^domainFolder: .*"dog"; .*"cat"$/) as string });
      warned.mockRestore();
    }));

  test("refuses no folder, a folder of nothing, a domain without images", () =>
    withTree({ "empty/": "", "file": "", "data/a/cat/1.jpg": "", "data/splits/train.txt": "", "data/z/cat/": "" }, async (folder) => {
      const at = (name: string) => path.join(folder, name);
      await expectRejection(() => domainFolder(at("none")), "ERR_DATA", /none: cannot be read: ENOENT/);
      await expectRejection(() => domainFolder(at("file")), "ERR_DATA", /file: is no folder; expected one that holds a folder for each domain/);
      await expectRejection(() => domainFolder(at("empty")), "ERR_DATA", /empty: it holds no folders; expected one for each domain/);
      await expectRejection(() => domainFolder(at("data")), "ERR_DATA", /data: 2 problems: .*splits: domain "splits" has no image; .*z: domain "z" has no image; .*every folder counts as a domain: move away what is none/);
      await expectRejection(() => domainFolder(7 as never), "ERR_ARGUMENT", /domainFolder: root: expected a string, got the number 7/);
    }));
});

test("102,300 files are listed in a few times what reading their folders takes", () =>
  withTree({}, (folder) => {
    for (let i = 0; i < 100; i++) linkImages(stores, path.join(folder, `data/domain ${i % 4}/class ${i >> 2}`), MOST);
    const data = path.join(folder, "data");
    const timed = <T>(list: () => T): { made: T; time: number } => {
      const start = performance.now();
      return { made: list(), time: performance.now() - start };
    };
    const { made: { collection }, time } = timed(() => scanDomainFolder(data));
    const folders = new Set(collection.domains.flatMap(({ records }) => records.map(({ image }) => path.dirname(image.path))));
    const plain = timed(() => [...folders].flatMap((each) => readdirSync(each, { withFileTypes: true })));
    expect(plain.made.length).toBeGreaterThanOrEqual(102_300);
    expect(time / plain.time).toBeLessThan(20);
    expect(collection.domains.map(({ records }) => records.length)).toEqual([25_575, 25_575, 25_575, 25_575]);
  }));

test.skipIf(PACS === undefined)("PACS in the shared data is found whole", () => {
  const { collection, problems } = scanDomainFolder(PACS!);
  expect(problems).toEqual([]);
  expect(collection.classes).toEqual(["dog", "elephant", "giraffe", "guitar", "horse", "house", "person"]);
  expect(collection.domains.map(({ name, records }) => [name, records.length])).toEqual(expect.arrayContaining([["art_painting", 2048], ["cartoon", 2344], ["photo", 1670]]));
});
