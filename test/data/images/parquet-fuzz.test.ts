/**
 * Damaged Parquet files: whatever the bytes, reading gives images or ERR_DATA that names the file, soon and in little memory. DGSAM_FUZZ_PARQUET sets
 * how many, DGSAM_FUZZ_SEED which.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { DgsamError, RandomState } from "dgsam";
import { expect, test } from "vitest";
import { readParquet } from "../../../lib/data/images/parquet.js";
import { parquet, type ParquetWriterOptions } from "./parquet-writer.js";

const FILES = Number(process.env["DGSAM_FUZZ_PARQUET"] ?? 1000);
const SECONDS = 10;
const BYTES = 2 ** 31;

/** Ends the process when the count stands still: a loop without an end leaves no test its turn. */
function watch(count: Int32Array, file: string): Worker {
  return new Worker(`
    const { workerData: { count, file, seconds, bytes } } = require("node:worker_threads");
    const kill = (what) => { require("node:fs").writeSync(2, what + ": " + file + " (kept)\\n"); process.kill(process.pid, "SIGKILL"); };
    let [last, since] = [-1, 0];
    setInterval(() => {
      if (count[0] !== last) [last, since] = [count[0], Date.now()];
      if (Date.now() - since > seconds * 1000) kill("read for more than " + seconds + " s");
      if (process.memoryUsage.rss() > bytes) kill("takes more than " + bytes + " bytes");
    }, 50);
  `, { eval: true, workerData: { count, file, seconds: SECONDS, bytes: BYTES } });
}

test(`${FILES} mutated files give images or ERR_DATA, nothing else`, { timeout: 60_000 + FILES * 20 }, async () => {
  const random = new RandomState(Number(process.env["DGSAM_FUZZ_SEED"] ?? 5));
  const rows = Array.from({ length: 12 }, (_, i) => ({ image: i === 7 ? null : Buffer.alloc(40, i), label: i % 2, domain: i < 6 ? "a" : "b" }));
  const layouts: ParquetWriterOptions[] = [
    { rowsInGroup: 5, rowsInPage: 2, codec: "snappy" }, { dictionary: true, codec: "gzip" }, { version2: true, flat: true }, { version2: true, dictionary: true, codec: "zstd" },
  ];
  const written = fileURLToPath(new URL("parquet", import.meta.url));
  const others = readdirSync(written).filter((name) => name.endsWith(".parquet")).map((name) => readFileSync(path.join(written, name)));
  const originals = [...layouts.map((layout) => parquet(rows, layout)), ...others];
  const folder = mkdtempSync(path.join(tmpdir(), "dgsam-fuzz-parquet-"));
  const file = path.join(folder, "x.parquet");
  const outcomes = { read: 0, refused: 0 };
  const count = new Int32Array(new SharedArrayBuffer(4));
  const watchdog = watch(count, file);
  try {
    for (let round = 0; round < FILES; round++) {
      Atomics.store(count, 0, round);
      const bytes = Buffer.from(originals[round % originals.length]!);
      for (let change = random.randint(1, 4); change > 0; change--) bytes[random.randint(0, bytes.length - 8)] = random.randint(0, 256);
      writeFileSync(file, bytes);
      try {
        const { collection } = await readParquet([file]);
        for (const { records } of collection.domains) for (const { image } of records) if (!image.path.endsWith("#row 7")) await image.read();
        outcomes.read++;
      } catch (error) {
        if (!(error instanceof DgsamError)) throw error;
        expect([error.code, error.message]).toEqual(["ERR_DATA", expect.stringContaining(file)]);
        outcomes.refused++;
      }
    }
  } finally {
    await watchdog.terminate();
    rmSync(folder, { recursive: true });
  }
  for (const each of Object.values(outcomes)) expect(each).toBeGreaterThan(FILES / 50);
});
