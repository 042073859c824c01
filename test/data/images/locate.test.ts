import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DgsamError } from "dgsam";
import { afterAll, beforeAll, expect, test } from "vitest";
import { locateData } from "../../../lib/data/images/locate.js";
import { writeTree } from "./files.js";

const folder = mkdtempSync(path.join(tmpdir(), "dgsam-locate-"));
const at = (...names: string[]): string[] => names.map((name) => path.join(folder, name));

beforeAll(() => {
  const files = [
    "shards/a-000.tar", "shards/a-001.tar", "shards/a-010.tar", "shards/b-1.tar", "shards/list.txt", "shards/.hidden.tar", "hub/train-0.parquet", "hub/test-0.parquet", "mixed/x.tar", "mixed/x.parquet",
    "sites/north/ok/1.jpg", "sites/old.tar", "list.csv", "{a,b}.tar", "(c)+.tar", "a.zip",
  ];
  writeTree(folder, Object.fromEntries([...files, "linked/old.tar", "lost/a.tar"].map((name) => [name, ""])));
  symlinkSync(path.join(folder, "sites/north"), path.join(folder, "linked/north"));
  symlinkSync("gone.tar", path.join(folder, "lost/b.tar"));
  symlinkSync("c.tar", path.join(folder, "lost/c.tar"));
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each<[string, string | string[], string, string[]]>([
  ["a folder of domains", "sites", "folder", ["sites"]],
  ["a folder of links to domains, and an archive", "linked", "folder", ["linked"]],
  ["a manifest", "list.csv", "manifest", ["list.csv"]],
  ["links of shards to nothing, of which their reader tells", "lost", "tar", ["lost/a.tar", "lost/b.tar", "lost/c.tar"]],
  ["these by name", ["lost/a.tar", "lost/b.tar", "lost/c.tar"], "tar", ["lost/a.tar", "lost/b.tar", "lost/c.tar"]],
  ["one shard", "shards/a-000.tar", "tar", ["shards/a-000.tar"]],
  ["several, as they come", ["shards/b-1.tar", "shards/a-000.tar"], "tar", ["shards/b-1.tar", "shards/a-000.tar"]],
  ["a folder of shards", "shards", "tar", ["shards/a-000.tar", "shards/a-001.tar", "shards/a-010.tar", "shards/b-1.tar"]],
  ["a folder of Parquet files", "hub", "parquet", ["hub/test-0.parquet", "hub/train-0.parquet"]],
  ["numbers with zeros before", "shards/a-{000..001}.tar", "tar", ["shards/a-000.tar", "shards/a-001.tar"]],
  ["numbers without", "shards/b-{1..1}.tar", "tar", ["shards/b-1.tar"]],
  ["alternatives, twice", "shards/{a-0,a-0}{0,1}0.tar", "tar", ["shards/a-000.tar", "shards/a-010.tar", "shards/a-000.tar", "shards/a-010.tar"]],
  ["a star", "shards/a-*.tar", "tar", ["shards/a-000.tar", "shards/a-001.tar", "shards/a-010.tar"]],
  ["a question mark", "shards/a-00?.tar", "tar", ["shards/a-000.tar", "shards/a-001.tar"]],
  ["braces and a star", "{shards,shards}/b*.tar", "tar", ["shards/b-1.tar", "shards/b-1.tar"]],
  ["a file of that very name", "{a,b}.tar", "tar", ["{a,b}.tar"]],
  ["signs of regular expressions", "(c)*.tar", "tar", ["(c)+.tar"]],
])("%s", (_, data, kind, files) => {
  const names = typeof data === "string" ? path.join(folder, data) : at(...data);
  expect(locateData(names)).toEqual({ kind, files: at(...files) });
});

test.each<[string | string[], RegExp]>([
  ["none", /none: cannot be read: ENOENT/],
  ["list.csv/x", /list\.csv\/x: cannot be read: ENOTDIR/],
  ["list.csv/{a,b}.tar", /list\.csv\/\{a,b\}\.tar: cannot be read: ENOTDIR/],
  ["n".repeat(300), /cannot be read: ENAMETOOLONG/],
  ["a.zip", /a\.zip: expected a folder, or a file whose name ends with \.csv, /],
  ["shards/a-{000..003}.tar", /a-002\.tar: cannot be read: ENOENT/],
  ["shards/c*.tar", /c\*\.tar: no file of .*shards is called so/],
  ["nowhere/*.tar", /\*\.tar: cannot be read: ENOENT/],
  ["mixed", /expected one folder, one manifest, or several files that all end with \.parquet or all with \.tar, got parquet and tar/],
  [["list.csv", "list.csv"], /expected one folder, .*, got manifest$/],
  [["sites", "shards"], /expected one folder, .*, got folder and tar$/],
  ["{1..0}.tar", /\{1\.\.0\}: expected a first number and a last one/],
  ["{0..999999999}.tar", /at most 100000 apart/],
  ["{0..9999}{0..9999}.tar", /stands for 100000000 files, more than 100000/],
  [[], /no data are named/],
])("%j is refused", (data, message) => {
  const error = (() => { try { return locateData(typeof data === "string" ? path.join(folder, data) : at(...data)); } catch (cause) { return cause; } })();
  expect(error).toBeInstanceOf(DgsamError);
  expect(error).toMatchObject({ code: "ERR_DATA", message: expect.stringMatching(message) as string });
});
