/** Whether a download without a known digest holds weights: servers answer 200 with pages, too, and cut files come with lengths that fit. */

import { DgsamError } from "../../errors.js";
import { scope } from "../../tensor/index.js";
import { loadWeights, readPyTorch } from "../../weights/index.js";
import { withInputFile } from "../../weights/input-file.js";
import { malformed } from "../../weights/malformed.js";

/**
 * @param entry of a checkpoint, if one is asked for
 * @param from the address, for the message
 * @throws DgsamError `ERR_DATA` when the file cannot be read as weights
 */
export function checkReadable(path: string, entry: string | undefined, from: string): void {
  try {
    scope(() => void loadWeights(path, entry === undefined ? {} : { entry }));
  } catch (cause) {
    if (!(cause instanceof DgsamError)) throw cause;
    // A dtype that LibTorch lacks, or a checkpoint of several state dicts: the file is whole, and who loads it tells how to go on.
    if (cause.code !== "ERR_DATA" || isCheckpoint(path)) return;
    const hint = isPage(path) ? "; it is a web page: a log-in, a portal or an error page, which a browser shows at this address" : "";
    throw malformed(from, `what the server sent cannot be read as weights, and was not kept: ${cause.message.replaceAll(`${path}: `, "")}${hint}`, cause);
  }
}

function isCheckpoint(path: string): boolean {
  try {
    scope(() => void readPyTorch(path));
    return true;
  } catch (error) {
    if (error instanceof DgsamError) return false;
    throw error;
  }
}

function isPage(path: string): boolean {
  const head = withInputFile(path, (file) => file.read(0, Math.min(file.length, 512)).toString());
  return /^\s*<(!doctype|!--|\?xml|html|head|body)/i.test(head);
}
