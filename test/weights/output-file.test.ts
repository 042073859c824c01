/** What lies where a file is written: it was once replaced whatever it was, a device and a pipe, too. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readlinkSync, statSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { loadWeights, ones, saveWeights, writeNpy, writeNpz, writeSafetensors, zeros } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "../data/errors.js";
import { writeAtomically } from "../../lib/weights/output-file.js";
import { expectTensors, withFolder } from "./files.js";

const WRITERS = {
  saveWeights: (path: string) => saveWeights(path, { a: ones([2]) }),
  writeSafetensors: (path: string) => writeSafetensors(path, { a: ones([2]) }),
  writeNpz: (path: string) => writeNpz(path, { a: ones([2]) }),
  writeNpy: (path: string) => writeNpy(path, ones([2])),
};
const modeOf = (path: string): number => statSync(path).mode & 0o7777;

describe.each(Object.entries(WRITERS))("%s", (_, write) => {
  test("leaves a pipe and a folder as they are", () => withFolder((path) => {
    expect(spawnSync("mkfifo", [path("pipe")]).status).toBe(0);
    mkdirSync(path("folder"));
    symlinkSync("pipe", path("link"));
    for (const name of ["pipe", "folder", "link", "folder/.."]) expectError(() => write(path(name)), "ERR_DATA", /cannot write .*: it is no regular file/);
    expectError(() => write(path("new/")), "ERR_ARGUMENT", /^path: expected the path of a file/);
    expect([lstatSync(path("pipe")).isFIFO(), readdirSync(path("")).sort()]).toEqual([true, ["folder", "link", "pipe"]]);
  }));

  test("writes through symbolic links, beside the file that they name", () => withFolder((path) => {
    for (const folder of ["real", "links"]) mkdirSync(path(folder));
    writeFileSync(path("real/file"), "old");
    symlinkSync("../real/file", path("links/one"));
    symlinkSync(path("links/one"), path("two"));
    symlinkSync("real/made", path("three"));
    symlinkSync("links", path("folder"));
    for (const name of ["links/one", "two", "three", "folder/one"]) {
      for (const file of ["file", "made"]) if (existsSync(path(`real/${file}`))) writeFileSync(path(`real/${file}`), "old");
      write(path(name));
      expect(statSync(path(name)).size).toBeGreaterThan(50);
    }
    expect([readlinkSync(path("links/one")), readlinkSync(path("two")), readlinkSync(path("three"))]).toEqual(["../real/file", path("links/one"), "real/made"]);
    expect([readdirSync(path("real")).sort(), readdirSync(path("links"))]).toEqual([["file", "made"], ["one"]]);
  }));

  test("keeps a file's mode, and gives new ones the usual", () => withFolder((path) => {
    writeFileSync(path("usual"), "");
    write(path("new"));
    expect(modeOf(path("new"))).toBe(modeOf(path("usual")));
    for (const mode of [0o600, 0o640, 0o666, 0o444]) {
      writeFileSync(path("w"), "");
      chmodSync(path("w"), mode);
      write(path("w"));
      expect(modeOf(path("w"))).toBe(mode);
      unlinkSync(path("w"));
    }
  }));
});

test("a file that is kept from others is kept from them while it is written, too", () => withFolder((path) => {
  writeFileSync(path("w"), "", { mode: 0o600 });
  writeAtomically(path("w"), (file) => {
    expect(readdirSync(path("")).map((name) => modeOf(path(name)))).toEqual([0o600, 0o600]);
    file.write(Buffer.of(1));
  });
}));

test("links in a circle are refused", () => withFolder((path) => {
  symlinkSync("b", path("a"));
  symlinkSync("a", path("b"));
  expectError(() => saveWeights(path("a"), {}), "ERR_DATA", /cannot write .*a: too many symbolic links/);
}));

test.runIf(process.getuid?.() === 0)("root's writing leaves a file to its owner", () => withFolder((path) => {
  writeFileSync(path("w"), "");
  spawnSync("chown", ["1234:2345", path("w")]);
  saveWeights(path("w"), { a: zeros([1]) });
  expect([statSync(path("w")).uid, statSync(path("w")).gid]).toEqual([1234, 2345]);
  expectTensors(loadWeights(path("w")), { a: zeros([1]) });
}));
