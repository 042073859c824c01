/** `dgsam data check` as a user runs it: the compiled package in a child process. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { DataReport } from "dgsam";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeImage, makeTar, writeTree } from "../data/images/files.js";
import { parquet } from "../data/images/parquet-writer.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-data-"));
afterAll(() => rmSync(folder, { recursive: true }));

const run = (...args: string[]) => spawnSync(process.execPath, [MAIN, "data", ...args], { encoding: "utf8", timeout: 120_000, cwd: folder, env: { ...process.env, DGSAM_DEBUG: "" } });

beforeAll(async () => {
  const [one, two, three] = await Promise.all([1, 2, 3].map((seed) => makeImage(seed))) as [Buffer, Buffer, Buffer];
  writeTree(folder, {
    "good/north/ok/1.jpg": one, "good/north/scratch/2.jpg": two, "good/south/ok/3.jpg": three, "good/south/scratch/4.jpg": await makeImage(4), "good/south/scratch/5.jpg": await makeImage(5),
    "bad/north/ok/1.jpg": one, "bad/north/scratch/2.jpg": two.subarray(0, 300), "bad/south/ok/1.jpg": one, "bad/south/ok/list.txt": "",
    "m.csv": "path,label,domain\ngood/north/ok/1.jpg,ok,north\nnone.jpg,ok,north\n", "x.tar": await makeTar([["a/b/1.jpg", one], ["/etc/x.jpg", two]]),
    "s/1.tar": await makeTar([["north/1.jpg", one], ["north/1.cls", "0"]]), "s/2.tar": await makeTar([["south/2.jpg", two], ["south/2.cls", "0"]]),
    "lists/m.csv": "path,label,domain\nnorth/ok/1.jpg,0,north\n",
    "x.parquet": parquet([{ image: one, label: 0, domain: "north" }]),
  });
});

describe("dgsam data check", () => {
  test("sound data: a table, no problems, exit status 0; progress on standard error", () => {
    const { status, stdout, stderr } = run("check", "good");
    expect(stdout).toBe([
      "good: 5 images, 2 classes, 2 domains", "", "class    north  south", "ok           1      1", "scratch      1      2", "(all)        2      3", "", "No problems.", "",
    ].join("\n"));
    expect(stderr).toMatch(/^(\[\d\/5\] images were looked at\n)*\[5\/5\] images were looked at\n$/);
    expect(status).toBe(0);
  });

  test("bad data: every problem with its path under its kind, exit status 1", () => {
    const { status, stdout } = run("check", "bad");
    expect(stdout).toMatch(new RegExp([
      "^bad: 3 images, 2 classes, 2 domains", "", "class .*", "ok .*", "scratch .*", ".*", "", "4 problems:", "",
      "duplicate-across-domains \\(1\\)", " {2}bad/north/ok/1\\.jpg: has the same bytes in domains north, south: bad/south/ok/1\\.jpg", "",
      "missing-class \\(1\\)", ' {2}bad/south: domain "south" has no folder of class "scratch"', "",
      "not-an-image \\(1\\)", " {2}bad/south/ok/list\\.txt: is no image by its name; it is left out", "",
      "unreadable \\(1\\)", " {2}bad/north/scratch/2\\.jpg: cannot be decoded: .*", "$",
    ].join("\n")));
    expect(status).toBe(1);
  });

  test("--json is the report and nothing else", () => {
    const { status, stdout } = run("check", "bad", "--json");
    const report = JSON.parse(stdout) as DataReport;
    expect(report).toMatchObject({ name: "bad", classes: ["ok", "scratch"], images: 3, ok: false, domains: [{ name: "north", images: 2, counts: [1, 1] }, { name: "south", images: 1, counts: [1, 0] }] });
    expect(report.problems.map(({ kind }) => kind)).toEqual(["duplicate-across-domains", "missing-class", "not-an-image", "unreadable"]);
    expect(status).toBe(1);
  });

  test("manifests and archives", () => {
    expect(run("check", "m.csv")).toMatchObject({ status: 1, stdout: expect.stringMatching(/unreadable \(1\)\n {2}m\.csv#line 3: there is no file /) as string });
    expect(run("check", "x.tar")).toMatchObject({ status: 1, stdout: expect.stringMatching(/outside \(1\)\n {2}x\.tar#\/etc\/x\.jpg: points outside of the archive/) as string });
  });

  test.each([[["s"]], [["s/1.tar", "s/2.tar"]], [["s/{1..2}.tar"]], [["s/*.tar"]]])("shards: %j", (names) => {
    const { status, stdout } = run("check", ...names, "--classes", "a, b", "--classes", "c", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ images: 2, classes: ["a, b", "c"], domains: [{ name: "north", counts: [1, 0] }, { name: "south", counts: [1, 0] }] });
    expect(status).toBe(1);
  });

  test("a shard that cannot be read among others: a problem beside the report of these", async () => {
    writeTree(folder, { "cut/1.tar": (await makeTar([["north/1.jpg", "1"], ["north/1.cls", "0"]])).subarray(0, 600) });
    const names = ["check", "cut/1.tar", "s/1.tar", "s/2.tar"];
    expect(run(...names)).toMatchObject({ status: 1, stdout: expect.stringMatching(/^1: 2 images, .*[^]*\nunreadable \(1\)\n {2}cut\/1\.tar: is no sound tar archive, or one cut short: /) as string });
    const { status, stdout } = run(...names, "--json");
    expect(JSON.parse(stdout)).toMatchObject({ images: 2, ok: false, problems: [{ kind: "unreadable", path: "cut/1.tar" }] });
    expect(status).toBe(1);
    expect(run("check", "cut/1.tar")).toMatchObject({ status: 1, stdout: "", stderr: expect.stringMatching(/^dgsam: cut\/1\.tar: is no sound tar archive/) as string });
  });

  test("names with control characters stay on their line, and in the JSON are as they are", async () => {
    writeTree(folder, { "odd\n/no\nrth/o\u001bk/1.jpg": await makeImage(1), "odd\n/no\nrth/o\u001bk/2.jpg": "text" });
    expect(run("check", "odd\n").stdout).toBe([
      "odd\\n: 2 images, 1 class, 1 domain", "", "class     no\\nrth", "o\\u001bk        2", "(all)           2", "", "1 problem:", "",
      "unreadable (1)", "  odd\\n/no\\nrth/o\\u001bk/2.jpg: is no JPEG, PNG, WebP, TIFF or GIF", "",
    ].join("\n"));
    expect(JSON.parse(run("check", "odd\n", "--json").stdout)).toMatchObject({ classes: ["o\u001bk"], domains: [{ name: "no\nrth" }], problems: [{ path: "odd\n/no\nrth/o\u001bk/2.jpg" }] });
    expect(run("check", "odd\n/none").stderr).toMatch(/^dgsam: odd\\n\/none: cannot be read: ENOENT.*\n$/);
  });

  test("--root, --columns and --classes", () => {
    expect(JSON.parse(run("check", "lists/m.csv", "--root", "good", "--classes", "a,b", "--json").stdout)).toMatchObject({ classes: ["a", "b"], images: 1, problems: [{ kind: "missing-class" }] });
    expect(run("check", "x.parquet", "--columns", "domain=site").stderr).toMatch(/^dgsam: x\.parquet: .*"?site"?/);
    expect(run("check", "x.parquet", "--columns", "label=label,domain=domain").status).toBe(0);
  });

  test("--max-pixels", () => {
    expect(run("check", "good", "--max-pixels", "384").status).toBe(0);
    expect(run("check", "good", "--max-pixels", "383")).toMatchObject({ status: 1, stdout: expect.stringMatching(/too-many-pixels \(5\)\n {2}good\/north\/ok\/1\.jpg: claims 24 x 16 pixels, more than maxPixels, 383/) as string });
  });

  test.each([["SIGINT", 130], ["SIGTERM", 143]] as const)("%s ends it: exit status %i, how far it came, and no report", async (signal, expected) => {
    const at = `large/${signal}/d/c`;
    writeTree(folder, { [`${at}/0.png`]: await makeImage(9, "png", 400, 400) });
    for (let i = 1; i < 1000; i++) symlinkSync("0.png", path.join(folder, at, `${i}.png`));
    const child = spawn(process.execPath, [MAIN, "data", "check", path.join(folder, "large", signal)], { stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (stderr === "") child.kill(signal);
      stderr += text;
    });
    expect(await new Promise((resolve) => child.on("close", resolve))).toBe(expected);
    expect(stderr).toMatch(/\nInterrupted: \d+ of 1000 images were looked at\n$/);
    expect(stdout).toBe("");
  });

  test.each([
    [["check", "nowhere"], /^dgsam: nowhere: cannot be read: ENOENT/],
    [["check"], /^error: missing required argument 'data'\n$/],
    [["check", "good", "--max-pixels", "0"], /Expected an integer of at least 1/],
    [["check", "good", "more"], /^dgsam: more: cannot be read: ENOENT/],
    [["check", "good", "--classes", "a"], /^dgsam: checkData: classes: only for manifest, parquet, tar; the data are a folder\n$/],
    [["check", "s/1.tar", "--columns", "a=b"], /Expected image=NAME,label=NAME,domain=NAME,split=NAME/],
    [["chek", "good"], /Did you mean check\?/],
  ])("%j is one clear line", (args, text) => {
    const { status, stdout, stderr } = run(...args);
    expect(stderr).toMatch(text);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stdout).toBe("");
    expect(status).toBe(1);
  });

  test("needs no LibTorch", () => {
    const maps = `data:text/javascript,${encodeURIComponent('import { readFileSync } from "node:fs"; process.on("exit", () => process.stderr.write(readFileSync("/proc/self/maps", "utf8").includes("libtorch") ? "loaded" : "not loaded"));')}`;
    const { stderr } = spawnSync(process.execPath, ["--import", maps, MAIN, "data", "check", "good"], { encoding: "utf8", cwd: folder });
    expect(stderr).toMatch(/not loaded$/);
  });
});
