/** Writes zip archives of stored entries: the same content gives the same bytes. */

import { crc32 } from "node:zlib";
import type { OutputFile } from "./output-file.js";

// 1 January 1980, the earliest there is, so that files do not differ by when they were written.
const DATE = 0x0021;
const UTF8_NAMES = 0x0800;
const LIMIT_32 = 0xffffffff;
// Version 4.5 of the format brought zip64, 2.0 is the oldest that readers still know.
const VERSION_64 = 45;
const VERSION = 20;

interface Written {
  readonly name: Buffer;
  readonly crc: number;
  readonly size: number;
  readonly start: number;
}

export class ZipWriter {
  readonly #entries: Written[] = [];

  constructor(readonly file: OutputFile) {}

  /** Adds an entry of the bytes of all chunks. */
  add(name: string, chunks: Iterable<Uint8Array>): void {
    const entry = { name: Buffer.from(name), start: this.file.position };
    // Its sizes are not known yet: the header is written twice, both times with room for 64 bits.
    this.file.write(localHeader({ ...entry, crc: 0, size: 0 }));
    const dataStart = this.file.position;
    let crc = 0;
    for (const chunk of chunks) {
      crc = crc32(chunk, crc);
      this.file.write(chunk);
    }
    const written = { ...entry, crc, size: this.file.position - dataStart };
    this.file.overwrite(entry.start, localHeader(written));
    this.#entries.push(written);
  }

  /** Writes the directory; nothing can be added after it. */
  finish(): void {
    const start = this.file.position;
    for (const entry of this.#entries) this.file.write(centralHeader(entry));
    const size = this.file.position - start;
    const count = this.#entries.length;
    if (start + size > LIMIT_32 || count > 0xffff) this.file.write(end64(count, size, start));
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50);
    end.writeUInt16LE(Math.min(count, 0xffff), 8);
    end.writeUInt16LE(Math.min(count, 0xffff), 10);
    end.writeUInt32LE(Math.min(size, LIMIT_32), 12);
    end.writeUInt32LE(Math.min(start, LIMIT_32), 16);
    this.file.write(end);
  }
}

/** A zip64 extra field of these numbers. */
function extra64(...values: number[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * values.length);
  extra.writeUInt16LE(1);
  extra.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, i) => extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i));
  return extra;
}

function localHeader({ name, crc, size }: Written): Buffer {
  const header = Buffer.alloc(30);
  const extra = extra64(size, size);
  header.writeUInt32LE(0x04034b50);
  header.writeUInt16LE(VERSION_64, 4);
  header.writeUInt16LE(UTF8_NAMES, 6);
  header.writeUInt16LE(DATE, 12);
  header.writeUInt32LE(crc, 14);
  header.writeUInt32LE(LIMIT_32, 18);
  header.writeUInt32LE(LIMIT_32, 22);
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(extra.length, 28);
  return Buffer.concat([header, name, extra]);
}

function centralHeader({ name, crc, size, start }: Written): Buffer {
  const header = Buffer.alloc(46);
  const is64 = size >= LIMIT_32 || start >= LIMIT_32;
  const extra = is64 ? extra64(size, size, start) : Buffer.alloc(0);
  header.writeUInt32LE(0x02014b50);
  header.writeUInt16LE(VERSION_64, 4);
  header.writeUInt16LE(is64 ? VERSION_64 : VERSION, 6);
  header.writeUInt16LE(UTF8_NAMES, 8);
  header.writeUInt16LE(DATE, 14);
  header.writeUInt32LE(crc, 16);
  header.writeUInt32LE(is64 ? LIMIT_32 : size, 20);
  header.writeUInt32LE(is64 ? LIMIT_32 : size, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(extra.length, 30);
  header.writeUInt32LE(is64 ? LIMIT_32 : start, 42);
  return Buffer.concat([header, name, extra]);
}

function end64(count: number, size: number, start: number): Buffer {
  const end = Buffer.alloc(56 + 20);
  end.writeUInt32LE(0x06064b50);
  end.writeBigUInt64LE(44n, 4);
  end.writeUInt16LE(VERSION_64, 12);
  end.writeUInt16LE(VERSION_64, 14);
  end.writeBigUInt64LE(BigInt(count), 24);
  end.writeBigUInt64LE(BigInt(count), 32);
  end.writeBigUInt64LE(BigInt(size), 40);
  end.writeBigUInt64LE(BigInt(start), 48);
  end.writeUInt32LE(0x07064b50, 56);
  end.writeBigUInt64LE(BigInt(start + size), 64);
  end.writeUInt32LE(1, 72);
  return end;
}
