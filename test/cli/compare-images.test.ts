/** `dgsam compare --data` on images, as a user runs it: the compiled package in a child process. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { CompareResults } from "dgsam";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeImage, makeTar, writeTree } from "../data/images/files.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-compare-images-"));
afterAll(() => rmSync(folder, { recursive: true }));

const run = (...args: string[]) => spawnSync(process.execPath, [MAIN, "compare", ...args, "--threads", "1"], {
  encoding: "utf8", timeout: 120_000, cwd: folder, env: { ...process.env, DGSAM_DEBUG: "", XDG_CACHE_HOME: path.join(folder, "cache") },
});
const runNode = (options: string, ...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8", timeout: 120_000, cwd: folder, env: { ...process.env, NODE_OPTIONS: options } });
const read = (out: string) => JSON.parse(readFileSync(path.join(folder, out, "results.json"), "utf8")) as CompareResults;
const SMALL = ["--model", "wide_resnet16_2", "--image-size", "16", "--steps", "2", "--batch-size", "2"];

beforeAll(async () => {
  const names = ["north", "south", "west"].flatMap((site) => ["ok", "scratch"].flatMap((label) => [1, 2].map((number) => `${site}/${label}/${number}.jpg`)));
  const images = Object.fromEntries(await Promise.all(names.map(async (name, i) => [`sites/${name}`, await makeImage(i)] as const)));
  const cut = images["sites/west/ok/1.jpg"]!.subarray(0, 400);
  writeTree(folder, { ...images, ...Object.fromEntries(Object.entries(images).map(([name, bytes]) => [name.replace("sites", "cut"), bytes])), "cut/west/ok/1.jpg": cut, "alone/north/ok/1.jpg": images["sites/north/ok/1.jpg"]! });
  for (const [at, from] of [["commas/Boston, MA/ok", "north/ok"], ["commas/west/ok", "west/ok"], ["gap/north/ok", "north/ok"], ["gap/west/scratch", "west/scratch"]]) writeTree(folder, { [`${at}/1.jpg`]: images[`sites/${from}/1.jpg`]! });
  const shard = async (domain: string, site: string) => makeTar(["ok", "scratch"].map((label) => [`${domain}/${label}/1.jpg`, images[`sites/${site}/${label}/1.jpg`]!]));
  writeTree(folder, { "shards/0.tar": await shard("north, old", "north"), "shards/1.tar": await shard("south", "south"), "shards/2.tar": await shard("west", "west"), "taken/results.json/": "" });
  const lines = names.map((name) => JSON.stringify({ path: `sites/${name}`, domain: name.split("/")[0], label: name.split("/")[1] }));
  writeFileSync(path.join(folder, "list.ndjson"), lines.join("\n"));
});

describe("dgsam compare --data", () => {
  test("over several seeds, with a bad image left out: reported, counted, and in results.json", () => {
    const { status, stdout, stderr } = run("--data", "cut", ...SMALL, "--targets", "west", "--algorithms", "ERM,DGSAM", "--seeds", "2", "--bad-images", "skip", "--out", "skip");
    expect(stderr).toContain("[12/12] images decoded");
    expect(stderr).toContain("[4/4] DGSAM, west held out, seed 1");
    const bad = path.join(folder, "cut", "west", "ok", "1.jpg");
    expect(stdout).toContain("mean ± standard error over 2 seeds");
    expect(stdout).toContain(`Left out: 1 image that cannot be decoded, such as ${bad} (`);
    expect(stdout).toMatch(/\nDGSAM +\d+\.\d ± \d+\.\d /);
    expect(status).toBe(0);
    expect(read("skip")).toMatchObject({
      complete: true, config: { classes: ["ok", "scratch"], images: { north: 4, south: 4, west: 4 }, imageSize: 16, badImages: "skip", frozenBatchNorm: false },
      runs: [0, 0, 1, 1].map((seed) => ({ seed, target: "west", total: 3 })), skipped: [{ domain: "west", index: 0, path: bad, reason: expect.stringContaining(bad) as string }],
    });
  });

  test("a bad image ends it before training, and what to do is said", () => {
    const { status, stderr } = run("--data", "cut", ...SMALL, "--out", "throw");
    expect(stderr).toMatch(/\ndgsam: .*west\/ok\/1\.jpg: cannot be decoded: .*; dgsam data check lists all such images, --bad-images skip leaves them out\n$/);
    expect([status, existsSync(path.join(folder, "throw"))]).toEqual([1, false]);
  });

  test("on a manifest, by DomainBed's protocol, the same twice", () => {
    const runs = ["one", "two"].map((out) => {
      const { status, stderr } = run("--data", "list.ndjson", ...SMALL, "--targets", "north", "--algorithms", "ERM", "--protocol", "domainbed", "--out", out);
      expect([status, stderr]).toEqual([0, expect.stringMatching(/^(?:\[\d+\/12\] images decoded\n)+\[1\/1\] ERM, north held out: .*\n$/)]);
      const { runs: [record], skipped } = read(out);
      expect(skipped).toBeUndefined();
      return record!;
    });
    expect(runs[1]).toMatchObject({ total: 4, accuracy: runs[0]!.accuracy, finalLoss: runs[0]!.finalLoss });
  });

  test("on shards, with a domain whose name has a comma held out, and one more by repeating the option", () => {
    const { status, stderr } = run("--data", "shards/{0..1}.tar", "--data", "shards/2.tar", ...SMALL, "--targets", "north, old", "--targets", "west", "--algorithms", "ERM", "--out", "shards-out");
    expect([status, stderr]).toEqual([0, expect.stringMatching(/\[2\/2\] ERM, west held out/)]);
    expect(read("shards-out").runs.map(({ target }) => target)).toEqual(["north, old", "west"]);
  });

  test("warnings of the package are lines of the command; Node's options for warnings hold", () => {
    const args = ["compare", "--data", "gap", "--targets", "east", "--out", "never"];
    const [error, said] = [/^dgsam: .*got the string "east"\n$/, `domainFolder: ${folder}/gap/north: domain "north" has no folder of class "scratch"; ${folder}/gap/west: domain "west" has no folder of class "ok"\n`];
    const { stderr } = runNode("", ...args);
    expect(stderr.startsWith(`Warning: ${said}dgsam: `)).toBe(true);
    expect(stderr.slice(`Warning: ${said}`.length)).toMatch(error);
    expect(runNode("--no-warnings", ...args).stderr).toMatch(error);
    expect(runNode("--disable-warning=WARN_DATA", ...args).stderr).toMatch(error);
    expect(runNode("--trace-warnings", ...args).stderr).toMatch(/^\(node:\d+\) \[WARN_DATA\] DgsamWarning: domainFolder: .*\n +at /);
    const other = `data:text/javascript,${encodeURIComponent('process.nextTick(() => process.emitWarning("of another package"))')}`;
    expect(runNode(`--import=${other}`, "data", "check", "sites").stderr).toMatch(/^\(node:\d+\) Warning: of another package\n/);
  });

  test.each([["list.ndjson/out", /ENOTDIR|EEXIST/], ["/proc/x/out", /ENOENT|EACCES|EPERM/], ["taken", /it is a folder/]])("--out %s, which cannot be written, is told of before any image is decoded", (out, reason) => {
    const { status, stderr } = run("--data", "cut", ...SMALL, "--out", out);
    expect(stderr).toMatch(new RegExp(`^dgsam: cannot write ${out}/results\\.json: .*(${reason.source}).*; choose another folder\n$`));
    expect(status).toBe(1);
  });

  test.each([
    [["--data", "sites", "--targets", "east"], /target: expected one of sites's domains "north", "south", "west", got the string "east"/],
    [["--data", "alone"], /alone: has one domain, "north"; to hold each out once, two or more are needed: expected a folder for each domain, in it one for each class/],
    [["--data", "commas", "--targets", "west,Boston, MA"], /compare: --targets: expected domains out of "Boston, MA", "west", got "west,Boston, MA"; names with commas need an option each: --targets "Boston, MA" --targets \.\.\./],
    [["--data", "sites", "--model", "convnext_tiny"], /compare: imageSize: convnext_tiny takes no images of 16 x 16 pixels; its usual size is 224 \(/],
    [["--data", "sites", "--device", "tpu"], /compare: device: expected cpu, cuda, or cuda:1 and so on, got the string "tpu"/],
    [["--data", "sites", "--device", "cuda:99"], /compare: device: cuda:99 cannot be used \(/],
    [["--data", "sites", "--pretrained", "none.pth"], /none\.pth: cannot be read/],
  ])("%j is one clear line, before any image is decoded", (args, text) => {
    const words = args.includes("--model") ? SMALL.slice(2) : SMALL;
    const { status, stdout, stderr } = run(...words, ...args, "--out", "never");
    expect(stderr).toMatch(new RegExp(`^dgsam: .*${text.source}.*\n$`));
    expect([status, stdout]).toEqual([1, ""]);
    expect(readdirSync(folder)).not.toContain("never");
  });
});
