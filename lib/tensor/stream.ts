/**
 * Streams: queues of work of a CUDA device. What is put into one runs in order, what is put into two runs side by side;
 * events make one wait for another. Without a CUDA device everything here but `synchronize("cpu")` is an `ERR_DEVICE`.
 */

import { checkBoolean, checkInteger, checkString, withDefaults } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import { native, type Handle, type NativeStream } from "../native.js";
import type { Device } from "./dtype.js";
import { handleRegistry } from "./garbage.js";
import { runSync, type Synchronous } from "./modes.js";

export interface StreamOptions {
  /** A CUDA device. Default `"cuda"`, the current one. */
  device?: Device;
  /** 0, or below for a stream whose work goes first, as far as the device knows priorities. Default 0. */
  priority?: number;
}

/**
 * A stream of LibTorch's pool for its device: the pool holds 32 for each priority and hands them out in turn, so two may be
 * the same. Nothing is to be freed.
 * @see torch.cuda.Stream
 */
export class Stream {
  /** @internal */
  readonly place: number;
  /** `"cuda:0"`, ... */
  readonly device: Device;
  /** LibTorch's number for it: streams of one device with one number are the same. */
  readonly id: bigint;

  /** @throws DgsamError `ERR_DEVICE` when the device is no CUDA device, or not there */
  constructor(options: StreamOptions = {}) {
    const { device, priority } = withDefaults("new Stream", options, { device: "cuda" as Device, priority: 0 });
    checkString("new Stream: device", device);
    checkInteger("new Stream: priority", priority, -128, 0);
    ({ place: this.place, device: this.device, id: this.id } = native.newStream(device, priority));
  }

  /** @internal */
  static of(found: NativeStream): Stream {
    return Object.assign(Object.create(Stream.prototype) as Stream, found);
  }

  /** Whether all that was put into it is done. */
  query(): boolean {
    return native.queryStream(this.place);
  }

  /** Waits, on this thread, until all that was put into it is done. */
  synchronize(): void {
    native.synchronizeStream(this.place);
  }

  /** Lets all that is put into it from now on wait for an event; this thread does not wait. */
  waitEvent(event: Event): void {
    checkEvent("waitEvent(event)", event);
    native.waitForEvent(event.handle, this.place);
  }

  /** Lets all that is put into it from now on wait for what `other` holds now; this thread does not wait. */
  waitStream(other: Stream): void {
    checkStream("waitStream(other)", other);
    const event = other.recordEvent();
    try {
      this.waitEvent(event);
    } finally {
      event.dispose();
    }
  }

  /** Records an event, a new one by default, and returns it. */
  recordEvent(event: Event = new Event()): Event {
    checkEvent("recordEvent(event)", event);
    native.recordEvent(event.handle, this.place);
    return event;
  }
}

export interface EventOptions {
  /** Whether it keeps the time, for {@link Event.elapsedTime}. Default false, which is cheaper. */
  timing?: boolean;
}

const eventRegistry = handleRegistry((handle) => native.releaseEvent(handle));

/**
 * A mark in a stream. It belongs to the device of the stream that first records it; recording it again moves it. Where it is
 * imported it hides Node's global class of that name.
 * @see torch.cuda.Event
 */
export class Event {
  /** @internal */
  handle: Handle;
  /** Whether it keeps the time. */
  readonly timing: boolean;

  /** @throws DgsamError `ERR_DEVICE` when there is no CUDA device */
  constructor(options: EventOptions = {}) {
    const { timing } = withDefaults("new Event", options, { timing: false });
    checkBoolean("new Event: timing", timing);
    this.timing = timing;
    this.handle = native.newEvent(timing);
    eventRegistry.register(this, this.handle);
  }

  /** Marks where a stream is now; the current one by default. */
  record(on: Stream = currentStream()): void {
    checkStream("record(on)", on);
    native.recordEvent(this.handle, on.place);
  }

  /** Lets all that is put into a stream from now on, the current one by default, wait for this; this thread does not wait. */
  wait(on: Stream = currentStream()): void {
    checkStream("wait(on)", on);
    native.waitForEvent(this.handle, on.place);
  }

  /** Whether the stream has passed it; true before it was recorded. */
  query(): boolean {
    return native.queryEvent(this.handle);
  }

  /** Waits, on this thread, until the stream has passed it. */
  synchronize(): void {
    native.synchronizeEvent(this.handle);
  }

  /**
   * Milliseconds from this event to `end`. Both are made with `timing`, recorded, and passed: `end.synchronize()` first.
   *
   * @throws DgsamError `ERR_ARGUMENT` when one was made without `timing`, was not recorded or is not passed
   */
  elapsedTime(end: Event): number {
    checkEvent("elapsedTime(end)", end);
    if (!this.timing || !end.timing) throw new DgsamError("ERR_ARGUMENT", "elapsedTime(end): expected two events made with { timing: true }");
    return native.elapsedTime(this.handle, end.handle);
  }

  /** Frees it now; what waits for it waits on. Calling it again does nothing. */
  dispose(): void {
    native.releaseEvent(this.handle);
    this.handle = 0;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function checkStream(name: string, value: unknown): asserts value is Stream {
  if (!(value instanceof Stream)) throw argumentError(name, "a Stream", value);
}

function checkEvent(name: string, value: unknown): asserts value is Event {
  if (!(value instanceof Event)) throw argumentError(name, "an Event", value);
}

/**
 * The stream that operators on a device put their work into, in this thread.
 *
 * @param device a CUDA device; default the current one
 * @throws DgsamError `ERR_DEVICE`
 * @see torch.cuda.current_stream
 */
export function currentStream(device: Device = "cuda"): Stream {
  checkString("currentStream(device)", device);
  return Stream.of(native.currentStream(device));
}

/** Whether a stream is the current one of its device, in this thread. */
export function isCurrent(on: Stream): boolean {
  return native.isCurrentStream(on.place);
}

/**
 * The stream that is the current one at the start.
 *
 * @throws DgsamError `ERR_DEVICE`
 * @see torch.cuda.default_stream
 */
export function defaultStream(device: Device = "cuda"): Stream {
  checkString("defaultStream(device)", device);
  return Stream.of(native.defaultStream(device));
}

/**
 * Runs `fn` with a stream, and its device, as the current one, and returns what it returns. What was before is restored,
 * also when `fn` throws. A tensor that is made in one stream and used in another is not waited for by itself: let the other
 * stream wait ({@link Stream.waitStream}), and tell the tensor of it ({@link Tensor.recordStream}).
 *
 * @throws DgsamError `ERR_ARGUMENT` when `fn` returns a promise
 * @see torch.cuda.stream
 */
export function stream<T>(on: Stream, fn: () => Synchronous<T>): T {
  checkStream("stream(on, fn): on", on);
  if (typeof fn !== "function") throw argumentError("stream(on, fn): fn", "a function", fn);
  native.enterStream(on.place);
  return runSync("stream", fn, () => native.leaveStream());
}

/**
 * Waits until all work of a device is done: before clocks are read, or host memory that is being copied into. On the CPU
 * all work is done when a call returns.
 *
 * @param device `"cpu"` or a CUDA device; default the current CUDA device
 * @throws DgsamError `ERR_DEVICE`
 * @see torch.cuda.synchronize
 */
export function synchronize(device: Device = "cuda"): void {
  checkString("synchronize(device)", device);
  native.synchronize(device);
}

/** What happens at operators that wait for a CUDA device: nothing, a warning (once a text), an `ERR_NATIVE`. */
export type SyncDebugMode = "default" | "warn" | "error";
const SYNC_DEBUG_MODES: readonly SyncDebugMode[] = ["default", "warn", "error"];

/**
 * Shows where a program waits for its CUDA devices, as `item()`, `nonzero` or a copy to the host do: nothing else of a step should. It holds
 * for the whole process. LibTorch does not count {@link synchronize} and events, though it does
 * {@link Stream.synchronize}, nor does it know of waits within CUDA's own calls.
 *
 * @throws DgsamError `ERR_DEVICE` when there is no CUDA device, or the addon was built without nvcc
 * @see torch.cuda.set_sync_debug_mode
 */
export function setSyncDebugMode(mode: SyncDebugMode): void {
  if (!SYNC_DEBUG_MODES.includes(mode)) throw argumentError("setSyncDebugMode(mode)", `one of ${SYNC_DEBUG_MODES.map((each) => `"${each}"`).join(", ")}`, mode);
  native.setSyncDebugMode(SYNC_DEBUG_MODES.indexOf(mode));
}
