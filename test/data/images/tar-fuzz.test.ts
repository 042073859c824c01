/**
 * Damaged and hostile archives: whatever the bytes, reading gives images that can be read, or ERR_DATA that names the archive, soon and
 * in little memory. DGSAM_FUZZ_TAR=100000 is the long run (so many archives; DGSAM_FUZZ_SEED for another stream).
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DgsamError, RandomState } from "dgsam";
import { expect, test } from "vitest";
import { readTar } from "../../../lib/data/images/tar.js";
import { makeTar } from "./files.js";

const FILES = Number(process.env["DGSAM_FUZZ_TAR"] ?? 1000);
const SEED = Number(process.env["DGSAM_FUZZ_SEED"] ?? 11);

const random = new RandomState(SEED);
const pick = <T>(from: readonly T[]): T => from[random.randint(0, from.length)]!;

const BYTES = [0, 0x20, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x37, 0x39, 0x3d, 0x4c, 0x78, 0x80, 0xff];

function mutate(original: Buffer): Buffer {
  let bytes = Buffer.from(original);
  for (let change = random.randint(1, 5); change > 0; change--) {
    const block = 512 * random.randint(0, Math.max(1, bytes.length >> 9));
    // Name, size, checksum, type, link's target, magic, prefix: where damage means something.
    const field = block + pick([0, 100, 124, 136, 148, 156, 157, 257, 345]) + random.randint(0, 12);
    const kind = random.randint(0, 7);
    if (kind === 0) bytes = bytes.subarray(0, random.randint(0, bytes.length + 1));
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, block), bytes.subarray(block + 512 * random.randint(1, 4))]);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, block), original.subarray(0, 512 * random.randint(1, 5)), bytes.subarray(block)]);
    else if (kind === 3) bytes.subarray(field, field + random.randint(1, 12)).fill(pick(BYTES));
    else if (kind === 4 && block + 136 <= bytes.length) bytes.write(pick(["77777777777", "00000000001", "-0000000001", "99999999999", "00000000000", "37777777777"]), block + 124);
    else if (field < bytes.length) bytes[field] = kind === 5 ? pick(BYTES) : bytes[field]! ^ (1 << random.randint(0, 8));
  }
  // Damage that the checksum of a header gives away tests the checksum alone.
  if (random.randint(0, 4) > 0) for (let block = 0; block + 512 <= bytes.length; block += 512) reseal(bytes.subarray(block, block + 512));
  return bytes;
}

function reseal(header: Buffer): void {
  if (!header.subarray(257, 262).equals(Buffer.from("ustar"))) return;
  let sum = 8 * 32;
  for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += header[i]!;
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}

test(`${FILES} mutated archives give images or ERR_DATA, nothing else, soon and in little memory`, { timeout: 60_000 + FILES * 20 }, async () => {
  const originals = [
    await makeTar([["photo/dog/1.jpg", "one"], ["photo/cat/2.jpg", "x".repeat(700)], [{ name: "photo/cat/", type: "directory" }], [`art/dog/${"y".repeat(180)}.png`, "deep"]]),
    await makeTar([["1.jpg", "a"], ["1.json", '{"label": 1, "domain": "art", "split": "train"}'], ["p/2.jpg", "b"], ["p/2.cls", "0"]]),
    await makeTar([[{ name: "a/b/c.jpg", pax: { path: "a/b/other.jpg", size: "3", comment: "z" } }, "abc"], ["a/b/ü.jpg", "d"]]),
  ];
  const folder = mkdtempSync(path.join(tmpdir(), "dgsam-fuzz-tar-"));
  const file = path.join(folder, "x.tar");
  const outcomes = { images: 0, problems: 0, refused: 0 };
  let slowest = 0;
  let memory = 0;
  try {
    for (let round = 0; round < FILES; round++) {
      const bytes = mutate(originals[round % originals.length]!);
      writeFileSync(file, bytes);
      const start = process.cpuUsage();
      const reading = readTar([file]).then(async ({ collection, problems }) => {
        for (const { records } of collection.domains) for (const { image, label } of records) {
          expect(label).toBeLessThan(collection.classes.length);
          expect((await image.read()).length).toBeLessThanOrEqual(bytes.length);
        }
        for (const problem of problems) expect(problem.path).toContain(file);
        if (problems.length > 0) outcomes.problems++;
        else outcomes.images++;
      }, (error: unknown) => {
        if (!(error instanceof DgsamError)) throw error;
        expect([error.code, error.message]).toEqual(["ERR_DATA", expect.stringContaining(file)]);
        outcomes.refused++;
      });
      let timer!: NodeJS.Timeout;
      const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error(`round ${round} of seed ${SEED} hangs`)), 20_000)));
      await Promise.race([reading, late]);
      clearTimeout(timer);
      const { user, system } = process.cpuUsage(start);
      slowest = Math.max(slowest, user + system);
      if (round === Math.min(500, FILES >> 1)) memory = process.memoryUsage.rss();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  // All must occur, or the mutations test nothing.
  for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(FILES / 50);
  expect(slowest).toBeLessThan(2_000_000);
  expect((process.memoryUsage.rss() - memory) / 2 ** 20).toBeLessThan(200);
});
