/** The shards of a data set, read one after the other, and what becomes of one that cannot be read. */

import { DgsamError } from "../../errors.js";
import { withoutPath, type DataProblem } from "./problems.js";

/** What a shard or a folder does that cannot be read: end the reading, as training must, or be a problem beside what the others hold, as a check wants it. */
export type UnreadablePolicy = "throw" | "report";

export interface ReadingOptions {
  /** Default "throw". */
  unreadable?: UnreadablePolicy;
  /** Ends the reading with its reason. */
  signal?: AbortSignal | undefined;
}

/**
 * What `read` gives for each file that it can read; the others are added to `problems`.
 *
 * @throws what `read` throws, where that is to end the reading, is no fault of the data, or no file at all can be read; the signal's reason
 */
export async function readShards<T>(files: readonly string[], { unreadable = "throw", signal }: ReadingOptions, problems: DataProblem[], read: (file: string) => Promise<T>): Promise<T[]> {
  const shards: T[] = [];
  let first: DgsamError | undefined;
  for (const file of files) {
    try {
      shards.push(await read(file));
    } catch (error) {
      if (unreadable === "throw" || signal?.aborted === true || !(error instanceof DgsamError) || error.code !== "ERR_DATA") throw error;
      first ??= error;
      problems.push({ kind: "unreadable", path: file, message: withoutPath(error.message, file) });
    }
  }
  if (shards.length === 0 && first !== undefined) throw first;
  return shards;
}
