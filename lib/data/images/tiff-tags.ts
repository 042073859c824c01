/** Numbers in the first directory of a TIFF: classic and BigTIFF, of either byte order. */

export const [COMPRESSION, PHOTOMETRIC] = [259, 262] as const;
/** A type of values: two bytes. */
const SHORT = 3;

/** The value of a tag of one integer; undefined where there is none, or the file is cut short before it. */
export function tiffTag(bytes: Uint8Array, tag: number): number | undefined {
  const file = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  try {
    const little = file.getUint8(0) === 0x49;
    const isBig = file.getUint16(2, little) === 43;
    const long = (at: number): number => (isBig ? Number(file.getBigUint64(at, little)) : file.getUint32(at, little));
    const directory = long(isBig ? 8 : 4);
    const entries = isBig ? long(directory) : file.getUint16(directory, little);
    const [first, size, value] = isBig ? [directory + 8, 20, 12] : [directory + 2, 12, 8];
    for (let entry = first; entry < first + entries * size; entry += size) {
      if (file.getUint16(entry, little) !== tag) continue;
      return file.getUint16(entry + 2, little) === SHORT ? file.getUint16(entry + value, little) : long(entry + value);
    }
  } catch (cause) {
    // Beyond the end of the file.
    if (!(cause instanceof RangeError)) throw cause;
  }
  return undefined;
}
