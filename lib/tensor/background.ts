/** Work beside this thread, see native/background.h and native/file_reading.h. */

import { native } from "../native.js";
import { writeCall, type OperatorFunction } from "./operators.js";
import { Tensor } from "./tensor.js";

/**
 * Calls an operator that makes one new tensor in libuv's pool, on one of its threads. Nobody may write to the arguments meanwhile; disposing of
 * them is allowed.
 *
 * @param args by position; lists that are plain arrays
 * @throws what the operator throws
 */
export async function inBackground(operator: unknown, args: readonly unknown[]): Promise<Tensor> {
  writeCall(operator as OperatorFunction, args, 0);
  return new Tensor(await native.callInBackground());
}

/** The bytes of a file, sooner than by Node's `readFile`; null for what is no common file with something in it, or cannot be read. */
export async function readWhole(path: string): Promise<Uint8Array | null> {
  return await native.readFileInBackground(path);
}
