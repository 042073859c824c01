/** The memory of the call frame (native/frame.h): one Float64Array that this thread and the addon share. */

import { DgsamError } from "../errors.js";
import { native } from "../native.js";

let memory = new Float64Array(0);
let bits = new BigInt64Array(0);

function allocate(length: number): void {
  let buffer: ArrayBuffer;
  try {
    buffer = new ArrayBuffer(length * Float64Array.BYTES_PER_ELEMENT);
  } catch (cause) {
    throw new DgsamError("ERR_OOM", `the arguments of one operator call take ${length} numbers, more than fit into memory`, { cause });
  }
  const grown = new Float64Array(buffer);
  grown.set(memory);
  memory = grown;
  bits = new BigInt64Array(buffer);
  native.setFrame(memory);
}

allocate(4096);

export function callFrame(): Float64Array {
  return memory;
}

/** The same memory as 64-bit integers, for bigint values. */
export function callFrameBits(): BigInt64Array {
  return bits;
}

export function frameCapacity(): number {
  return memory.length;
}

/** Makes room for at least `length` numbers, keeping what is written. */
export function growFrame(length: number): Float64Array {
  if (length > memory.length) allocate(Math.max(length, 2 * memory.length));
  return memory;
}
