/** Decompression of Parquet's pages, to no more than a page claims to be, and claims no more than the codec can make of its bytes. */

import { brotliDecompressSync, unzipSync } from "node:zlib";
import type { Codec } from "./parquet-metadata.js";

/** Loaded when a Parquet file is opened. */
export type CompressionLibrary = typeof import("hyparquet-compressors");

// How many bytes one can become, at most: of snappy 64 by a copy of 3 bytes, of deflate 258 by 2 bits, of LZ4 255, of zstd 2^17 by a block of 4 bytes.
const EXPANSION: Partial<Record<Codec, number>> = { SNAPPY: 22, GZIP: 1032, LZ4: 255, LZ4_RAW: 255, ZSTD: 1 << 15 };
// Writers make pages of 1 MB, or of one value, and images hardly shrink.
const MAX_PAGE_BYTES = 1 << 30;
const PAGE_ROOM = 1 << 26;
const MAX_EXPANSION = 32;

/** @param size what the page claims to be when decompressed. @throws Error when it is not */
export function decompress(codec: Codec, bytes: Uint8Array, size: number, library: CompressionLibrary): Uint8Array {
  // A page of nulls alone may have no bytes at all, which are no stream of any codec.
  if (size === 0) return new Uint8Array(0);
  const most = Math.min(MAX_PAGE_BYTES, PAGE_ROOM + MAX_EXPANSION * bytes.length, (EXPANSION[codec] ?? Infinity) * bytes.length);
  if (size > most) throw new Error(`it claims that its ${bytes.length} bytes become ${size}`);
  const result = unpacked(codec, bytes, size, library);
  if (result.length !== size) throw new Error(`it has ${result.length} bytes instead of ${size}`);
  return result;
}

function unpacked(codec: Codec, bytes: Uint8Array, size: number, { compressors, decompressZstd }: CompressionLibrary): Uint8Array {
  if (codec === "UNCOMPRESSED") return bytes;
  if (codec === "GZIP") return unzipSync(bytes, { maxOutputLength: size });
  if (codec === "BROTLI") return brotliDecompressSync(bytes, { maxOutputLength: size });
  if (codec === "ZSTD") {
    checkZstd(bytes, size);
    // With a place to write to, no window is allocated and moved for each block, which a frame may claim to have 2 GB.
    return decompressZstd(bytes, new Uint8Array(size));
  }
  // Hadoop's frames of negative sizes would be an endless loop.
  const known = codec === "LZ4" && !isHadoopLz4(bytes) ? "LZ4_RAW" : codec;
  const decompressor = compressors[known];
  if (decompressor === undefined) throw new Error(`its codec ${codec} is not supported`);
  return decompressor(bytes, size);
}

/** Throws unless a frame that tells its size tells the page's. Source: RFC 8878, 3.1.1.1. */
function checkZstd(bytes: Uint8Array, size: number): void {
  // As long as the longest header.
  const head = Buffer.alloc(18);
  head.set(bytes.subarray(0, head.length));
  if (head.readUInt32LE() !== 0xfd2fb528) throw new Error("it is no zstd frame");
  const descriptor = head[4]!;
  const single = (descriptor & 32) !== 0;
  const at = 5 + (single ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  if (descriptor >> 6 === 0 && !single) return;
  const told = [() => head[at]!, () => head.readUInt16LE(at) + 256, () => head.readUInt32LE(at), () => Number(head.readBigUInt64LE(at))][descriptor >> 6]!();
  if (told !== size) throw new Error(`its frame claims ${told} bytes instead of ${size}`);
}

/** Whether the bytes are Hadoop's frames: two big-endian sizes, decompressed and compressed, before each block. */
function isHadoopLz4(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (at + 8 <= bytes.length) at += 8 + view.getUint32(at + 4);
  return at === bytes.length;
}
