import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { ResultsFile } from "dgsam";
import { expect, test } from "vitest";
import { expectError } from "../optim/support.js";
import { RECORDS } from "./records.js";

const ABOUT = { dgsam: "0", libtorch: "0", node: "0", cpu: "none", threads: 1, config: {} };

test("the results file is valid from the start, and nothing else stays in its folder", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-results-"));
  try {
    const file = new ResultsFile(path.join(folder, "new"), ABOUT);
    const read = () => JSON.parse(readFileSync(file.path, "utf8")) as { complete: boolean; runs: unknown[]; summary: unknown[] };
    expect(read()).toMatchObject({ complete: false, runs: [] });
    file.add(RECORDS[0]!);
    expect(read().summary).toHaveLength(1);
    file.finish();
    expect(read().complete).toBe(true);
    expect(readdirSync(path.dirname(file.path))).toEqual(["results.json"]);
    writeFileSync(path.join(folder, "a-file"), "");
    expectError(() => new ResultsFile(path.join(folder, "a-file"), ABOUT), "ERR_DATA", /^cannot write .*a-file.results\.json: E\w+: .*; choose another folder$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what another comparison found is kept, and so is what somebody else wrote", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-results-"));
  try {
    const text = (name: string) => readFileSync(path.join(folder, name), "utf8");
    const first = new ResultsFile(folder, ABOUT);
    expect(first.kept).toBeNull();
    // Without a run it is worth nothing.
    const second = new ResultsFile(folder, ABOUT);
    expect(second.kept).toBeNull();
    second.add(RECORDS[0]!);
    const found = text("results.json");
    const third = new ResultsFile(folder, ABOUT);
    expect(third.kept).toBe(path.join(folder, "results.1.json"));
    expect(text("results.1.json")).toBe(found);
    expect(JSON.parse(text("results.json"))).toMatchObject({ complete: false, runs: [] });
    writeFileSync(path.join(folder, "results.json"), "my own");
    expect(new ResultsFile(folder, ABOUT).kept).toBe(path.join(folder, "results.2.json"));
    expect([text("results.1.json"), text("results.2.json")]).toEqual([found, "my own"]);
    expect(readdirSync(folder).sort()).toEqual(["results.1.json", "results.2.json", "results.json"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("what is no folder, settings or record is refused", () => {
  expectError(() => new (ResultsFile as new () => ResultsFile)(), "ERR_ARGUMENT", /^ResultsFile: folder: expected the path of a folder, got undefined$/);
  expectError(() => new ResultsFile("", ABOUT), "ERR_ARGUMENT", /got the string ""$/);
  expectError(() => new ResultsFile("results", null as never), "ERR_ARGUMENT", /^ResultsFile: about: expected versions, machine and settings, got null$/);
  const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-results-"));
  try {
    const file = new ResultsFile(folder, ABOUT);
    expectError(() => file.add({} as never), "ERR_ARGUMENT", /^ResultsFile\.add\(record\): algorithm: expected a string, got undefined$/);
    expect(file.results.runs).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a folder that the system does not allow is an error and no endless loop", () => {
  expectError(() => new ResultsFile("/proc/x/y", ABOUT), "ERR_DATA", /^cannot write \/proc\/x\/y\/results\.json: ENOENT.*; choose another folder$/);
});
