/** What training does to images where the user says nothing. */

import type { Augment } from "./image-options.js";

/** @param isCropped whether the images were cropped from their originals already */
export function defaultAugmentation(_imageSize: number, _isCropped: boolean): Augment | undefined {
  return undefined;
}
