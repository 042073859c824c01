/** The command as a user runs it: the compiled package in a child process. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-compare-"));
afterAll(() => rmSync(folder, { recursive: true }));

const SMALL = ["--steps", "3", "--targets", "0", "--width", "8", "--batch-size", "4"];
const run = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8", timeout: 120_000 });

interface Results {
  complete: boolean;
  runs: { medianStepSeconds: number; accuracy: number }[];
}
const read = (out: string) => JSON.parse(readFileSync(path.join(out, "results.json"), "utf8")) as Results;
const withoutTimes = (results: Results) => results.runs.map((each) => ({ ...each, medianStepSeconds: 0 }));

describe("dgsam compare", () => {
  test("prints a table, writes results.json, and repeats itself", () => {
    const out = path.join(folder, "one");
    const { status, stdout, stderr } = run("compare", ...SMALL, "--out", out);
    expect(stderr).toContain("[3/3] DGSAM, 0 held out");
    expect(status).toBe(0);
    expect(stdout).toMatch(/ERM .*\nSAM .*\(2\.00\)\nDGSAM .*\(1\.20\)/);
    expect(read(out)).toMatchObject({ complete: true, runs: [{ algorithm: "ERM", target: "0", total: 1667 }, { algorithm: "SAM" }, { algorithm: "DGSAM" }] });
    const again = path.join(folder, "two");
    const json = run("compare", ...SMALL, "--json", "--out", again);
    expect(withoutTimes(JSON.parse(json.stdout) as Results)).toEqual(withoutTimes(read(out)));
  });

  test("is interrupted within a step, exits 130, and leaves a valid file", async () => {
    const out = path.join(folder, "interrupted");
    const child = spawn(process.execPath, [MAIN, "compare", "--steps", "100000", "--targets", "0", "--width", "8", "--batch-size", "4", "--out", out], { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    // The file is there once training has begun.
    for (let tries = 0; tries < 600; tries++) {
      try {
        read(out);
        break;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    expect(stderr).toContain("Interrupted: 0 finished runs");
    expect(read(out)).toMatchObject({ complete: false, runs: [] });
  });

  test.each([
    [["compare", ...SMALL.slice(0, 2), "--targets", "7"], 1, /expected one of RotatedMNIST's domains "0", "15"/],
    [["compare", "--steps", "0"], 1, /Expected an integer >= 1/],
    [["compare", "--algorithms", "SGD"], 1, /names out of ERM, SAM, DGSAM/],
    [["compare", "--width", "12", "--steps", "1"], 1, /multiple of 8/],
    [["compare", "--data", "/nowhere"], 1, /\/nowhere/],
    [["compere"], 1, /Did you mean compare/],
    [["compare", "--stepz", "1"], 1, /Did you mean --steps/],
  ])("%j is one clear line", (args, expected, text) => {
    const { status, stderr } = run(...args, ...(args.includes("--out") ? [] : args[0] === "compare" ? ["--out", path.join(folder, "none")] : []));
    expect(stderr).toMatch(text);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(status).toBe(expected);
  });
});
