/**
 * The cache of decoded images as several processes, crashes and full disks meet it. Whatever happens to the files, batches hold what
 * decoding gives: that sum is compared throughout.
 */
import { fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync, chmodSync, mkdirSync, mkdtempSync, openSync, closeSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync, writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { DgsamError, DomainLoader, imageDataset } from "dgsam";
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test, vi } from "vitest";
import { png, small } from "./images.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const COUNT = 40;
const script = join(import.meta.dirname, "fill-cache.mjs");
let root: string;
let images: string;
let cache: string;
let expected: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "dgsam-cache-"));
  images = join(root, "images");
  mkdirSync(images);
  for (let i = 0; i < COUNT; i++) writeFileSync(join(images, `${String(i).padStart(3, "0")}.png`), await png(24, 20, i));
  expected = (await fill(join(root, "first"))).sum;
});
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeEach(() => { cache = mkdtempSync(join(root, "cache-")); });
afterEach(() => chmodSync(cache, 0o755));

interface Filled { reads: number; sum: string; warnings: string[] }

/** What fill-cache.mjs does, in this process: files are opened and checked by every data set for itself. */
async function fill(folder: string): Promise<Filled> {
  let reads = 0;
  const warnings: string[] = [];
  const listener = (warning: Error): void => { warnings.push(warning.message); };
  process.on("warning", listener);
  const records = readdirSync(images).sort().map((name) => {
    const path = join(images, name);
    const image = {
      path,
      get identity() { return `${path}|${statSync(path).size}|${statSync(path).mtimeMs}`; },
      read: async () => { reads++; return readFileSync(path); },
    };
    return { label: 0, image };
  });
  using dataset = imageDataset({ name: "Files", classes: ["x"], domains: [{ name: "d", records }] }, { imageSize: 16, cacheFolder: folder, normalize: false, augment: false });
  await dataset.prepare();
  const { x } = dataset.domains[0]!.batch(records.map((_, i) => i));
  const sum = `sum ${x.data().reduce((total, value, i) => total + value * ((i % 97) + 1), 0)}`;
  await new Promise((done) => setImmediate(done));
  process.off("warning", listener);
  return { reads, sum, warnings };
}

/** The same in another process, which `limits` are put on by a shell. */
async function fillElsewhere(limits = ":"): Promise<Filled & { code: number | null }> {
  const child = fork("-c", [`${limits}; exec "$0" --no-warnings "$@"`, process.execPath, script, images, cache], { execPath: "/bin/sh", execArgv: [], stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const said: string[] = [];
  child.on("message", (message) => said.push(String(message)));
  const [code] = (await once(child, "exit")) as [number | null];
  return {
    code, reads: said.filter((each) => each === "read").length,
    sum: said.find((each) => each.startsWith("sum")) ?? "", warnings: said.filter((each) => each.startsWith("warning")),
  };
}

const file = (): string => {
  const found = readdirSync(cache);
  expect(found).toEqual([expect.stringMatching(/^[0-9a-f]{32}-[0-9a-f]{32}\.images$/)]);
  return join(cache, found[0]!);
};
const whole = (reads: number): Filled => ({ reads, sum: expected, warnings: [] });

describe("the cache", () => {
  test("is filled once, and read by the next process", async () => {
    expect(expected).toMatch(/^sum \d/);
    expect(await fill(cache)).toEqual(whole(COUNT));
    expect(await fill(cache)).toEqual(whole(0));
    expect(statSync(file()).size).toBe(8192 + COUNT * 3 * 16 * 16);
  });

  test("decodes anew what has changed, and only that", async () => {
    await fill(cache);
    utimesSync(join(images, "003.png"), new Date(), new Date(Date.now() + 5000));
    expect(await fill(cache)).toEqual(whole(1));
    expect(await fill(cache)).toEqual(whole(0));
  });

  test("is right after kill -9 in the middle, and goes on from there", async () => {
    const child = fork(script, [images, cache, "progress"], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    child.on("message", (message) => { if (message === "done 15") child.kill("SIGKILL"); });
    const [, signal] = (await once(child, "exit")) as [number | null, string | null];
    expect(signal).toBe("SIGKILL");
    const { reads, ...rest } = await fill(cache);
    expect(rest).toEqual({ sum: expected, warnings: [] });
    expect(reads).toBeLessThanOrEqual(COUNT - 15);
    expect(await fill(cache)).toEqual(whole(0));
  });

  test("is filled by several processes at once", async () => {
    for (const filled of await Promise.all([fillElsewhere(), fillElsewhere()])) expect(filled).toMatchObject({ code: 0, sum: expected, warnings: [] });
    expect(await fill(cache)).toEqual(whole(0));
  });

  describe("of a domain that an earlier file knows but for one image", () => {
    let sum: string;
    const added = (): string => join(images, "added.png");
    beforeEach(async () => {
      await fill(cache);
      writeFileSync(added(), await png(24, 20, COUNT));
      ({ sum } = await fill(mkdtempSync(join(root, "other-"))));
      expect(sum).not.toBe(expected);
    });
    afterEach(() => rmSync(added()));

    test("several processes at once take what there is, and leave one file", async () => {
      for (const filled of await Promise.all([fillElsewhere(), fillElsewhere()])) {
        expect(filled).toMatchObject({ code: 0, sum, warnings: [] });
        expect(filled.reads).toBeLessThanOrEqual(1);
      }
      expect(await fill(cache)).toEqual({ reads: 0, sum, warnings: [] });
      file();
    });

    test("kill -9 in the middle loses nothing of it", async () => {
      const child = fork(script, [images, cache, "progress"], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
      child.on("message", (message) => { if (message === "done 15") child.kill("SIGKILL"); });
      const [, signal] = (await once(child, "exit")) as [number | null, string | null];
      expect(signal).toBe("SIGKILL");
      const { reads, ...rest } = await fill(cache);
      expect(rest).toEqual({ sum, warnings: [] });
      expect(reads).toBeLessThanOrEqual(1);
      file();
    });
  });

  test("does not believe a mark whose bytes were lost or damaged", async () => {
    await fill(cache);
    const descriptor = openSync(file(), "r+");
    writeSync(descriptor, Buffer.alloc(768), 0, 768, 8192 + 768 * 7); // lost in a power failure
    writeSync(descriptor, Buffer.from([1]), 0, 1, 8192 + 768 * 20 + 100); // one byte
    writeSync(descriptor, Buffer.alloc(32), 0, 32, 4096 + 32 * 30); // written, not marked
    closeSync(descriptor);
    expect(await fill(cache)).toEqual(whole(3));
    expect(await fill(cache)).toEqual(whole(0));
  });

  test.each([
    ["cut short", (path: string) => truncateSync(path, 10_000)],
    ["empty", (path: string) => truncateSync(path, 0)],
    ["longer", (path: string) => appendFileSync(path, "more")],
    ["something else", (path: string) => writeFileSync(path, readFileSync(script))],
    ["of another data set", (path: string) => writeFileSync(path, readFileSync(path).fill(1, 16, 48))],
  ])("is made anew where the file is %s", async (_, damage) => {
    await fill(cache);
    damage(file());
    expect(await fill(cache)).toEqual(whole(COUNT));
    expect(await fill(cache)).toEqual(whole(0));
  });

  test("does without, and says so once, where a folder lies in its place or its folder is a file", async () => {
    await fill(cache);
    const path = file();
    rmSync(path);
    mkdirSync(path);
    const { warnings, ...rest } = await fill(cache);
    expect(rest).toEqual({ reads: COUNT, sum: expected });
    expect(warnings).toEqual([expect.stringMatching(/^the cache of decoded images in .* cannot be used: .*; images that it lacks are decoded each time.*environment variable XDG_CACHE_HOME.*option cacheFolder$/)]);
    expect((await fill(join(images, "000.png"))).warnings).toEqual([expect.stringMatching(/ENOTDIR|EEXIST/)]);
  });

  test("does without, and says so once, where the disk is full", async () => {
    // In blocks of 512 bytes: of the file's 38912 bytes none beyond 20480 can be written, nor can it be made so long.
    const cannotBeMade = await fillElsewhere("ulimit -f 40");
    expect(cannotBeMade).toMatchObject({ code: 0, reads: COUNT, sum: expected, warnings: [expect.stringMatching(/cannot be used: EFBIG/)] });
    await fill(cache);
    const descriptor = openSync(file(), "r+");
    writeSync(descriptor, Buffer.alloc(32 * COUNT), 0, 32 * COUNT, 4096);
    closeSync(descriptor);
    const cannotGrow = await fillElsewhere("ulimit -f 40");
    expect(cannotGrow).toMatchObject({ code: 0, reads: COUNT, sum: expected, warnings: [expect.stringMatching(/cannot be written to: EFBIG/)] });
    const { reads, ...rest } = await fill(cache);
    expect(rest).toEqual({ sum: expected, warnings: [] });
    expect(reads).toBeGreaterThan(0);
    expect(reads).toBeLessThan(COUNT);
  });

  test.skipIf(process.getuid?.() === 0 && spawnSync("setpriv", ["--version"]).status !== 0)("reads what may not be written, and does without where nothing may be made", async () => {
    // Root may write everywhere: without its powers.
    const shell = process.getuid?.() === 0 ? 'if [ -z "$LOWERED" ]; then LOWERED=1 exec setpriv --bounding-set -all --inh-caps -all /bin/sh -c \'exec "$0" --no-warnings "$@"\' "$0" "$@"; fi' : ":";
    chmodSync(cache, 0o555);
    expect(await fillElsewhere(shell)).toMatchObject({ code: 0, reads: COUNT, sum: expected, warnings: [expect.stringMatching(/cannot be used: EACCES/)] });
    chmodSync(cache, 0o755);
    await fill(cache);
    chmodSync(file(), 0o444);
    chmodSync(cache, 0o555);
    expect(await fillElsewhere(shell)).toMatchObject({ code: 0, reads: 0, sum: expected, warnings: [expect.stringMatching(/may be read, not written to/)] });
  });

  test("that is cut short while a loader reads ahead is an error, whenever that is", async () => {
    for (let round = 0; round < 12; round++) {
      using dataset = imageDataset(await small(), { imageSize: 16, cacheFolder: join(cache, String(round)), normalize: false });
      await dataset.prepare();
      const timer = setTimeout(() => readdirSync(join(cache, String(round))).forEach((each) => truncateSync(join(cache, String(round), each), 100)), 3 * round);
      const endless = async (): Promise<void> => {
        for await (const minibatches of new DomainLoader(dataset.domains, { batchSize: 8, prefetch: 4 })) for (const { x, y } of minibatches) [x, y].forEach((each) => each.dispose());
      };
      await expect(endless()).rejects.toMatchObject({ name: DgsamError.name, code: "ERR_DATA", message: expect.stringMatching(/was cut short/) as string });
      clearTimeout(timer);
    }
  });

  test("that somebody cuts short while it is in use is an error, and does not end the process", async () => {
    using dataset = imageDataset(await small(), { imageSize: 16, cacheFolder: cache, normalize: false, augment: false });
    await dataset.prepare();
    for (const each of readdirSync(cache)) truncateSync(join(cache, each), 4096);
    expect(() => dataset.domains[0]!.batch([0])).toThrow(expect.objectContaining({ name: DgsamError.name, code: "ERR_DATA", message: expect.stringMatching(/was cut short by somebody else/) }));
  });

  test.skipIf(process.platform !== "linux")("is closed where nobody disposed of the data set (skipped: Linux tells what is open)", async () => {
    const open = (): number => readdirSync("/proc/self/fd").filter((each) => { try { return readlinkSync(`/proc/self/fd/${each}`).startsWith(cache); } catch { return false; } }).length;
    const collection = await small();
    let held = Array.from({ length: 5 }, () => imageDataset(collection, { imageSize: 8, cacheFolder: cache }));
    for (const dataset of held) await dataset.domains[0]!.load([0]);
    expect(open()).toBe(5);
    held = [];
    await vi.waitFor(() => {
      collectGarbage();
      // The last one may still lie on the stack.
      expect(open()).toBeLessThan(2);
    }, { timeout: 10_000 });
  });

  test("keeps images of other sizes and settings apart", async () => {
    const collection = await small();
    for (const options of [{ imageSize: 8 }, { imageSize: 16 }, { imageSize: 8, cacheSize: 16 }, { imageSize: 8, orientation: "stored" as const }]) {
      using dataset = imageDataset(collection, { ...options, cacheFolder: cache, normalize: false, augment: false });
      await dataset.prepare();
    }
    expect(readdirSync(cache).length).toBe(2 * 3);
    expect(collection.domains[0]!.records[0]!.image.reads).toBe(3);
  });
});
