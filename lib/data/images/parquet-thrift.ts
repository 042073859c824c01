/**
 * Thrift's compact protocol, in which Parquet's footer and page headers are written, for bytes that anyone may have made: lists are no
 * longer than the bytes that are left, numbers no longer than 64 bits and structs no deeper than any of Parquet's, so that time and
 * memory are of the order of the bytes. Source: thrift/doc/specs/thrift-compact-protocol.md.
 */

/** By the fields' numbers; integers up to 32 bits as numbers, of 64 bits as bigints where they are not safe. */
export type ThriftStruct = ReadonlyMap<number, unknown>;

const [STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, STRUCT] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12];
// The deepest of Parquet's is at 6.
const MAX_DEPTH = 16;

/** Reads bytes in order. @throws Error beyond their end */
export class ByteReader {
  constructor(readonly bytes: Uint8Array, public at = 0) {}

  get left(): number {
    return this.bytes.length - this.at;
  }

  byte(): number {
    if (this.at >= this.bytes.length) throw new Error(`it ends after ${this.bytes.length} bytes`);
    return this.bytes[this.at++]!;
  }

  take(length: number): Uint8Array {
    if (!(length >= 0 && length <= this.left)) throw new Error(`${length} bytes were expected, but ${this.left} are left`);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  uint32(): number {
    const [a, b, c, d] = this.take(4) as unknown as [number, number, number, number];
    return a + b * 2 ** 8 + c * 2 ** 16 + d * 2 ** 24;
  }

  /** Up to 32 bits, in groups of seven. */
  varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 35; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new Error("a number has more than 32 bits");
  }

  /** Up to 64 bits. */
  zigzag(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
    }
    throw new Error("a number has more than 64 bits");
  }
}

/** Reads one struct. @throws Error when the bytes are none, or end before it does */
export function readStruct(reader: ByteReader, depth = 0): ThriftStruct {
  if (depth > MAX_DEPTH) throw new Error("its structs are too deep");
  const fields = new Map<number, unknown>();
  for (let id = 0; ;) {
    const head = reader.byte();
    const type = head & 15;
    if (type === STOP) return fields;
    id = head >> 4 === 0 ? Number(reader.zigzag()) : id + (head >> 4);
    fields.set(id, type === TRUE || type === FALSE ? type === TRUE : readValue(reader, type, depth));
  }
}

function readValue(reader: ByteReader, type: number, depth: number): unknown {
  switch (type) {
    case BYTE:
      return reader.byte();
    case I16: case I32: case I64: {
      const value = reader.zigzag();
      return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
    }
    case DOUBLE:
      return reader.take(8);
    case BINARY:
      return reader.take(reader.varint());
    case LIST: {
      const head = reader.byte();
      const length = head >> 4 === 15 ? reader.varint() : head >> 4;
      // Every element has at least one byte.
      if (length > reader.left || depth > MAX_DEPTH) throw new Error(`a list claims ${length} elements, but ${reader.left} bytes are left`);
      const element = head & 15;
      return Array.from({ length }, () => (element === TRUE || element === FALSE ? reader.byte() === 1 : readValue(reader, element, depth + 1)));
    }
    case STRUCT:
      return readStruct(reader, depth + 1);
    default:
      throw new Error(`a field is of type ${type}`);
  }
}
