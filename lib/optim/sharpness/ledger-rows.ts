/**
 * Memory for the ledgers of many steps, a row each: one tensor is made and, where nobody read them, sent to the host for all of them. A
 * step that asked for memory of its own, and sent it, would spend as long on that as on a climb.
 */

import { fetchAfter, fetchMemory, isCurrent, startFetch } from "../../tensor/internal.js";
import { currentStream, keep, ops, stream, zeros, Event, type Device, type Stream, type Tensor } from "../../tensor/index.js";
import { once } from "../once.js";

const operators = once(() => ({ select: ops.aten["select.int"], unbind: ops.aten["unbind.int"], zero: ops.aten["zero_.default"] }));

/** What one step notes its numbers in. */
export interface LedgerRow {
  /** A float64 vector, zero at first. */
  readonly numbers: Tensor;
  /** A float32 scalar beside it, for the present step. */
  readonly flag: Tensor;
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
  /** The one that the last row is of. */
  private last: Block | null = null;
  /** One that was used up and read: making it anew takes a millisecond. */
  private spare: Block | null = null;
  private isDisposed = false;

  /** The next row, of at least so many numbers. */
  take(device: Device, size: number): LedgerRow {
    const { last } = this;
    const block = last?.isCurrent(device) === true ? last : this.blockOf(device, size);
    return (this.last = block.hasRow(size) ? block : this.follow(block, size)).next();
  }

  private blockOf(device: Device, size: number): Block {
    const on = device.startsWith("cuda") ? currentStream(device) : null;
    const key = on === null ? device : `${device} ${on.id}`;
    let block = this.blocks.get(key);
    if (block === undefined) this.blocks.set(key, (block = new Block(key, device, size, on, (done) => this.reuse(done))));
    return block;
  }

  /** The block after one that has no more rows. */
  private follow(block: Block, size: number): Block {
    const { key, device, on } = block;
    const { spare } = this;
    let next: Block;
    if (spare?.key === key && spare.width >= size) {
      spare.begin();
      this.spare = null;
      next = spare;
    } else {
      next = new Block(key, device, size, on, (done) => this.reuse(done));
    }
    this.blocks.set(key, next);
    block.retire();
    return next;
  }

  private reuse(block: Block): void {
    if (this.isDisposed) return block.free();
    this.spare?.free();
    this.spare = block;
  }

  /** Frees the memory. Rows that were closed can still be read. */
  dispose(): void {
    this.isDisposed = true;
    this.spare?.free();
    this.spare = null;
    this.last = null;
    for (const block of this.blocks.values()) block.dispose();
    this.blocks.clear();
  }
}

class Block {
  private readonly numbers: Tensor;
  private readonly rows: readonly Tensor[];
  readonly flag: Tensor;
  /** What is fetched comes here: reading is not the time to make it. */
  private readonly host: Tensor;
  /** When rows were closed, each its own; made when first needed. */
  private readonly events: Event[] = [];
  private taken = 0;
  /** Rows that were handed out and neither read nor dropped. */
  private unread = 0;
  private isRetired = false;
  /** When the last row was closed. */
  private closed: Event | null = null;
  /** Gives all numbers, once they are on the host or on their way there. */
  private all: (() => Float64Array) | null = null;

  /** @param done takes the block once it has been retired and all its rows were read */
  constructor(readonly key: string, readonly device: Device, readonly width: number, readonly on: Stream | null, private readonly done: (block: Block) => void) {
    this.numbers = keep(zeros([LedgerRows.COUNT, width], { dtype: "float64", device }));
    this.rows = operators().unbind(this.numbers, 0);
    this.rows.forEach(keep);
    this.flag = keep(zeros([], { device }));
    this.host = fetchMemory([LedgerRows.COUNT, width], "float64", device);
  }

  /** Whether steps on a device, in its current stream, may take its rows. */
  isCurrent(device: Device): boolean {
    return device === this.device && (this.on === null || isCurrent(this.on));
  }

  hasRow(size: number): boolean {
    return this.taken < LedgerRows.COUNT && size <= this.width;
  }

  next(): LedgerRow {
    this.unread++;
    return new Row(this, this.taken++);
  }

  /** Begins again, in the stream whose steps it serves. */
  begin(): void {
    operators().zero(this.numbers);
    this.taken = 0;
    this.isRetired = false;
    this.closed = null;
    this.all = null;
  }

  numbersOf(index: number): Tensor {
    return this.rows[index]!;
  }

  close(index: number): Event | null {
    if (this.on === null) return null;
    return (this.closed = this.on.recordEvent((this.events[index] ??= new Event())));
  }

  read(index: number, closed: Event | null): Float64Array {
    if (this.all !== null) return this.all().slice(index * this.width, (index + 1) * this.width);
    const row = this.numbersOf(index);
    const copy = operators().select(this.host, 0, index);
    return numbersOf(closed === null ? startFetch(row, copy)() : fetchAfter(closed, row, copy));
  }

  /** Takes all rows to the host, if no more steps use them. */
  fetchAll(): void {
    if (this.all !== null || !this.isRetired) return;
    const fetched = this.closed === null ? startFetch(this.numbers, this.host)() : fetchAfter(this.closed, this.numbers, this.host);
    const numbers = fetched.data() as Float64Array;
    this.all = () => numbers;
  }

  /** A row was read or dropped. */
  leave(): void {
    this.unread--;
    this.endIfRead();
  }

  /** No more rows are taken. */
  retire(): void {
    this.isRetired = true;
    this.endIfRead();
  }

  private endIfRead(): void {
    if (this.isRetired && this.unread === 0) this.done(this);
  }

  /** Frees it now; what was not read is on its way to the host. */
  dispose(): void {
    this.retire();
    if (this.unread === 0 || this.all !== null) return;
    const start = (): (() => Tensor) => startFetch(this.numbers, this.host);
    try {
      const finish = this.on === null ? start() : stream(this.on, start);
      this.all = once(() => finish().data() as Float64Array);
    } catch {
      // Rows can still be read one by one, and free it then.
      return;
    }
    this.freeRows();
  }

  free(): void {
    this.freeRows();
    this.host.dispose();
  }

  private freeRows(): void {
    for (const row of this.rows) row.dispose();
    this.numbers.dispose();
    this.flag.dispose();
    for (const event of this.events) event?.dispose();
  }
}

class Row implements LedgerRow {
  private closed: Event | null = null;
  private isDone = false;

  constructor(private readonly block: Block, private readonly index: number) {}

  get numbers(): Tensor {
    return this.block.numbersOf(this.index);
  }

  get flag(): Tensor {
    return this.block.flag;
  }

  close(): void {
    this.closed = this.block.close(this.index);
  }

  read(): Float64Array {
    const numbers = this.block.read(this.index, this.closed);
    this.drop();
    return numbers;
  }

  readAll(): Float64Array {
    this.block.fetchAll();
    return this.read();
  }

  drop(): void {
    if (this.isDone) return;
    this.isDone = true;
    this.block.leave();
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
