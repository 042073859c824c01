/** Whether one image can be decoded, to its last line, by the rules of training. The only place of the data check that knows the decoder. */

import { DgsamError } from "../../errors.js";
import { checkDecoding, TooManyPixels } from "./decode.js";
import type { DataProblem } from "./problems.js";

/** What is wrong with an image's bytes, if anything is; off the main thread. Pixels are counted before any is decoded. */
export async function checkImage(bytes: Uint8Array, path: string, maxPixels: number): Promise<DataProblem | undefined> {
  try {
    await checkDecoding(bytes, { maxPixels, path });
    return undefined;
  } catch (error) {
    if (!(error instanceof DgsamError) || error.code !== "ERR_DATA") throw error;
    return { kind: error instanceof TooManyPixels ? "too-many-pixels" : "unreadable", path, message: error.message.slice(`${path}: `.length) };
  }
}
