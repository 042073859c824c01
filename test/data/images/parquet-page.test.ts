import { readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as library from "hyparquet-compressors";
import { describe, expect, test } from "vitest";
import { ContainerFile } from "../../../lib/data/images/file-image.js";
import { ParquetColumn } from "../../../lib/data/images/parquet-column.js";
import { decompress } from "../../../lib/data/images/parquet-codecs.js";
import { deltaByteArrays, deltas, runs } from "../../../lib/data/images/parquet-encodings.js";
import { readParquet } from "../../../lib/data/images/parquet.js";
import { ByteReader, readStruct } from "../../../lib/data/images/parquet-thrift.js";
import { expectRejection, withTree } from "./files.js";
import { parquet } from "./parquet-writer.js";

const FILES = fileURLToPath(new URL("parquet", import.meta.url));
const written = readdirSync(FILES).filter((name) => name.endsWith(".parquet") && name !== "endless.parquet");

test.each(written)("reads what pyarrow writes: %s", async (name) => {
  const { collection, problems } = await readParquet([path.join(FILES, name)]);
  expect(problems).toEqual([]);
  for (const [d, domain] of collection.domains.entries()) {
    expect(domain.name).toBe(`site ${d}`);
    for (const [j, { image, label }] of domain.records.entries()) {
      const i = 10 * d + j;
      expect(label).toBe((i * i * 37) % 1003);
      if (i !== 7) expect([...(await image.read())]).toEqual(new Array(i % 9).fill(i));
      else await expectRejection(() => image.read(), "ERR_DATA", /#row 7: has no image bytes/);
    }
  }
});

describe("numbers in runs", () => {
  test("of one and packed, from 0 to 32 bits", () => {
    expect([...runs(Uint8Array.of(10, 7), 3, 5)]).toEqual([7, 7, 7, 7, 7]);
    // 0 to 7 in 3 bits each, as the format's description has it.
    expect([...runs(Uint8Array.of(3, 0b10001000, 0b11000110, 0b11111010), 3, 8)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([...runs(Uint8Array.of(4, 255, 255, 255, 255, 3, ...new Array(32).fill(254)), 32, 10)]).toEqual([...[2 ** 32 - 1, 2 ** 32 - 1], ...new Array(8).fill(0xfefefefe)]);
    expect([...runs(Uint8Array.of(3), 0, 8)]).toEqual(new Array(8).fill(0));
  });
  test.each([
    ["fewer than they claim", [10, 7], 3, 6], ["packed ones cut short", [3, 1], 3, 8], ["runs of none, to the end", new Array(1000).fill(0), 1, 5],
    ["more than 32 bits", [10, 7], 33, 5], ["a length without an end", new Array(10).fill(255), 1, 5],
  ])("refuses %s", (_, bytes, width, count) => {
    expect(() => runs(Uint8Array.from(bytes), width, count)).toThrow(/numbers/);
  });
  test("a run claims 2^30 values and gives those that were asked for", () => {
    expect([...runs(Uint8Array.of(254, 255, 255, 255, 15, 1), 1, 3)]).toEqual([1, 1, 1]);
  });
});

describe("differences", () => {
  test.each([
    ["no parts", [128, 1, 0, 5, 2, 2]], ["no block", [0, 4, 5, 2, 2]], ["another number of values", [128, 1, 4, 9, 2, 2]], ["more parts than bytes", [128, 128, 128, 128, 1, 8, 5, 2, 2]],
    ["65 bits", [128, 1, 4, 5, 2, 2, 65, 65, 65, 65, ...new Array(400).fill(0)]], ["too few bytes", [128, 1, 4, 5, 2, 2, 8, 8, 8, 8, 1]],
    ["a first number without an end", [128, 1, 4, 5, ...new Array(100_000).fill(255)]],
  ])("refuses %s", (_, bytes) => {
    expect(() => deltas(new ByteReader(Uint8Array.from(bytes)), 5, 64)).toThrow(Error);
  });
  test("refuses values that share more than there is", () => {
    const constant = (value: number): number[] => [128, 1, 4, 2, 2 * value, 0, 0, 0, 0, 0];
    expect(deltaByteArrays(new ByteReader(Uint8Array.of(...constant(0), ...constant(1), 5, 6)), 2).map((each) => [...each])).toEqual([[5], [6]]);
    expect(() => deltaByteArrays(new ByteReader(Uint8Array.of(...constant(1), ...constant(1), 5, 6)), 2)).toThrow(/share 1 of 0 bytes/);
  });
});

describe("decompresses to what a page claims to be, and no more:", () => {
  const LZ4_BACKWARDS = [0, 0, 0, 0, 255, 255, 255, 248, ...new Array(12).fill(0)];
  const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];
  test.each([
    ["more than snappy can be", "SNAPPY", [1, 2, 3], 1000, /claims that its 3 bytes become 1000/],
    ["more than a page may be", "BROTLI", [1, 2, 3], 2 ** 26 + 97, /claims that its 3 bytes become 67108961/],
    ["a snappy run that goes back to its own start", "SNAPPY", [20, 0xfc, 0xfa, 255, 255, 255, 0, 0, 0, 0], 20, /./],
    ["Hadoop's frames of negative size", "LZ4", LZ4_BACKWARDS, 20, /lz4/],
    ["a zstd frame that claims 2 GB", "ZSTD", [...ZSTD, 0xa0, 0, 0, 0, 0x7f, 1, 0, 0], 20, /claims 2130706432 bytes instead of 20/],
    ["no zstd frame", "ZSTD", [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0], 20, /no zstd frame/],
    ["no gzip", "GZIP", [1, 2, 3, 4], 20, /./],
    ["another size", "UNCOMPRESSED", [1, 2, 3], 4, /has 3 bytes instead of 4/],
    ["LZO", "LZO", [1, 2, 3], 4, /codec LZO is not supported/],
  ] as const)("refuses %s", (_, codec, bytes, size, message) => {
    expect(() => decompress(codec, Uint8Array.from(bytes), size, library)).toThrow(message);
  });
});

describe("Thrift", () => {
  const LIST_OF_LISTS = [0x19, 0xf9, 255, 255, 255, 255, 7, 0xf9, 255, 255, 255, 255, 7];
  test.each([
    ["a list that is longer than the bytes", LIST_OF_LISTS, /claims 2147483647 elements/], ["a number without an end", [0x16, ...new Array(1000).fill(255)], /more than 64 bits/],
    ["structs without an end", new Array(1000).fill(0x1c), /too deep/], ["lists in lists without an end", [0x19, ...new Array(1000).fill(0x19), 0], /list/],
    ["text that is longer than the bytes", [0x18, 255, 255, 255, 255, 15], /bytes were expected/], ["no end", [0x15, 2], /ends after 2 bytes/], ["another type", [0x1b, 0], /of type 11/],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => readStruct(new ByteReader(Uint8Array.from(bytes)))).toThrow(message);
  });
});

describe("refuses files, naming them:", () => {
  test("a page whose header lacks the size of its levels, of which hyparquet makes an endless loop", () =>
    expectRejection(() => readParquet([path.join(FILES, "endless.parquet")]), "ERR_DATA", /endless\.parquet: there is no page header at byte \d+: .*levels/));

  test("labels that become 28,000 times their bytes, before they do", async () => {
    // Pages of one empty text, then zeros: 40 blocks of zstd of 128 kB in 4 bytes each.
    const zeros = Array.from({ length: 40 }, (_, i) => [i === 39 ? 3 : 2, 0, 16, 0]).flat();
    const frame = [0x28, 0xb5, 0x2f, 0xfd, 0, 0x70, ...zeros];
    const page = Buffer.from([0x15, 0, 0x15, 128, 128, 128, 5, 0x15, 204, 2, 0x2c, 0x15, 2, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0, ...frame]);
    const pages = Buffer.concat(new Array<Buffer>(200).fill(page));
    await withTree({ "x.parquet": pages }, async (folder) => {
      const leaf = { path: ["label"], type: "BYTE_ARRAY", maxDefinition: 0, repeated: false } as const;
      const metadata = (rows: number) => ({ leaves: [leaf], groups: [{ rows, chunks: [{ start: 0, end: rows * page.length, codec: "ZSTD" as const }] }], keyValues: new Map() });
      const read = (rows: number) => new ParquetColumn(library, new ContainerFile(path.join(folder, "x.parquet")), metadata(rows), 0).readAll();
      expect(await read(2)).toEqual(["", ""]);
      await expectRejection(() => read(200), "ERR_DATA", /x\.parquet: the column label claims \d+ bytes of a file of \d+/);
    });
  });

  const rows = Array.from({ length: 12 }, (_, i) => ({ image: Buffer.alloc(40, i), label: i % 2, domain: "a" }));
  const patched = (from: number[], to: number[], last = false): Buffer => {
    const bytes = parquet(rows, { flat: true });
    const at = last ? bytes.lastIndexOf(Buffer.from(from)) : bytes.indexOf(Buffer.from(from));
    expect(at).toBeGreaterThan(0);
    return Buffer.concat([bytes.subarray(0, at), Buffer.from(to), bytes.subarray(at + from.length)]);
  };
  const sized = (bytes: Buffer): Buffer => {
    const grown = bytes.length - parquet(rows, { flat: true }).length;
    bytes.writeUInt32LE(bytes.readUInt32LE(bytes.length - 8) + grown, bytes.length - 8);
    return bytes;
  };
  test.each([
    // The number of rows of the only group is the last field of the footer's only group: i64 24 (12 in zigzag).
    ["more rows than bytes", sized(patched([0x16, 24, 0, 0x19, 0x0c, 0], [0x16, 0xfe, 255, 255, 255, 15, 0, 0x19, 0x0c, 0], true)), /claims 2147483647 rows in \d+ bytes/],
    ["fewer than no rows", patched([0x16, 24, 0, 0x19, 0x0c, 0], [0x16, 23, 0, 0x19, 0x0c, 0], true), /rows of row group 0: expected a number of at least 0, got -12/],
    ["more values than rows", patched([0x15, 24, 0x15, 0], [0x15, 26, 0x15, 0]), /the page at byte 4 claims 13 rows of the 12 that are left/],
    ["a schema with more children than elements", patched([0x48, 6, ...Buffer.from("schema"), 0x15, 6], [0x48, 6, ...Buffer.from("schema"), 0x15, 8]), /schema lacks columns/],
    ["a schema with more elements than children", patched([0x48, 6, ...Buffer.from("schema"), 0x15, 6], [0x48, 6, ...Buffer.from("schema"), 0x15, 4]), /element 3 of its schema has no place/],
  ])("%s", (_, bytes, message) =>
    withTree({ "x.parquet": bytes }, async (folder) => {
      await expectRejection(async () => (await readParquet([path.join(folder, "x.parquet")])).collection.domains[0]!.records[0]!.image.read(), "ERR_DATA", message);
    }));
});
