/** Pickles by opcode, and files of torch.save around them. */
import { crc32, deflateRawSync } from "node:zlib";

/** An opcode with its bytes or number; or a value, as the opcode that pushes it. */
export type Pickled = number | string | boolean | null | readonly [code: string, operand?: number | string | Uint8Array];

/** A pickle of protocol 2 of these opcodes. */
export function pickled(...items: readonly Pickled[]): Buffer {
  return Buffer.concat([Buffer.of(0x80, 2), ...items.map(encoded), Buffer.from(".")]);
}

function encoded(item: Pickled): Buffer {
  if (item === null) return Buffer.from("N");
  if (typeof item === "boolean") return Buffer.of(item ? 0x88 : 0x89);
  if (typeof item === "number") {
    const bytes = Buffer.from("J0000");
    bytes.writeInt32LE(item, 1);
    return bytes;
  }
  if (typeof item === "string") {
    const text = Buffer.from(item);
    const head = Buffer.from("X0000");
    head.writeUInt32LE(text.length, 1);
    return Buffer.concat([head, text]);
  }
  const [code, operand] = item;
  if (code === "raw") return Buffer.from(operand as Uint8Array);
  if (code === "global") return Buffer.from(`c${(operand as string).replace(" ", "\n")}\n`);
  const own = Buffer.from(code, "latin1");
  if (operand === undefined) return own;
  return Buffer.concat([own, typeof operand === "string" ? encoded(operand) : Buffer.of(operand as number)]);
}

/** A file of the zip form of this data.pkl, and of these entries beside it. */
export function zipFile(pickle: Uint8Array, entries: Readonly<Record<string, Uint8Array>> = {}): Buffer {
  return zip([["archive/data.pkl", pickle], ...Object.entries(entries)]);
}

/** A file of the older form of these pickles, and of the storages' bytes. */
export function legacyFile(value: Uint8Array, keys: Uint8Array, storages: Uint8Array, version = 1001): Buffer {
  const magic = Buffer.from("80028a0a6cfc9c46f9206aa850192e", "hex");
  return Buffer.concat([magic, pickled(version), pickled(["}"]), value, keys, storages]);
}

export interface ZipFields {
  method?: number;
  flags?: number;
  crc?: number;
  size?: number;
  compressed?: number;
  start?: number;
  /** Bytes in the entry's place. */
  packed?: Uint8Array;
}

/** A zip archive; the directory says of an entry what `lies` say, whatever is true. */
export function zip(entries: readonly (readonly [name: string, data: Uint8Array, lies?: ZipFields])[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, data, lies = {}] of entries) {
    const packed = lies.packed ?? (lies.method === 8 ? deflateRawSync(data) : data);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(Buffer.byteLength(name), 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50);
    central.writeUInt16LE(lies.flags ?? 0, 8);
    central.writeUInt16LE(lies.method ?? 0, 10);
    central.writeUInt32LE(lies.crc ?? crc32(data), 16);
    central.writeUInt32LE(lies.compressed ?? packed.length, 20);
    central.writeUInt32LE(lies.size ?? data.length, 24);
    central.writeUInt16LE(Buffer.byteLength(name), 28);
    central.writeUInt32LE(lies.start ?? at, 42);
    directory.push(central, Buffer.from(name));
    parts.push(local, Buffer.from(name), Buffer.from(packed));
    at += 30 + Buffer.byteLength(name) + packed.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...directory, end]);
}
