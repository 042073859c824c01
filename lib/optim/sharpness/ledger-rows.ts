/**
 * Memory for the ledgers of many steps, a row each: one tensor is made and, where nobody read them, sent to the host for all of them. A
 * step that asked for memory of its own, and sent it, would spend as long on that as on a climb.
 */

import { fetchAfter, fetchMemory, startFetch } from "../../tensor/internal.js";
import { currentStream, keep, ops, stream, zeros, type Device, type Event, type Stream, type Tensor } from "../../tensor/index.js";
import { once } from "../once.js";

const operators = once(() => ({ select: ops.aten["select.int"], unbind: ops.aten["unbind.int"] }));

/** What one step notes its numbers in. */
export interface LedgerRow {
  /** A float64 vector, zero at first. */
  readonly numbers: Tensor;
  /** All was noted. From now on {@link read} waits for no more than what the device was told until now. */
  close(): void;
  /** Waits for the numbers; to be called once. */
  read(): Float64Array;
  /** The same for a row that was closed long ago: the others of its block come with it, if no more steps use that. */
  readAll(): Float64Array;
  /** Nobody will read it. */
  drop(): void;
}

export class LedgerRows {
  /** Steps that share memory. */
  static readonly COUNT = 64;
  /** Those that steps take rows of, by stream: nothing else would tell another stream to wait until the memory is zero. */
  private readonly blocks = new Map<string, Block>();

  /** The next row, of at least so many numbers. */
  take(device: Device, size: number): LedgerRow {
    const on = device.startsWith("cuda") ? currentStream(device) : null;
    const key = on === null ? device : `${device} ${on.id}`;
    let block = this.blocks.get(key);
    if (block?.hasRow(size) !== true) {
      const next = new Block(device, size, on);
      block?.retire();
      this.blocks.set(key, (block = next));
    }
    return block.next();
  }

  /** Frees the memory. Rows that were closed can still be read. */
  dispose(): void {
    for (const block of this.blocks.values()) block.dispose();
    this.blocks.clear();
  }
}

class Block {
  private readonly numbers: Tensor;
  private readonly rows: readonly Tensor[];
  /** What is fetched comes here: reading is not the time to make it. */
  private readonly host: Tensor;
  private taken = 0;
  /** Rows that were handed out and neither read nor dropped. */
  private unread = 0;
  private isRetired = false;
  /** When the rows that are unread were closed, in order. */
  private readonly closed = new Set<Event>();
  /** Gives all numbers, once they are on the host or on their way there. */
  private all: (() => Float64Array) | null = null;

  constructor(device: Device, private readonly width: number, private readonly on: Stream | null) {
    this.numbers = keep(zeros([LedgerRows.COUNT, width], { dtype: "float64", device }));
    this.rows = operators().unbind(this.numbers, 0);
    this.rows.forEach(keep);
    this.host = fetchMemory([LedgerRows.COUNT, width], "float64", device);
  }

  hasRow(size: number): boolean {
    return this.taken < LedgerRows.COUNT && size <= this.width;
  }

  next(): LedgerRow {
    const index = this.taken++;
    const numbers = this.rows[index]!;
    let closed: Event | null = null;
    let isDone = false;
    this.unread++;
    const done = (): void => {
      if (isDone) return;
      isDone = true;
      this.unread--;
      if (closed !== null) this.closed.delete(closed);
      closed?.dispose();
      if (this.isRetired && this.unread === 0) this.free();
    };
    const read = (): Float64Array => {
      const row = this.all?.().slice(index * this.width, (index + 1) * this.width) ?? this.fetchRow(index, closed);
      done();
      return row;
    };
    return {
      numbers,
      close: () => {
        if (this.on !== null) this.closed.add((closed = this.on.recordEvent()));
      },
      read,
      readAll: () => {
        if (this.isRetired) this.fetchAll();
        return read();
      },
      drop: done,
    };
  }

  private fetchRow(index: number, closed: Event | null): Float64Array {
    const row = this.rows[index]!;
    const copy = operators().select(this.host, 0, index);
    return numbersOf(closed === null ? startFetch(row, copy)() : fetchAfter(closed, row, copy));
  }

  private fetchAll(): void {
    if (this.all !== null) return;
    const last = [...this.closed].at(-1);
    const numbers = numbersOf(last === undefined ? startFetch(this.numbers, this.host)() : fetchAfter(last, this.numbers, this.host));
    this.all = () => numbers;
    this.free();
  }

  /** No more rows are taken. */
  retire(): void {
    this.isRetired = true;
    if (this.unread === 0) this.free();
  }

  /** Frees it now; what was not read is on its way to the host. */
  dispose(): void {
    this.retire();
    if (this.unread === 0) return;
    const start = (): (() => Tensor) => startFetch(this.numbers, this.host);
    try {
      const finish = this.on === null ? start() : stream(this.on, start);
      this.all = once(() => numbersOf(finish()));
    } catch {
      // Rows can still be read one by one, and free it then.
      return;
    }
    this.freeRows();
  }

  private free(): void {
    this.freeRows();
    this.host.dispose();
  }

  private freeRows(): void {
    for (const row of this.rows) row.dispose();
    this.numbers.dispose();
  }
}

/** What a fetched float64 tensor holds; frees that. */
export function numbersOf(fetched: Tensor): Float64Array {
  try {
    return fetched.data() as Float64Array;
  } finally {
    fetched.dispose();
  }
}
