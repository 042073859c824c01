/**
 * Files of `torch.save`: the zip form (since PyTorch 1.6) with a pickle and an entry per storage, and the older form, in which
 * pickles and raw storages follow one another. Nothing in them is run; see unpickler.ts.
 */

import { scope } from "../tensor/index.js";
import { Cursor } from "./cursor.js";
import { entryOf } from "./entry.js";
import { bareFormat } from "./formats.js";
import { tensorOf, withInputFile, type ByteSource } from "./input-file.js";
import { malformed, quoted } from "./malformed.js";
import { PYTORCH_GLOBALS, storageOf } from "./pytorch-globals.js";
import { bytesOf, Plain, type PyTorchValue, type StorageReader } from "./pytorch-plain.js";
import { PendingStorage } from "./pytorch-values.js";
import { PickleFault, unpickle, type PickleWorld } from "./unpickler.js";
import { isZip, openArchive, type ArchiveOptions, type ZipReader } from "./zip-reader.js";

/** What the older form begins with, pickled: PyTorch's magic number and its version. */
const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
/** {@link MAGIC} as an opcode: it follows the pickle's protocol and, since protocol 4, the length of a frame. */
const MAGIC_OPCODE = Buffer.from("8a0a6cfc9c46f9206aa85019", "hex");

// The zip form's versions that PyTorch 2.13 reads.
const MAX_VERSION = 10;

/**
 * Reads a `.pth` or `.pt` file whole: a state dict as an object of tensors, a checkpoint as whatever plain values and tensors it
 * holds. Tuples and `torch.Size` come as arrays, dicts as objects where all keys are text and else as Maps, dtypes and
 * devices as their names, integers beyond 2^53 as bigints, parameters as plain tensors. Tensors come to the CPU, in
 * memory of their own; those that shared a storage share it again.
 *
 * @throws DgsamError `ERR_DATA` when the file cannot be read or is damaged, and, with the name, when it asks for anything but
 *   tensors and plain values; `ERR_ARGUMENT`
 */
export function readPyTorch(path: string, options: ArchiveOptions = {}): PyTorchValue {
  return withInputFile(path, (file) => scope(() => {
    if (isLegacy(file)) return readLegacy(path, file);
    if (!isZip(file)) throw malformed(path, bareFormat(file) ?? "no file of torch.save: neither a zip archive nor of the older form");
    return readZip(path, openArchive("readPyTorch", path, file, options));
  }));
}

/** Whether the source begins as the older form does. */
export function isLegacy(file: ByteSource): boolean {
  const head = file.read(0, Math.min(file.length, 32));
  return head[0] === 0x80 && [2, 11].includes(head.indexOf(MAGIC_OPCODE));
}

/** The folder of the pickle in an archive of `torch.save`; undefined in others. */
export function archiveFolder(archive: ZipReader): string | undefined {
  return archive.names().map((name) => /^([^/]*)\/data\.pkl$/.exec(name)?.[1]).find((folder) => folder !== undefined);
}

/** The world of one file: its storages are collected as they are named. */
function worldOf(path: string, keepsUnknown: boolean, seen?: Map<string, PendingStorage>): PickleWorld {
  return {
    globals: PYTORCH_GLOBALS,
    keepsUnknown,
    persistent: (id) => {
      try {
        const storage = storageOf(id);
        if (storage instanceof PendingStorage) seen?.set(storage.key, storage);
        return storage;
      } catch (cause) {
        if (cause instanceof PickleFault) throw malformed(path, `its pickle has ${cause.message}`);
        throw cause;
      }
    },
  };
}

/**
 * @param entry what is wanted of the file. The other values may then be of any kind, as nothing is made of them; without it all must be
 *   tensors and plain values.
 */
export function readZip(path: string, archive: ZipReader, entry?: string): PyTorchValue {
  const folder = archiveFolder(archive);
  if (folder === undefined) throw malformed(path, "a zip archive, but none of torch.save: it has no data.pkl");
  if (archive.has(`${folder}/constants.pkl`))
    throw malformed(path, "a TorchScript archive, not a state dict; in Python: torch.save(torch.jit.load(path).state_dict(), other_path)");
  const text = (name: string): string | undefined => {
    if (!archive.has(`${folder}/${name}`)) return undefined;
    const source = archive.open(`${folder}/${name}`);
    return source.read(0, Math.min(source.length, 16)).toString("latin1").trim();
  };
  const version = text("version");
  if (version !== undefined && !(Number(version) >= 1 && Number(version) <= MAX_VERSION))
    throw malformed(path, `it is of version ${quoted(version)} of PyTorch's zip form; 1 to ${MAX_VERSION} are read`);
  const order = text("byteorder") ?? "little";
  if (order !== "little" && order !== "big") throw malformed(path, `its byte order is ${quoted(order)}; expected little or big`);
  const value = unpickle(new Cursor(path, archive.open(`${folder}/data.pkl`)), worldOf(path, entry !== undefined));
  return plainOf(path, value, entry, (key, bytes) => archive.tensor(`${folder}/data/${key}`, bytes), order === "big");
}

function plainOf(path: string, value: unknown, entry: string | undefined, read: StorageReader, bigEndian: boolean): PyTorchValue {
  return new Plain(path, read, bigEndian, entry).of(entry === undefined ? value : entryOf(path, value, entry));
}

/** @param entry as of {@link readZip} */
export function readLegacy(path: string, file: ByteSource, entry?: string): PyTorchValue {
  const cursor = new Cursor(path, file);
  const seen = new Map<string, PendingStorage>();
  const next = (): unknown => unpickle(cursor, worldOf(path, entry !== undefined, seen));
  if (next() !== MAGIC) throw malformed(path, "it begins as a file of torch.save, but with another magic number");
  const protocol = next();
  if (protocol !== PROTOCOL) throw malformed(path, `it is of version ${String(protocol)} of PyTorch's older form; ${PROTOCOL} is read`);
  const system = next();
  const value = next();
  const places = placesOf(path, cursor, next(), seen);
  const read = (key: string, bytes: number) => {
    const place = places.get(key);
    if (place === undefined) throw malformed(path, `it names a storage ${quoted(key)} that it does not hold`);
    if (place.length !== bytes) throw malformed(path, `its storage ${quoted(key)} is of ${place.length} bytes, but a tensor takes it for one of ${bytes}`);
    return tensorOf(file, place.start, bytes);
  };
  return plainOf(path, value, entry, read, system instanceof Map && system.get("little_endian") === false);
}

interface Place {
  readonly start: number;
  readonly length: number;
}

/** Where the bytes of each storage lie: each is its count of elements in 8 bytes, then the elements. */
function placesOf(path: string, cursor: Cursor, keys: unknown, seen: ReadonlyMap<string, PendingStorage>): Map<string, Place> {
  if (!Array.isArray(keys)) throw malformed(path, "its list of storages is missing");
  const places = new Map<string, Place>();
  for (const key of keys as unknown[]) {
    const storage = typeof key === "string" ? seen.get(key) : undefined;
    if (storage === undefined) throw malformed(path, "it holds a storage that its pickle does not name");
    const count = Number(cursor.bytes(8).readBigInt64LE());
    if (count !== storage.total) throw malformed(path, `its storage ${quoted(storage.key)} should have ${storage.total} elements, but has ${count}`);
    const length = bytesOf(storage);
    if (length > cursor.remaining) throw malformed(path, `truncated: its storage ${quoted(storage.key)} claims ${length} bytes, but only ${cursor.remaining} bytes follow`);
    places.set(storage.key, { start: cursor.position, length });
    cursor.position += length;
  }
  return places;
}
