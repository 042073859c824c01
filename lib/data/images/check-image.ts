/** Whether one image can be decoded, to its last line. The only place of the data check that knows the decoder. */

import type { DataProblem } from "./problems.js";

// What is decoded as a whole is faster by half; what is decoded in passing takes no memory to speak of.
const WHOLE_PIXELS = 1 << 22;

/** What is wrong with an image's bytes, if anything is; off the main thread. Pixels are counted before any is decoded. */
export async function checkImage(bytes: Uint8Array, maxPixels: number): Promise<Pick<DataProblem, "kind" | "message"> | undefined> {
  if (bytes.length === 0) return { kind: "unreadable", message: "is empty" };
  const { default: sharp } = await import("sharp");
  try {
    // "truncated" would pass a TIFF of JPEG strips whose tail is missing, and decode other pixels. The limit is ours, to tell it apart from damage.
    const options = { failOn: "error", limitInputPixels: false } as const;
    const { width, height } = await sharp(bytes, options).metadata();
    const pixels = width * height;
    if (!(pixels <= maxPixels)) return { kind: "too-many-pixels", message: `claims ${width} x ${height} = ${pixels} pixels, over the limit of ${maxPixels}; it was not decoded` };
    const image = sharp(bytes, options);
    await (pixels > WHOLE_PIXELS ? image.resize(8, 8, { fit: "fill", fastShrinkOnLoad: false }) : image).raw().toBuffer();
    return undefined;
  } catch (error) {
    return { kind: "unreadable", message: `cannot be decoded: ${(error as Error).message.split("\n")[0]!}` };
  }
}
