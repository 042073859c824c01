/** What libvips says of an image that it cannot decode, as far as it is about that image. */

import type { ImageFormat } from "./image-format.js";

/** How the lines begin that are of the loader of a format. */
const LOADERS: Readonly<Record<ImageFormat, RegExp>> = {
  jpeg: /^(VipsJpeg|(vips__)?jpeg)/, png: /^(vipspng|(vips__)?png)/, webp: /^(vips__)?webp/, tiff: /^(vips__)?tiff/, gif: /^(vips__)?gif/,
};

/** Of whichever image it is: that libvips found no loader, or that bytes are missing. */
const ANYBODYS = /^(VipsForeignLoad|source): /;

const NOTHING = "the file is damaged or cut short, or of a kind that libvips does not read";

/**
 * libvips keeps its messages in one place for all threads: when several images fail at once, one gets them all and the others get none. What the loader of another
 * format says is of another image; of the rest, the first line.
 */
export function libvipsText(format: ImageFormat, error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error)).replace(/^Input buffer has corrupt header:/, "");
  const others = [ANYBODYS, ...Object.entries(LOADERS).flatMap(([each, loader]) => (each === format ? [] : [loader]))];
  const lines = text.split("\n").map((line) => line.trim());
  return lines.find((line) => line !== "" && line !== "Unknown error" && !others.some((loader) => loader.test(line))) ?? NOTHING;
}
