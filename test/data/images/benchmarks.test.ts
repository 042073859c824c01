import { symlinkSync } from "node:fs";
import path from "node:path";
import { domainNet, officeHome, pacs, terraIncognita, vlcs } from "dgsam";
import { describe, expect, test } from "vitest";
import { BENCHMARKS, readBenchmark, type Benchmark } from "../../../lib/data/images/benchmarks.js";
import { PACS } from "../pacs.js";
import { expectRejection, withTree, writeTree } from "./files.js";
import { linkDomain, makeStores } from "./many-files.js";

const stores = makeStores();

/** Runs `use` with a folder that holds the benchmark's, with the known numbers or changed ones. */
function withBenchmark<R>({ classes, domains, folders }: Benchmark, counts: Readonly<Record<string, number>>, use: (folder: string) => R | Promise<R>): Promise<R> {
  const numbers = { ...Object.fromEntries(Object.entries(domains).map(([name, [count]]) => [name, count!])), ...counts };
  return withTree({}, (folder) => {
    for (const [domain, count] of Object.entries(numbers)) if (count > 0) linkDomain(stores, path.join(folder, folders[0]!, domain), classes, count);
    return use(folder);
  });
}

test("what is known adds up to what was published", () => {
  const sums = Object.fromEntries(Object.entries(BENCHMARKS).map(([name, { domains }]) => [name, Object.values(domains).map(([count]) => count).reduce((a, b) => a + b, 0)]));
  expect(sums).toEqual({ pacs: 9991, vlcs: 10729, officeHome: 15588, terraIncognita: 24330, domainNet: 586575 });
  expect(Object.values(BENCHMARKS.terraIncognita.domains).reduce((sum, [, first]) => sum + first, 0)).toBe(24788);
  expect(Object.fromEntries(Object.entries(BENCHMARKS).map(([name, { classes }]) => [name, new Set(classes).size]))).toEqual({ pacs: 7, vlcs: 5, officeHome: 65, terraIncognita: 10, domainNet: 345 });
  for (const { classes, domains } of Object.values<Benchmark>(BENCHMARKS)) {
    expect(classes).toEqual([...classes].sort());
    expect(Object.keys(domains)).toEqual(Object.keys(domains).sort());
  }
});

describe("pacs", () => {
  test("takes its folder or the one around it, and numbers all its classes", () =>
    withBenchmark(BENCHMARKS.pacs, {}, (folder) => {
      for (const root of [folder, path.join(folder, "PACS")]) {
        const dataset = pacs(root);
        expect(dataset).toMatchObject({ name: "PACS", classes: BENCHMARKS.pacs.classes, domains: [{ name: "art_painting" }, { name: "cartoon" }, { name: "photo" }, { name: "sketch" }], notes: [] });
      }
    }));

  test("names all that is off at once", () =>
    withBenchmark(BENCHMARKS.pacs, { photo: 1668, cartoon: 2345, sketch: 0, sketches: 7 }, (folder) => {
      writeTree(folder, { "PACS/photo/cat/1.jpg": "" });
      symlinkSync("gone", path.join(folder, "PACS/photo/dog/1.jpg"));
      return expectRejection(() => pacs(folder), "ERR_DATA", new RegExp([
        '^PACS in .*PACS: 6 problems: domain "cartoon" has 2345 images instead of 2344', 'domain "photo" has 1669 images instead of 1670',
        'domain "sketch" is missing \\(\\{ partial: true \\} permits that\\)', 'domain "sketches" does not belong to it', "cat: no class of it", "and 1 more",
        "domainFolder\\(\\) takes any data as they are$",
      ].join("; ")));
    }));

  test("partial permits missing domains, but no missing images, and labels stay those of the whole", () =>
    withBenchmark(BENCHMARKS.pacs, { sketch: 0, art_painting: 0 }, async (folder) => {
      await expectRejection(() => pacs(folder), "ERR_DATA", /2 problems: domain "art_painting" is missing .*; domain "sketch" is missing/);
      expect(pacs(folder, { partial: true }).domains.map(({ name }) => name)).toEqual(["cartoon", "photo"]);
      await expectRejection(() => pacs(folder, { partial: 1 as never }), "ERR_ARGUMENT", /pacs: partial: expected a boolean, got the number 1/);
    }));

  test("a class that no domain at hand has keeps its place", () => {
    const benchmark = { ...BENCHMARKS.pacs, domains: { photo: [2] } };
    return withTree({ "photo/dog/1.jpg": "", "photo/person/1.jpg": "" }, async (folder) => {
      const { collection } = readBenchmark(benchmark, folder, true);
      expect(collection).toMatchObject({ classes: benchmark.classes, domains: [{ records: [{ label: 0 }, { label: 6 }] }] });
      await expectRejection(() => readBenchmark(benchmark, folder, false), "ERR_DATA", /no images of classes elephant, giraffe, guitar, horse, house/);
    });
  });

  test("fewer images with partial are an error, too", () =>
    withTree({ "photo/dog/1.jpg": "" }, (folder) => expectRejection(() => pacs(folder, { partial: true }), "ERR_DATA", /^PACS in .*: domain "photo" has 1 images instead of 1670; domainFolder/)));

  test("where nothing is, it says what was expected", () =>
    withTree({ "else/": "" }, async (folder) => {
      await expectRejection(() => pacs(folder), "ERR_DATA", /^PACS in .*: not found; expected folders "art_painting", "cartoon", "photo", "sketch" there, or in a folder called PACS or kfold$/);
      await expectRejection(() => pacs(3 as never), "ERR_ARGUMENT", /pacs: root: expected a string/);
      await expectRejection(() => pacs(folder, 3 as never), "ERR_ARGUMENT", /pacs: options: expected an object with any of partial, .*, got the number 3/);
    }));

  test.skipIf(PACS === undefined)("the shared data are PACS without sketch", async () => {
    expect(pacs(PACS!, { partial: true }).notes).toEqual([]);
    expect(pacs(path.dirname(PACS!), { partial: true }).domains.length).toBeGreaterThanOrEqual(3);
  });
});

test.each([["vlcs", vlcs], ["officeHome", officeHome], ["terraIncognita", terraIncognita]] as const)("%s takes a folder of the known numbers", (name, read) =>
  withBenchmark(BENCHMARKS[name], {}, (folder) => {
    const { domains, classes } = BENCHMARKS[name];
    expect(read(folder)).toMatchObject({ name: BENCHMARKS[name].name, classes, domains: Object.keys(domains).map((each) => ({ name: each })), notes: [] });
  }));

test("terraIncognita takes the first edition as well", () =>
  withBenchmark(BENCHMARKS.terraIncognita, { location_100: 4879, location_38: 0, location_43: 0, location_46: 0 }, async (folder) => {
    expect(terraIncognita(folder, { partial: true }).domains).toHaveLength(1);
    await expectRejection(() => terraIncognita(folder), "ERR_DATA", /domain "location_38" is missing/);
  }));

test("domainNet names a class that it does not have", () =>
  withTree({ "domain_net/clipart/aircraft carrier/1.jpg": "" }, (folder) =>
    expectRejection(() => domainNet(folder, { partial: true }), "ERR_DATA", /^DomainNet in .*domain_net: 2 problems: domain "clipart" has 1 images instead of 48129; aircraft carrier: no class of it/)));
