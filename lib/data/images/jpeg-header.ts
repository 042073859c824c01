/** The header of a JPEG, for those that are as most photographs are: libvips takes a quarter of the time of decoding to read it. */

const [APP0, APP1, APP2, APP13, APP14] = [0xe0, 0xe1, 0xe2, 0xed, 0xee];
/** Baseline, extended and progressive; others are rare. */
const FRAMES: ReadonlySet<number> = new Set([0xc0, 0xc1, 0xc2]);
const START_OF_SCAN = 0xda;
/** Huffman tables, quantisation tables, restart interval, comment; JFIF, Photoshop's resources, Adobe's colour transform. */
const HARMLESS: ReadonlySet<number> = new Set([0xc4, 0xdb, 0xdd, 0xfe, APP0, APP13, APP14]);

export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  /** Whether there is EXIF, which may hold an orientation. */
  readonly hasExif: boolean;
}

/**
 * What the segments before the pixels say; undefined where that is not three channels of 8 bits, or there is a segment that could change how it
 * is decoded (a gain map, say), or anything that is not as it should be: that is for libvips to say.
 */
export function plainJpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  const begins = (at: number, text: string): boolean => [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));
  const wordAt = (at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
  let [width, height, hasExif] = [0, 0, false];
  let at = 2;
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1]!;
    if (marker === START_OF_SCAN) return width > 0 && height > 0 ? { width, height, hasExif } : undefined;
    const start = at + 4;
    if (FRAMES.has(marker)) {
      if (width > 0 || bytes[start] !== 8 || bytes[start + 5] !== 3) return undefined;
      [height, width] = [wordAt(start + 1), wordAt(start + 3)];
    } else if (marker === APP1 && begins(start, "Exif\0\0")) hasExif = true;
    else if (!HARMLESS.has(marker) && !(marker === APP2 && begins(start, "ICC_PROFILE\0"))) return undefined;
    at += 2 + Math.max(wordAt(at + 2), 2);
  }
  return undefined;
}
