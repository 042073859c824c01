/** What `npm run bench` refuses before it measures anything, and what a row looks like. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { hasTorch, python } from "../reference/oracle.js";

const RUN = fileURLToPath(new URL("../../bench/run.mjs", import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-bench-"));
afterAll(() => rmSync(folder, { recursive: true }));

const bench = (args: string[], env: Record<string, string> = {}) => spawnSync(process.execPath, [RUN, ...args], { encoding: "utf8", timeout: 160_000, env: { ...process.env, ...env } });

test.each([
  [["--only", "speed"], /^bench: --only: expected a part of memory, operators, optimizers, steps, family, captured, models, loading, got "speed"\n$/],
  [["--threads", "0"], /^bench: --threads: expected an integer from 1 to 1024, got "0"\n$/],
  [["--threads", ""], /^bench: --threads: /],
  [["--seconds", "0"], /^bench: --seconds: expected a number above 0, at most 3600, got "0"\n$/],
  [["--seconds", "short"], /^bench: --seconds: /],
  [["--jsn", "x"], /^bench: Unknown option '--jsn'.*; npm run bench -- \[--json FILE\].*\n$/],
  [["--json"], /^bench: Option '--json <value>' argument missing; .*\n$/],
  [["--json", "/nowhere/rows.json"], /^bench: ENOENT.*\/nowhere\/rows\.json.*\n$/],
])("%j is one line", (args, text) => {
  const { status, stdout, stderr } = bench(args);
  expect(stderr).toMatch(text);
  expect(stdout).toBe("");
  expect(status).toBe(1);
});

test("a Python that is named and has no torch is an error, after the file was opened", () => {
  const json = path.join(folder, "rows.json");
  const { status, stdout, stderr } = bench(["--only", "operators", "--json", json], { DGSAM_PYTHON: "/bin/false" });
  expect(stderr).toMatch(/^bench: DGSAM_PYTHON: \/bin\/false cannot import torch 2\.\S+\n$/);
  expect(stdout).toBe("");
  expect(status).toBe(1);
  expect(existsSync(json)).toBe(true);
});

test.runIf(hasTorch)("rows come as a table, and with all digits as JSON", { timeout: 170_000 }, () => {
  const json = path.join(folder, "optimizers.json");
  const { status, stdout, stderr } = bench(["--only", "optimizers", "--markdown", "--seconds", "0.001", "--threads", "1", "--json", json], { DGSAM_PYTHON: python });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  const [machine, blank, head, rule, ...table] = stdout.trimEnd().split("\n");
  expect(machine).toMatch(/^Node v\S+, 1 threads, PyTorch 2\.\S+$/);
  expect([blank, head, rule]).toEqual(["", "| row | value | goal | |", "| --- | --- | --- | --- |"]);
  const { rows } = JSON.parse(readFileSync(json, "utf8")) as { rows: { name: string; value: number; goal: number; pass: boolean }[] };
  expect(rows.map(({ name }) => name)).toContain("MLP 64-64-64-64-10: SGD with momentum alone / PyTorch's");
  expect(table).toEqual(rows.map(({ name, value, goal, pass }) => `| ${name} | ${value.toFixed(3)} | ${goal} | ${pass ? "pass" : "MISS"} |`));
  for (const { name, value, goal, pass } of rows) {
    expect(value, name).toBeGreaterThan(0);
    expect(pass).toBe(value <= goal);
  }
});
