/** The command as a user runs it: the compiled package in a child process. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { runtimeInfo } from "dgsam";
import { afterAll, describe, expect, test, vi } from "vitest";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-compare-"));
afterAll(() => rmSync(folder, { recursive: true }));

// One thread: with more, LibTorch's threads wait for each other where other programs take the cores.
const SMALL = ["--steps", "3", "--targets", "0", "--width", "8", "--batch-size", "4", "--threads", "1"];
/** Runs the command; an object in front is environment variables. */
function run(...args: [Record<string, string>, ...string[]] | string[]) {
  const [first, ...rest] = args;
  const [env, words] = typeof first === "object" ? [first, rest as string[]] : [{}, args as string[]];
  return spawnSync(process.execPath, [MAIN, ...words], { encoding: "utf8", timeout: 120_000, env: { ...process.env, DGSAM_DEBUG: "", ...env } });
}

interface Results {
  complete: boolean;
  runs: { medianStepSeconds: number; accuracy: number }[];
}
const read = (out: string) => JSON.parse(readFileSync(path.join(out, "results.json"), "utf8")) as Results;
const withoutTimes = (results: Results) => results.runs.map((each) => ({ ...each, medianStepSeconds: 0 }));

describe("dgsam compare", () => {
  test("prints a table, writes results.json, and repeats itself", { timeout: 180_000 }, () => {
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

  test("--json prints the file and nothing else, versions, threads and settings are in it", () => {
    const out = path.join(folder, "json");
    const { stdout } = run("compare", "--json", ...SMALL, "--algorithms", "DGSAM", "--seed", "5", "--rho", "0", "--lr", "0.01", "--out", out);
    expect(stdout).toBe(readFileSync(path.join(out, "results.json"), "utf8"));
    const { version } = runtimeInfo();
    expect(JSON.parse(stdout)).toMatchObject({
      complete: true, dgsam: "0.1.0", libtorch: version, node: process.version, threads: 1, cpu: expect.any(String) as string,
      config: { dataset: "RotatedMNIST", algorithms: ["DGSAM"], targets: ["0"], seed: 5, steps: 3, batchSize: 4, lr: 0.01, rho: 0, selection: "last step" },
      runs: [{ algorithm: "DGSAM", seed: 5, idealCost: 1.2 }], summary: [{ algorithm: "DGSAM", cost: null }],
    });
  });

  test.each([["SIGINT", 130], ["SIGTERM", 143]] as const)("%s is heard within a step: exit status %i, and a valid file", async (signal, expected) => {
    const out = path.join(folder, signal);
    const child = spawn(process.execPath, [MAIN, "compare", ...SMALL, "--algorithms", "ERM,DGSAM", "--steps", "100000", "--out", out], { stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    // The file is there when training is about to begin, and the handlers with it.
    await vi.waitFor(() => read(out), { timeout: 50_000, interval: 100 });
    child.kill(signal);
    expect(await ended).toBe(expected);
    expect(stderr).toBe(`Interrupted: 0 finished runs are in ${path.join(out, "results.json")}\n`);
    expect(read(out)).toMatchObject({ complete: false, runs: [] });
  });

  test("what cannot be written ends it before training", () => {
    const file = path.join(folder, "a-file");
    writeFileSync(file, "");
    const { status, stderr } = run("compare", ...SMALL, "--out", file);
    expect(stderr).toMatch(/^dgsam: cannot write .*results\.json: E.*; choose another folder\n$/);
    expect(status).toBe(1);
  });

  test.each([
    [["--targets", "7"], /^dgsam: leaveOneDomainOut: target: expected one of RotatedMNIST's domains "0", "15", .* got the string "7"\n$/],
    [["--targets", "0,0"], /^dgsam: .*targets: .*each once/],
    [["--steps", "0"], /^error: option '--steps <count>' argument '0' is invalid\. Expected an integer of at least 1\.\n$/],
    [["--steps", "1.5"], /Expected an integer of at least 1/],
    [["--seed", ""], /Expected an integer of at least 0/],
    [["--seed", "4294967296"], /^dgsam: .*seed: expected an integer from 0 to 4294967295/],
    [["--lr", "0"], /Expected a number above 0/],
    [["--rho", "-1"], /Expected a number of at least 0/],
    [["--algorithms", "SGD"], /Expected names out of ERM, SAM, DGSAM/],
    [["--width", "12"], /^dgsam: MnistCnn: width: expected a multiple of 8, got the number 12\n$/],
    [["--data", "/nowhere"], /^dgsam: .*\/nowhere/],
    [["--stepz", "1"], /Did you mean --steps/],
    [["leftover"], /too many arguments/],
  ])("compare %j is one clear line", (args, text) => {
    const out = path.join(folder, "never");
    const { status, stdout, stderr } = run("compare", "--out", out, ...args);
    expect(stderr).toMatch(text);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stdout).toBe("");
    expect(status).toBe(1);
    expect(existsSync(out)).toBe(false);
  });

  test("DGSAM_DEBUG shows the stack", () => {
    const { status, stderr } = run({ DGSAM_DEBUG: "1" }, "compare", "--targets", "7");
    expect(stderr).toMatch(/DgsamError: .*\n\s+at /);
    expect(status).toBe(1);
  });
});
