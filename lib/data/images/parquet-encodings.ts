/** Parquet's encodings of values, each read to a number of them that the caller has bounded. Source: parquet-format/Encodings.md. */

import type { PhysicalType } from "./parquet-metadata.js";
import type { ByteReader } from "./parquet-thrift.js";

// Values that share what is before them are written apart: a page of a megabyte could become any size.
const MAX_SHARED_BYTES = 1 << 28;

/** Numbers of `width` bits: runs of one, or many packed. @throws Error when there are fewer than `count` */
export function runs(bytes: Uint8Array, width: number, count: number): Uint32Array {
  if (width > 32) throw new Error(`its numbers claim ${width} bits`);
  const values = new Uint32Array(count);
  const end = bytes.length;
  let at = 0;
  for (let seen = 0; seen < count;) {
    let head = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= end || scale >= 2 ** 35) throw new Error(`it has ${seen} numbers instead of ${count}`);
      const byte = bytes[at++]!;
      head += (byte & 127) * scale;
      if (byte < 128) break;
    }
    const packed = head % 2 === 1;
    const length = Math.min(packed ? 8 * ((head - 1) / 2) : head / 2, count - seen);
    const size = Math.ceil((packed ? length * width : length === 0 ? 0 : width) / 8);
    if (at + size > end) throw new Error(`it has ${seen} numbers instead of ${count}`);
    if (packed) for (let i = 0; i < length; i++) values[seen + i] = bitsAt(bytes, at * 8 + i * width, width);
    else values.fill(bitsAt(bytes, at * 8, 8 * Math.ceil(width / 8)), seen, seen + length);
    at += packed ? ((head - 1) / 2) * width : Math.ceil(width / 8);
    seen += length;
  }
  return values;
}

/** Up to 32 bits from any place, lowest first. */
function bitsAt(bytes: Uint8Array, place: number, width: number): number {
  let value = 0;
  const first = Math.floor(place / 8);
  for (let i = Math.ceil((width + 7) / 8); i >= 0; i--) value = value * 256 + (bytes[first + i] ?? 0);
  return Math.floor(value / 2 ** (place % 8)) % 2 ** width;
}

/** Each after its length. */
export function byteArrays(reader: ByteReader, count: number): Uint8Array[] {
  checkRoom(reader, 4, count);
  return Array.from({ length: count }, () => reader.take(reader.uint32()));
}

export function plainNumbers(reader: ByteReader, type: PhysicalType, count: number): (number | bigint)[] {
  const size = type === "INT32" || type === "FLOAT" ? 4 : 8;
  checkRoom(reader, size, count);
  const bytes = reader.take(size * count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  switch (type) {
    case "INT32": return Array.from({ length: count }, (_, i) => view.getInt32(i * size, true));
    case "INT64": return Array.from({ length: count }, (_, i) => view.getBigInt64(i * size, true));
    case "FLOAT": return Array.from({ length: count }, (_, i) => view.getFloat32(i * size, true));
    case "DOUBLE": return Array.from({ length: count }, (_, i) => view.getFloat64(i * size, true));
    default: throw new Error(`values of type ${type} are not supported`);
  }
}

function checkRoom(reader: ByteReader, size: number, count: number): void {
  if (size * count > reader.left) throw new Error(`it claims ${count} values in ${reader.left} bytes`);
}

/** The first number, then blocks of differences: their least, and what each is above it, in so many bits for each part of the block. */
export function deltas(reader: ByteReader, count: number, bits: 32 | 64): bigint[] {
  const [block, parts, total] = [reader.varint(), reader.varint(), reader.varint()];
  let value = BigInt.asIntN(bits, reader.zigzag());
  const length = block / parts;
  if (total !== count || !(length > 0 && length % 8 === 0)) throw new Error(`its ${total} differences in blocks of ${block} and ${parts} parts are none`);
  const values = count > 0 ? [value] : [];
  while (values.length < count) {
    const least = reader.zigzag();
    const widths = reader.take(parts);
    for (const width of widths) {
      if (values.length >= count) break;
      if (width > bits) throw new Error(`its differences claim ${width} bits`);
      // The last part may be cut short.
      const bytes = reader.take(Math.min((length * width) / 8, reader.left));
      const wanted = Math.min(length, count - values.length);
      if (wanted * width > bytes.length * 8) throw new Error("its differences are cut short");
      for (let i = 0; i < wanted; i++) {
        value = BigInt.asIntN(bits, value + least + wideBitsAt(bytes, i * width, width));
        values.push(value);
      }
    }
  }
  return values;
}

function wideBitsAt(bytes: Uint8Array, place: number, width: number): bigint {
  if (width <= 32) return BigInt(bitsAt(bytes, place, width));
  return BigInt(bitsAt(bytes, place, 32)) + (BigInt(bitsAt(bytes, place + 32, width - 32)) << 32n);
}

/** Each shares so many bytes with the one before. */
export function deltaByteArrays(reader: ByteReader, count: number): Uint8Array[] {
  const shared = deltas(reader, count, 32);
  const lengths = deltas(reader, count, 32);
  let total = 0;
  let previous = new Uint8Array(0);
  return shared.map((each, i) => {
    const rest = reader.take(Number(lengths[i]!));
    const kept = Number(each);
    total += kept + rest.length;
    if (!(kept >= 0 && kept <= previous.length && total <= MAX_SHARED_BYTES)) throw new Error(`its values share ${kept} of ${previous.length} bytes, and have ${total} in all`);
    const value = new Uint8Array(kept + rest.length);
    value.set(previous.subarray(0, kept));
    value.set(rest, kept);
    previous = value;
    return value;
  });
}
