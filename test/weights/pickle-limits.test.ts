/**
 * Small files that would have very much made of them: they ended Node with "Fatal JavaScript invalid size error", filled its heap, went beyond
 * V8's 2^24 entries of a Map, or never ended.
 */
import { closeSync, mkdtempSync, openSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readPyTorch } from "dgsam";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectError } from "../data/errors.js";
import { legacyFile, pickled, zip, type Pickled } from "./pickles.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dgsam-limits-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
const path = (name: string): string => join(folder, name);

const many = (code: string, count: number): Pickled => ["raw", Buffer.alloc(code.length * count, code, "latin1")];

/** A mark, and as many different numbers. */
function numbers(count: number): Pickled {
  const bytes = Buffer.alloc(1 + 5 * count, "(");
  for (let i = 0; i < count; i++) {
    bytes[1 + 5 * i] = 0x4a;
    bytes.writeInt32LE(i, 2 + 5 * i);
  }
  return ["raw", bytes];
}

describe("a pickle is refused that would have made of it", () => {
  test.each<[title: string, items: readonly Pickled[]]>([
    ["a stack of 17 million values", [many("N", 17e6)]], ["2 million dicts", [many("}", 2e6)]], ["6 million lists", [many("]", 6e6)]], ["a memo of 6 million", [null, many("\x94", 6e6)]],
    ["a set of 6 million", [["\x8f"], numbers(6e6), ["\x90"]]], ["a frozen set of 6 million", [numbers(6e6), ["\x91"]]], ["a dict of 5.6 million", [numbers(11.2e6), ["d"]]],
    ["17 million marks", [many("(", 17e6)]], ["nothing by 17 million steps", [many("N0", 8.5e6), null]], ["nothing by 9 million protocols", [many("\x80\x02", 17e6), null]],
    ["4 million times no bytes", [many("C\0", 4e6)]], ["calls of 100,000 arguments", [["global", "argparse Namespace"], ["q", 0], numbers(100_000), ["t"], ["q", 1], many("h\0h\x01\x81", 300)]],
    ["1.6 million namespaces", [["global", "argparse Namespace"], ["q", 0], [")"], ["q", 1], many("h\0h\x01\x81", 1.6e6)]],
  ])("%s", (_, items) => {
    writeFileSync(path("zip"), zip([["a/data.pkl", pickled(...items)]]));
    expectError(() => readPyTorch(path("zip")), "ERR_DATA", /zip: its pickle makes too much: it goes beyond 16777216 steps and values\. Store the weights alone/);
  });

  test("a stack of 120 million values, of 120 kB; and of the older form", () => {
    const pickle = pickled(many("N", 120e6));
    const file = zip([["a/data.pkl", pickle, { method: 8 }]]);
    expect(file.length).toBeLessThan(120_000);
    writeFileSync(path("zip"), file);
    expectError(() => readPyTorch(path("zip")), "ERR_DATA", /zip: its pickle makes too much/);
    writeFileSync(path("legacy"), legacyFile(pickle, pickled(["]"]), Buffer.alloc(0)));
    expectError(() => readPyTorch(path("legacy")), "ERR_DATA", /legacy: its pickle makes too much/);
  });

  test("a text that JavaScript's strings cannot hold", () => {
    writeFileSync(path("text"), legacyFile(Buffer.from("80025800008023", "hex"), Buffer.alloc(0), Buffer.alloc(0)));
    // A hole, which takes no room on the disk.
    truncateSync(path("text"), 600e6);
    expectError(() => readPyTorch(path("text")), "ERR_DATA", /its pickle has a text of 595591168 bytes, and JavaScript's strings hold \d+/);
  });

  test("texts that fill the heap together", () => {
    const descriptor = openSync(path("texts"), "w");
    writeSync(descriptor, legacyFile(Buffer.from("80025800000010", "hex"), Buffer.alloc(0), Buffer.alloc(0)));
    const { size } = statSync(path("texts"));
    for (let i = 1; i < 4; i++) writeSync(descriptor, Buffer.from("5800000010", "hex"), 0, 5, size + i * (2 ** 28 + 5) - 5);
    closeSync(descriptor);
    truncateSync(path("texts"), 1.5e9);
    expectError(() => readPyTorch(path("texts")), "ERR_DATA", /its pickle makes too much/);
  });
});

test("a million numbers, and as many entries of a dict, are read", () => {
  writeFileSync(path("zip"), zip([["a/data.pkl", pickled(["("], numbers(1e6), ["l"], numbers(2e6), ["d"], ["t"])]]));
  const [list, dict] = readPyTorch(path("zip")) as [number[], Map<number, number>];
  expect([list.length, list.at(-1), dict.size, dict.get(1_999_998)]).toEqual([1e6, 999_999, 1e6, 1_999_999]);
});
