/** What `npm run bench` refuses before it measures anything. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const RUN = fileURLToPath(new URL("../../bench/run.mjs", import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-bench-"));
afterAll(() => rmSync(folder, { recursive: true }));

const bench = (args: string[], env: Record<string, string> = {}) => spawnSync(process.execPath, [RUN, ...args], { encoding: "utf8", timeout: 50_000, env: { ...process.env, ...env } });

test.each([
  [["--only", "speed"], /^bench: --only: expected a part of memory, operators, steps, got "speed"\n$/],
  [["--threads", "0"], /^bench: --threads: expected an integer from 1 to 1024, got "0"\n$/],
  [["--threads", ""], /^bench: --threads: /],
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
