/**
 * Damaged and hostile files: whatever the bytes, a parser gives tensors or throws an ERR_DATA or ERR_DTYPE with the path, soon and in
 * little memory. DGSAM_FUZZ_WEIGHTS=100000 is the long run (so many files a parser; DGSAM_FUZZ_SEED for another stream).
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DgsamError, loadWeights, memoryStats, openSafetensors, RandomState, readNpy, readNpz, readPyTorch, scope, Tensor, type StateDict } from "dgsam";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withInputFile } from "../../lib/weights/input-file.js";
import { ZipReader } from "../../lib/weights/zip-reader.js";
import { fixture } from "./files.js";
import { pickled, zip, zipFile, type Pickled } from "./pickles.js";

const FILES = Number(process.env["DGSAM_FUZZ_WEIGHTS"] ?? 1000);
const SEED = Number(process.env["DGSAM_FUZZ_SEED"] ?? 7);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dgsam-fuzz-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Subject {
  /** What is damaged, and how a file is made of it: damage within checksums and lengths is only found by making these anew. */
  readonly originals: readonly Buffer[];
  readonly pack?: (damaged: Buffer) => Buffer;
  readonly read: (path: string) => unknown;
  /** How many of 100 files are still to be read: pixels may change, structure may not. */
  readonly atLeastRead: number;
}

function readSafetensors(path: string): StateDict {
  using opened = openSafetensors(path);
  return opened.tensors();
}

const safetensors = readFileSync(fixture("reference.safetensors"));
const checkpoint = readFileSync(fixture("checkpoint.pth"));
const archive = withInputFile(fixture("checkpoint.pth"), (file) => {
  const reader = new ZipReader("", file, 0);
  return reader.names().map((name): [string, Buffer] => {
    const source = reader.open(name);
    return [name, source.read(0, source.length)];
  });
});
const pickle = archive.find(([name]) => name.endsWith("/data.pkl"))![1];
const headerSize = Number(safetensors.readBigUInt64LE());

function npy(header: string, bytes: number): Buffer {
  const size = Buffer.alloc(2);
  size.writeUInt16LE(header.length);
  return Buffer.concat([Buffer.from("\x93NUMPY\x01\0", "latin1"), size, Buffer.from(header), Buffer.alloc(bytes, 1)]);
}
const arrays = [
  npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 24),
  npy("{'descr': '>i8', 'fortran_order': True, 'shape': (2, 2, 2), }\n", 64),
  npy("{'descr': '|b1', 'fortran_order': False, 'shape': (), }\n", 1),
];
const npz = (method: number): Buffer => zip(arrays.map((each, i) => [`layer.${i}.npy`, each, { method }] as const));

const dtype = (code: string): Pickled[] => [["global", "numpy dtype"], code, false, true, ["\x87"], ["R"], ["("], 3, "<", null, null, null, -1, -1, 0, ["t"], ["b"]];
const numpyPickle = pickled(["}"], ["("],
  "scalar", ["global", "numpy._core.multiarray scalar"], ...dtype("f8"), ["raw", Buffer.from("C\x08abcdefgh")], ["\x86"], ["R"],
  "array", ["global", "numpy.core.multiarray _reconstruct"], ["global", "numpy ndarray"], 0, ["\x85"], ["raw", Buffer.from("C\x01b")], ["\x87"], ["R"],
  ["("], 1, 2, 3, ["\x86"], ...dtype("i2"), true, ["raw", Buffer.from("C\x0cabcdefghijkl")], ["t"], ["b"],
  "args", ["global", "argparse Namespace"], [")"], ["\x81"], ["}"], "lr", 5, ["s"], ["b"], "counts", ["global", "collections defaultdict"], ["global", "__builtin__ int"], ["\x85"], ["R"], "a", 5, ["s"],
  ["u"]);

const SUBJECTS: Readonly<Record<string, Subject>> = {
  "safetensors": { originals: [safetensors, readFileSync(fixture("unaligned.safetensors"))], read: readSafetensors, atLeastRead: 1 },
  "a safetensors header": {
    originals: [safetensors.subarray(8, 8 + headerSize)],
    pack: (damaged) => {
      const size = Buffer.alloc(8);
      size.writeBigUInt64LE(BigInt(damaged.length));
      return Buffer.concat([size, damaged, safetensors.subarray(8 + headerSize)]);
    },
    read: readSafetensors, atLeastRead: 1,
  },
  "a .pth file": { originals: [checkpoint], read: (path) => readPyTorch(path), atLeastRead: 1 },
  "a .pth file's pickle": {
    originals: [pickle], pack: (damaged) => zip(archive.map(([name, data]) => [name, data === pickle ? damaged : data] as const)), read: (path) => readPyTorch(path), atLeastRead: 1,
  },
  "an entry of a .pth file's pickle": {
    originals: [pickle], pack: (damaged) => zip(archive.map(([name, data]) => [name, data === pickle ? damaged : data] as const)),
    read: (path) => loadWeights(path, { entry: "state_dict" }), atLeastRead: 1,
  },
  "a pickle of NumPy's": { originals: [numpyPickle], pack: (damaged) => zipFile(damaged), read: (path) => readPyTorch(path), atLeastRead: 1 },
  "an older .pth file": { originals: [readFileSync(fixture("checkpoint.legacy.pth"))], read: (path) => readPyTorch(path), atLeastRead: 1 },
  "a .npy file": { originals: arrays, read: readNpy, atLeastRead: 1 },
  "a .npz file": { originals: [npz(0), npz(8)], read: (path) => readNpz(path), atLeastRead: 1 },
  "a .npz file's array": { originals: arrays, pack: (damaged) => zip([["a.npy", damaged, { method: 8 }]]), read: (path) => readNpz(path), atLeastRead: 1 },
  "any weights": { originals: [safetensors, checkpoint, npz(0)], read: (path) => loadWeights(path), atLeastRead: 0 },
};

describe(`${FILES} damaged files each`, () => {
  test.each(Object.entries(SUBJECTS))("%s: give tensors or typed errors", { timeout: 60_000 + 100 * FILES }, (name, { originals, pack, read, atLeastRead }) => {
    const random = new RandomState(SEED);
    const path = join(folder, "damaged");
    const outcomes = { read: 0, refused: 0 };
    const { handles } = memoryStats();
    const memory = process.memoryUsage().rss;
    let slowest = 0;
    for (let round = 0; round < FILES; round++) {
      const damaged = damage(originals[round % originals.length]!, random);
      // A new file each time: what is mapped of the last one must not be cut.
      rmSync(path, { force: true });
      writeFileSync(path, pack === undefined ? damaged : pack(damaged));
      const start = process.cpuUsage();
      try {
        scope(() => use(read(path)));
        outcomes.read++;
      } catch (error) {
        if (!(error instanceof DgsamError)) throw new Error(`${name}, file ${round}: ${String(error)}`, { cause: error });
        expect([error.code, error.message]).toEqual([expect.stringMatching(/^ERR_(DATA|DTYPE)$/), expect.stringContaining(path)]);
        outcomes.refused++;
      }
      // Of the processor: others may want it as well.
      const { user, system } = process.cpuUsage(start);
      slowest = Math.max(slowest, (user + system) / 1000);
    }
    if (FILES > 1000) console.log(`${name}: ${outcomes.read} read, ${outcomes.refused} refused, slowest ${slowest.toFixed(0)} ms`);
    // Both must occur, or the damage tests nothing.
    expect(outcomes.read).toBeGreaterThanOrEqual((FILES * atLeastRead) / 100);
    expect(outcomes.refused).toBeGreaterThan(FILES / 4);
    expect(memoryStats().handles).toBe(handles);
    expect(process.memoryUsage().rss - memory).toBeLessThan(400 * 2 ** 20);
    expect(slowest).toBeLessThan(5000);
  });
});

/** Reads all elements of all tensors, of such as are not enormous views of little memory. */
function use(value: unknown, seen = new Set<unknown>()): void {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Tensor) {
    if (value.numel < 1e5) value.toBytes();
    return;
  }
  const parts = value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : ArrayBuffer.isView(value) ? [] : Object.values(value);
  for (const each of parts as unknown[]) use(each, seen);
}

const EXTREMES = [0, 1, -1, 127, 128, 255, 256, 65535, 2 ** 31 - 1, -(2 ** 31), 0x7fffffffffffffffn, -1n, 2n ** 62n, 2n ** 53n, 2n ** 32n - 1n];

/** A copy with one to four faults: cut, longer, other bits, other bytes, extreme numbers, parts twice, moved, or taken from elsewhere. */
function damage(original: Buffer, random: RandomState): Buffer {
  let bytes = Buffer.from(original);
  for (let faults = random.randint(1, 5); faults > 0; faults--) {
    const at = random.randint(0, bytes.length + 1);
    const other = random.randint(0, bytes.length + 1);
    const length = random.randint(1, 33);
    const kind = random.randint(0, 9);
    if (kind === 0 && random.randint(0, 4) === 0) bytes = bytes.subarray(0, at);
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), Buffer.of(random.randint(0, 256)), bytes.subarray(at)]);
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(other, other + length), bytes.subarray(at)]);
    else if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    else if (kind === 4) bytes.copy(bytes, at, other, other + length);
    else if (kind === 5 && at < bytes.length) bytes[at]! ^= 1 << random.randint(0, 8);
    else if (kind === 6 && at < bytes.length) bytes[at] = random.randint(0, 256);
    else if (kind === 7) digits(bytes, at, random);
    else if (kind === 8) extreme(bytes, at, random);
  }
  return bytes;
}

/** Changes the next digit: headers in text hold their numbers so. */
function digits(bytes: Buffer, start: number, random: RandomState): void {
  for (let at = start; at < bytes.length; at++) {
    if (bytes[at]! < 0x30 || bytes[at]! > 0x39) continue;
    bytes[at] = 0x30 + random.randint(0, 10);
    return;
  }
}

function extreme(bytes: Buffer, at: number, random: RandomState): void {
  const number = BigInt(EXTREMES[random.randint(0, EXTREMES.length)]!);
  const raw = Buffer.alloc(8);
  raw.writeBigInt64LE(BigInt.asIntN(64, number));
  raw.copy(bytes, at, 0, [1, 2, 4, 8][random.randint(0, 4)]!);
}
