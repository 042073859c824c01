/** Image formats, told by their first bytes: libvips would try others too (SVG, PDF), which are no photographs but programs. */

export type ImageFormat = "jpeg" | "png" | "webp" | "tiff" | "gif";

const MAGIC: readonly (readonly [ImageFormat, RegExp])[] = [
  ["jpeg", /^\xff\xd8\xff/],
  ["png", /^\x89PNG\r\n\x1a\n/],
  ["gif", /^GIF8[79]a/],
  ["webp", /^RIFF[^]{4}WEBP/],
  // Little and big endian, and BigTIFF of each.
  ["tiff", /^(II[*+]\0|MM\0[*+])/],
];

/** undefined for bytes of none of the formats. */
export function imageFormat(bytes: Uint8Array): ImageFormat | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 12)).toString("latin1");
  return MAGIC.find(([, magic]) => magic.test(head))?.[0];
}
