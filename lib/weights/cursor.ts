/** Reads a source from front to back, a window at a time. */

import type { ByteSource } from "./input-file.js";
import { malformed } from "./malformed.js";

const WINDOW = 1 << 16;

export class Cursor {
  position = 0;
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;

  constructor(readonly path: string, readonly source: ByteSource) {}

  get remaining(): number {
    return this.source.length - this.position;
  }

  /** The next bytes; valid until the next call. */
  bytes(length: number): Buffer {
    if (length > this.remaining) throw malformed(this.path, `truncated: ${length} bytes were expected at byte ${this.position} of its pickle, ${this.remaining} are left`);
    let at = this.position - this.#windowStart;
    if (at < 0 || at + length > this.#window.length) {
      this.#window = this.source.read(this.position, Math.min(Math.max(length, WINDOW), this.remaining));
      this.#windowStart = this.position;
      at = 0;
    }
    this.position += length;
    return this.#window.subarray(at, at + length);
  }

  byte(): number {
    // Opcodes are read so: a view of the window for each would take most of the time.
    const byte = this.#window[this.position - this.#windowStart];
    if (byte === undefined) return this.bytes(1)[0]!;
    this.position++;
    return byte;
  }
}
