/**
 * IDX, the file format of MNIST and its kin (http://yann.lecun.com/exdb/mnist/): a big-endian magic number
 * (00 00, element type, number of dimensions), one 32-bit size per dimension, then the elements.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { checkString } from "../checks.js";
import { DgsamError } from "../errors.js";

const UNSIGNED_BYTE = 0x08;

/** Grey images in one block of memory. */
export interface IdxImages {
  readonly count: number;
  readonly rows: number;
  readonly columns: number;
  /** One byte a pixel, [count, rows, columns], row by row. */
  readonly pixels: Uint8Array;
}

/**
 * Reads an IDX file of images (three dimensions of unsigned bytes), plain or gzip-compressed.
 * @throws ERR_DATA, with the path, when the file cannot be read, is no such file, is too short or too long; ERR_ARGUMENT
 *   when the path is no string.
 */
export function readIdxImages(path: string): IdxImages {
  const { sizes, elements } = readIdx(path, 3);
  return { count: sizes[0]!, rows: sizes[1]!, columns: sizes[2]!, pixels: elements };
}

/**
 * Reads an IDX file of labels (one dimension of unsigned bytes), plain or gzip-compressed.
 * @returns one byte an item, [count].
 * @throws as `readIdxImages`.
 */
export function readIdxLabels(path: string): Uint8Array {
  return readIdx(path, 1).elements;
}

/**
 * Reads images and their labels.
 * @throws as `readIdxImages`; ERR_DATA also when the two files hold different numbers of items.
 */
export function readIdxPair(imagesPath: string, labelsPath: string): { images: IdxImages; labels: Uint8Array } {
  const images = readIdxImages(imagesPath);
  const labels = readIdxLabels(labelsPath);
  if (images.count !== labels.length) {
    throw new DgsamError("ERR_DATA", `${imagesPath} holds ${images.count} images, but ${labelsPath} holds ` +
      `${labels.length} labels; they must be the two files of one set`);
  }
  return { images, labels };
}

function readIdx(path: string, dimensions: number): { sizes: number[]; elements: Uint8Array } {
  // A number would be taken for a file descriptor.
  checkString("IDX file: path", path);
  const bytes = readBytes(path);
  const headerLength = 4 + 4 * dimensions;
  const magic = (UNSIGNED_BYTE << 8) | dimensions;
  const kind = dimensions === 1 ? "labels" : "images";
  if (bytes.length >= 4 && bytes.readUInt32BE(0) !== magic) {
    throw invalid(path, `expected an IDX file of ${kind} (magic number ${hex(magic)}), ` +
      `got magic number ${hex(bytes.readUInt32BE(0))}`);
  }
  if (bytes.length < headerLength) {
    throw invalid(path, `truncated: an IDX header of ${headerLength} bytes was expected, got ${bytes.length} bytes`);
  }
  const sizes = Array.from({ length: dimensions }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  // The product of three 32-bit sizes may exceed 2^53: then it is inexact, but still far above any file's length.
  const expected = sizes.reduce((product, size) => product * size, 1);
  const actual = bytes.length - headerLength;
  if (actual < expected) {
    throw invalid(path, `truncated: its header promises ${sizes.join(" x ")} elements (${expected} bytes), ` +
      `but only ${actual} bytes follow`);
  }
  if (actual > expected) {
    throw invalid(path, `${actual - expected} trailing bytes after the ${sizes.join(" x ")} elements that its header promises`);
  }
  return { sizes, elements: bytes.subarray(headerLength) };
}

function readBytes(path: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new DgsamError("ERR_DATA", `${path}: cannot be read: ${(cause as Error).message}`, { cause });
  }
  // By content, not by name: a browser may unpack a download and keep the ending.
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (cause) {
    throw new DgsamError("ERR_DATA", `${path}: cannot be decompressed as gzip: ${(cause as Error).message}`, { cause });
  }
}

function invalid(path: string, problem: string): DgsamError {
  return new DgsamError("ERR_DATA", `${path}: ${problem}`);
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}
