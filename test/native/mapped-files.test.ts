import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PASSED, runFixture } from "./child.js";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-mapped-"))));
afterAll(() => rmSync(folder, { recursive: true }));

test("what reads a mapped file that was cut short throws, and the process lives", async () => {
  expect(await runFixture("mapped-files", { args: [folder] })).toEqual(PASSED);
});

test("other bus errors end the process as ever", async () => {
  expect(await runFixture("mapped-files", { args: [folder, "kill"] })).toMatchObject({ code: null, signal: "SIGBUS", stderr: "" });
});
