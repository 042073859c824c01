/**
 * A reader of Python's pickles (protocols 2 to 5; the opcodes are described in Python's pickletools.py) that runs no code. A
 * pickle is a program for a stack machine; what can harm in it is that it names functions and has them called. Here a name stands
 * for what the caller's table says, and every name that is not in it is refused, or stands for an {@link Opaque}.
 *
 * Lists and tuples become arrays, dicts Maps, sets Sets, bytes Uint8Arrays, ints numbers (bigints beyond 2^53), None null.
 * Memory stays in proportion to the bytes that were read, and time and memory below what {@link BUDGET} allows.
 */

import { constants } from "node:buffer";
import type { Cursor } from "./cursor.js";
import { malformed } from "./malformed.js";
import { Opaque, refusal } from "./opaque.js";

/** A function that pickles may name. */
export class PickleFunction {
  constructor(readonly name: string, readonly call: (args: readonly unknown[]) => unknown) {}
}

/** An object that takes what a pickle says of it after it was made (BUILD, Python's `__setstate__`). */
export interface Stateful {
  /** Its class in Python, for errors. */
  readonly type: string;
  /** @throws PickleFault when it is no state of such an object */
  setState(state: unknown): void;
}

/** What a pickle may refer to outside itself. */
export interface PickleWorld {
  /** What each global name, `module.name`, stands for: a {@link PickleFunction} or a plain value. */
  readonly globals: ReadonlyMap<string, unknown>;
  /** Whether other names stand for {@link Opaque}s. Else they are errors. */
  readonly keepsUnknown: boolean;
  /** What a persistent id stands for. */
  persistent(id: unknown): unknown;
}

// Longer names and numbers are no honest ones; numbers of a million digits take long to convert.
const MAX_NAME = 1024;
const MAX_LONG = 1024;

/**
 * What a pickle may spend: a unit for each opcode, and more for those that make what is larger than a number. So a file of a few kB, deflated,
 * cannot have more made of it than memory, V8's tables of 2^24 entries and patience hold: a unit is at most some 100 bytes and 200 ns.
 * A tensor of a state dict costs about 90 units, a number in a list one.
 */
const BUDGET = 2 ** 24;
const MEMO_COST = 2;
const SET_ITEM_COST = 2;
const LIST_COST = 2;
const TABLE_COST = 8;
const BYTES_COST = 4;
const CALL_COST = 8;
/** Text takes up to two bytes a byte of it, in V8's heap; copies of text and bytes lie elsewhere. As shifts: 32 and 64 bytes a unit. */
const TEXT_SHIFT = 5;
const COPY_SHIFT = 6;

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Opcodes that are not read, by name. */
const REFUSED: ReadonlyMap<number, string> = new Map([
  ["i", "INST"], ["o", "OBJ"], ["P", "PERSID"], ["I", "INT"], ["L", "LONG"], ["S", "STRING"], ["V", "UNICODE"], ["F", "FLOAT"],
  ["g", "GET"], ["p", "PUT"], ["\x82", "EXT1"], ["\x83", "EXT2"], ["\x84", "EXT4"], ["\x92", "NEWOBJ_EX"], ["\x97", "NEXT_BUFFER"], ["\x98", "READONLY_BUFFER"],
].map(([code, name]) => [code!.charCodeAt(0), name!]));

/** Reads the pickle at the cursor, which then stands behind it. @throws DgsamError `ERR_DATA` */
export function unpickle(cursor: Cursor, world: PickleWorld): unknown {
  return new Unpickler(cursor, world).run();
}

class Unpickler {
  readonly #cursor: Cursor;
  readonly #world: PickleWorld;
  readonly #start: number;
  readonly #stack: unknown[] = [];
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, unknown>();
  #copied = 0;
  #left = BUDGET;

  constructor(cursor: Cursor, world: PickleWorld) {
    this.#cursor = cursor;
    this.#world = world;
    this.#start = cursor.position;
  }

  run(): unknown {
    if (this.#cursor.remaining < 2 || this.#cursor.bytes(2)[0] !== 0x80) throw this.#error("does not begin as one of protocol 2 or later does");
    this.#cursor.position -= 2;
    for (;;) {
      const code = this.#cursor.byte();
      if (code === 0x2e) return this.#pop(); // STOP
      this.#spend(1);
      this.#step(code);
    }
  }

  /** The opcodes, as pickletools.py lists them. */
  #step(code: number): void {
    const cursor = this.#cursor;
    const stack = this.#stack;
    switch (String.fromCharCode(code)) {
      case "\x80": return this.#protocol(cursor.byte());
      case "\x95": return void this.#length(cursor.bytes(8).readBigUInt64LE()); // FRAME: its length is of no use here
      case "(": return void this.#marks.push(stack.length);
      case "0": return this.#popOrMark();
      case "1": return void this.#toMark(); // POP_MARK
      case "2": return void stack.push(this.#top()); // DUP
      case "N": return void stack.push(null);
      case "\x88": return void stack.push(true);
      case "\x89": return void stack.push(false);
      case "J": return void stack.push(cursor.bytes(4).readInt32LE());
      case "K": return void stack.push(cursor.byte());
      case "M": return void stack.push(cursor.bytes(2).readUInt16LE());
      case "\x8a": return void stack.push(this.#long(cursor.byte()));
      case "\x8b": return void stack.push(this.#long(cursor.bytes(4).readInt32LE()));
      case "G": return void stack.push(cursor.bytes(8).readDoubleBE());
      case "X": return void stack.push(this.#text(cursor.bytes(4).readUInt32LE()));
      case "\x8c": return void stack.push(this.#text(cursor.byte()));
      case "\x8d": return void stack.push(this.#text(this.#length(cursor.bytes(8).readBigUInt64LE())));
      // Python 2's strings: text in what state dicts hold.
      case "T": return void stack.push(this.#text(cursor.bytes(4).readUInt32LE()));
      case "U": return void stack.push(this.#text(cursor.byte()));
      case "B": return void stack.push(this.#bytes(cursor.bytes(4).readUInt32LE()));
      case "C": return void stack.push(this.#bytes(cursor.byte()));
      case "\x8e": case "\x96": return void stack.push(this.#bytes(this.#length(cursor.bytes(8).readBigUInt64LE())));
      case "]": return void stack.push(this.#list([]));
      case "a": { const item = this.#pop(); return void this.#topList().push(item); }
      case "e": { const items = this.#toMark(); const list = this.#topList(); for (const item of items) list.push(item); return; }
      case "l": case "t": return void stack.push(this.#list(this.#toMark()));
      case ")": return void stack.push(this.#list([]));
      case "\x85": return void stack.push(this.#list(this.#last(1)));
      case "\x86": return void stack.push(this.#list(this.#last(2)));
      case "\x87": return void stack.push(this.#list(this.#last(3)));
      case "}": return void stack.push(this.#dict([]));
      case "d": return void stack.push(this.#dict(this.#toMark()));
      case "s": { const items = this.#last(2); return this.#setItems(this.#topDict(), items); }
      case "u": { const items = this.#toMark(); return this.#setItems(this.#topDict(), items); }
      case "\x8f": return void stack.push(this.#set([]));
      case "\x90": { const items = this.#toMark(); const set = this.#topSet(); this.#spend(SET_ITEM_COST * items.length); for (const item of items) set.add(item); return; }
      case "\x91": return void stack.push(this.#set(this.#toMark()));
      case "q": return this.#remember(cursor.byte());
      case "r": return this.#remember(cursor.bytes(4).readUInt32LE());
      case "\x94": return this.#remember(this.#memo.size);
      case "h": return void stack.push(this.#recall(cursor.byte()));
      case "j": return void stack.push(this.#recall(cursor.bytes(4).readUInt32LE()));
      case "c": return void stack.push(this.#global(this.#line(), this.#line()));
      case "\x93": { const [module, name] = this.#last(2); return void stack.push(this.#global(module, name)); }
      // To make an object of a class is to call it, here.
      case "R": case "\x81": { const [callee, args] = this.#last(2); return void stack.push(this.#call(callee, args)); }
      case "b": { const state = this.#pop(); return this.#build(this.#top(), state); }
      case "Q": return void stack.push(this.#world.persistent(this.#pop()));
      default: throw this.#error(REFUSED.has(code) ? `has the opcode ${REFUSED.get(code)!}, which is not read` : `has the unknown opcode 0x${code.toString(16)}`);
    }
  }

  #error(problem: string): Error {
    return malformed(this.#cursor.path, `its pickle ${problem} (before byte ${this.#cursor.position})`);
  }

  #spend(units: number): void {
    this.#left -= units;
    if (this.#left < 0)
      throw this.#error(`makes too much: it goes beyond ${BUDGET} steps and values. Store the weights alone, in Python: torch.save(model.state_dict(), path)`);
  }

  #protocol(version: number): void {
    if (version < 2 || version > 5) throw this.#error(`is of protocol ${version}; 2 to 5 are read`);
  }

  #length(value: bigint): number {
    if (value > BigInt(this.#cursor.remaining)) throw this.#error(`claims ${value} bytes, and ${this.#cursor.remaining} are left`);
    return Number(value);
  }

  /** The lowest place on the stack that may be taken: behind the last mark. */
  get #floor(): number {
    return this.#marks.at(-1) ?? 0;
  }

  #top(): unknown {
    if (this.#stack.length <= this.#floor) throw this.#error("takes from an empty stack");
    return this.#stack.at(-1);
  }

  #pop(): unknown {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #popOrMark(): void {
    if (this.#stack.length > this.#floor) this.#stack.pop();
    else if (this.#marks.pop() === undefined) throw this.#error("takes from an empty stack");
  }

  #last(count: number): unknown[] {
    if (this.#stack.length - count < this.#floor) throw this.#error("takes from an empty stack");
    return this.#stack.splice(-count);
  }

  #toMark(): unknown[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.#error("has no mark where one is needed");
    return this.#stack.splice(mark);
  }

  #list(items: unknown[]): unknown[] {
    this.#spend(LIST_COST);
    return items;
  }

  #dict(items: readonly unknown[]): Map<unknown, unknown> {
    this.#spend(TABLE_COST);
    const dict = new Map<unknown, unknown>();
    this.#setItems(dict, items);
    return dict;
  }

  #set(items: readonly unknown[]): Set<unknown> {
    this.#spend(TABLE_COST + SET_ITEM_COST * items.length);
    return new Set(items);
  }

  #bytes(length: number): Uint8Array {
    this.#spend(BYTES_COST);
    return new Uint8Array(this.#cursor.bytes(length));
  }

  // What is put into an opaque one goes nowhere.

  #topList(): unknown[] {
    const list = this.#top();
    if (list instanceof Opaque) return [];
    if (!Array.isArray(list)) throw this.#error("appends to what is no list");
    return list as unknown[];
  }

  #topDict(): Map<unknown, unknown> {
    const dict = this.#top();
    if (dict instanceof Opaque) return new Map();
    if (!(dict instanceof Map)) throw this.#error("sets items of what is no dict");
    return dict as Map<unknown, unknown>;
  }

  #topSet(): Set<unknown> {
    const set = this.#top();
    if (set instanceof Opaque) return new Set();
    if (!(set instanceof Set)) throw this.#error("adds to what is no set");
    return set as Set<unknown>;
  }

  #setItems(dict: Map<unknown, unknown>, items: readonly unknown[]): void {
    if (items.length % 2 !== 0) throw this.#error("has a key without a value");
    this.#spend(items.length);
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  }

  #text(length: number): string {
    // Before the bytes are read; what is longer than the file is an error of its own.
    if (length > constants.MAX_STRING_LENGTH && length <= this.#cursor.remaining)
      throw this.#error(`has a text of ${length} bytes, and JavaScript's strings hold ${constants.MAX_STRING_LENGTH}`);
    const bytes = this.#cursor.bytes(length);
    this.#spend(1 + (length >>> TEXT_SHIFT));
    try {
      return UTF8.decode(bytes);
    } catch {
      throw this.#error("has text that is no UTF-8");
    }
  }

  #line(): string {
    let line = "";
    for (let byte = this.#cursor.byte(); byte !== 0x0a; byte = this.#cursor.byte()) {
      line += String.fromCharCode(byte);
      this.#spend(1);
      if (line.length > MAX_NAME) throw this.#error(`has a name of more than ${MAX_NAME} characters`);
    }
    return line;
  }

  /** An integer of so many bytes, little endian, in two's complement. */
  #long(length: number): number | bigint {
    if (length < 0 || length > MAX_LONG) throw this.#error(`has an integer of ${length} bytes; ${MAX_LONG} are read`);
    if (length === 0) return 0;
    this.#spend(1 + (length >>> TEXT_SHIFT));
    const hex = Buffer.from(this.#cursor.bytes(length)).reverse().toString("hex");
    return plainInteger(BigInt.asIntN(8 * length, BigInt(`0x${hex}`)));
  }

  #remember(index: number): void {
    this.#spend(MEMO_COST);
    this.#memo.set(index, this.#top());
  }

  #recall(index: number): unknown {
    if (!this.#memo.has(index)) throw this.#error(`takes number ${index}, which it has not stored`);
    return this.#memo.get(index);
  }

  #global(module: unknown, name: unknown): unknown {
    if (typeof module !== "string" || typeof name !== "string") throw this.#error("names a global by what is no text");
    const full = `${module}.${name}`;
    if (this.#world.globals.has(full)) return this.#world.globals.get(full);
    if (this.#world.keepsUnknown) return new Opaque(full);
    throw refusal(this.#cursor.path, full);
  }

  #call(callee: unknown, args: unknown): unknown {
    if (callee instanceof Opaque) return callee;
    if (!(callee instanceof PickleFunction)) throw this.#error("calls what is no function");
    if (!Array.isArray(args)) throw this.#error(`calls ${callee.name} without a list of arguments`);
    this.#give(args);
    // Of an unknown thing nothing known can be made.
    const opaque = (args as unknown[]).find((each) => each instanceof Opaque);
    return opaque ?? this.#faulting(callee.name, () => callee.call(args as unknown[]));
  }

  /** Counts what a function is given: it may copy it. Honest pickles give an object to few calls, so that the copies are hardly longer than they are. */
  #give(values: readonly unknown[]): void {
    this.#spend(CALL_COST + values.length);
    for (const each of values) {
      const length = typeof each === "string" || Array.isArray(each) || each instanceof Uint8Array ? each.length : each instanceof Map ? each.size : 0;
      this.#copied += length;
      this.#spend(typeof each === "string" || each instanceof Uint8Array ? length >>> COPY_SHIFT : length);
    }
    if (this.#copied > 8 * (this.#cursor.position - this.#start)) throw this.#error("gives the same long values to functions again and again");
  }

  #faulting<R>(name: string, call: () => R): R {
    try {
      return call();
    } catch (cause) {
      if (cause instanceof PickleFault) throw this.#error(`calls ${name} with ${cause.message}`);
      throw cause;
    }
  }

  /** Of a dict the state is its attributes, such as a state dict's `_metadata`: no part of what it holds. */
  #build(object: unknown, state: unknown): void {
    if (isStateful(object)) {
      this.#give(Array.isArray(state) ? (state as unknown[]) : [state]);
      this.#faulting(`${object.type}.__setstate__`, () => object.setState(state));
    } else if (!(object instanceof Map || object instanceof Opaque)) throw this.#error("gives attributes to what is no dict");
  }
}

function isStateful(object: unknown): object is Stateful {
  return typeof object === "object" && object !== null && "setState" in object;
}

/** An integer as pickles give it: a number, a bigint beyond 2^53. */
export function plainInteger(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** What functions of the table throw: "... arguments that are not so and so". */
export class PickleFault extends Error {}
