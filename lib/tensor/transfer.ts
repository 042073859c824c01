/**
 * Copies between host memory and a CUDA device beside its computations: those to it out of pinned memory, on a stream of their own;
 * those of results into pinned memory, on the stream that computes them.
 *
 * A copied tensor's memory belongs to the copying stream. So the stream that uses it waits for the copy, and the tensor is
 * told of that stream: else its memory could be given to the next copy while the last kernel still reads it.
 */

import { checkString, isPlainObject } from "../checks.js";
import { argumentError } from "../errors.js";
import type { Device, DType } from "./dtype.js";
import { outsideScopes } from "./lifetime.js";
import "./methods/conversion.js";
import "./methods/storage.js";
import { ops } from "./operators.js";
import { isRecording } from "./recording.js";
import { keep } from "./scope.js";
import { currentStream, Stream, stream, type Event } from "./stream.js";
import { Tensor } from "./tensor.js";

/** One for each device, by its full name: what is copied there, and what is fetched from there. */
const copyStreams = new Map<Device, Stream>();
const fetchStreams = new Map<Device, Stream>();

function streamBeside(streams: Map<Device, Stream>, device: Device): Stream {
  const full = currentStream(device).device;
  let found = streams.get(full);
  if (found === undefined) streams.set(full, (found = new Stream({ device: full })));
  return found;
}

/** The same arrays and objects with other tensors; what else is in them is handed on. */
function mapTensors(value: unknown, change: (tensor: Tensor) => Tensor): unknown {
  if (value instanceof Tensor) return change(value);
  if (Array.isArray(value)) return value.map((each) => mapTensors(each, change));
  if (isPlainObject(value)) return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, mapTensors(each, change)]));
  return value;
}

/** Pinning makes no history, and sparse tensors have several memories: such are copied as ever. */
function isStaged(tensor: Tensor): boolean {
  return tensor.device === "cpu" && tensor.layout === "strided" && !tensor.requiresGrad;
}

/** Whether each element has a place of its own and none lies between them, in whatever order. */
function isDense({ shape, strides }: Tensor): boolean {
  let expected = 1;
  const dims = shape.map((size, dim) => ({ size, stride: strides[dim]! })).filter(({ size }) => size !== 1).sort((a, b) => a.stride - b.stride);
  return dims.every(({ size, stride }) => {
    const fits = stride === expected;
    expected *= size;
    return fits;
  });
}

/** A copy in pinned memory, laid out as LibTorch's copies are: pinning as it is takes all that lies between, and cannot write to what was expanded. */
function pinnedCopy(source: Tensor): Tensor {
  if (isDense(source)) return source.pinMemory();
  const dense = ops.aten["clone.default"](source);
  const pinned = dense.pinMemory();
  dense.dispose();
  return pinned;
}

/** Copies under way. */
interface Copies<T> {
  /** Makes the current stream wait for them, and gives them. */
  readonly take: () => T;
  /** Frees them instead. */
  readonly discard: () => void;
}

function startCopies<T>(tensors: T, device: Device): Copies<T> {
  const made: Tensor[] = [];
  const free = (): void => made.forEach((each) => each.dispose());
  const copyEach = (copy: (source: Tensor) => Tensor): T => {
    try {
      return mapTensors(tensors, (source) => {
        const copied = copy(source);
        made.push(copied);
        return copied;
      }) as T;
    } catch (cause) {
      free();
      throw cause;
    }
  };
  // A stream that is changed is nothing that a program can do; a copy is an operator as others are.
  if (!device.startsWith("cuda") || isRecording()) {
    const moved = copyEach((source) => source.to(device));
    return { take: () => moved, discard: free };
  }
  const side = streamBeside(copyStreams, device);
  const fromPinned: Tensor[] = [];
  const moved = copyEach((source) => {
    if (!isStaged(source)) return source.to(side.device);
    const pinned = source.isPinned() ? source : pinnedCopy(source);
    try {
      const copied = stream(side, () => pinned.to(side.device, { nonBlocking: true }));
      fromPinned.push(copied);
      return copied;
    } finally {
      // LibTorch keeps the memory until the copy is done.
      if (pinned !== source) pinned.dispose();
    }
  });
  const copied = side.recordEvent();
  return {
    take: () => {
      const user = currentStream(side.device);
      user.waitEvent(copied);
      copied.dispose();
      for (const each of fromPinned) each.recordStream(user);
      return moved;
    },
    discard: () => {
      copied.dispose();
      free();
    },
  };
}

/**
 * Copies tensors to a device: one, or all in arrays and plain objects at any depth; other values in them are handed on. To
 * a CUDA device the copies run from pinned memory on a stream of their own, and the current stream waits for them, so that
 * the results are used as any other. This thread does not wait: what is to be copied may not be changed before
 * `synchronize()` where it was pinned by the caller. Gradients flow through tensors that require one.
 *
 * @throws DgsamError `ERR_ARGUMENT`; `ERR_DEVICE` for a device that is not there; `ERR_OOM`
 */
export function toDevice<T>(tensors: T, device: Device): T {
  checkString("toDevice(tensors, device): device", device);
  return startCopies(tensors, device).take();
}

/** Host memory for {@link startFetch}, which outlives every scope. Making it may wait for the device, if there was none like it. */
export function fetchMemory(shape: readonly number[], dtype: DType, device: Device): Tensor {
  return keep(ops.aten["empty.memory_format"]([...shape], { dtype, pin_memory: device.startsWith("cuda") }));
}

/**
 * Starts to copy a tensor without history to host memory, in the current stream of its device. What is returned waits for that
 * copy alone, not for what was given to the stream since, and hands it out. It outlives every scope; the tensor is no longer needed.
 *
 * @param memory of {@link fetchMemory}; its own by default
 */
export function startFetch(tensor: Tensor, memory?: Tensor): () => Tensor {
  const { device } = tensor;
  if (!device.startsWith("cuda")) {
    const cloned = memory === undefined ? keep(ops.aten["clone.default"](tensor)) : ops.aten["copy_.default"](memory, tensor);
    return () => cloned;
  }
  const copy = memory ?? fetchMemory(tensor.shape, tensor.dtype, device);
  ops.aten["copy_.default"](copy, tensor, true);
  const copied = currentStream(device).recordEvent();
  return () => {
    copied.synchronize();
    copied.dispose();
    return copy;
  };
}

/**
 * Waits for an event of a CUDA stream, and for nothing that was given to that stream since, and copies a tensor without history to host
 * memory, of {@link fetchMemory}. Nothing may have written to the tensor since.
 */
export function fetchAfter(event: Event, tensor: Tensor, copy: Tensor): Tensor {
  const side = streamBeside(fetchStreams, tensor.device);
  side.waitEvent(event);
  return stream(side, () => startFetch(tensor, copy))();
}

function* startEach<T>(batches: Iterable<T>, device: Device): Generator<Copies<T>, void, undefined> {
  for (const batch of batches) yield startCopies(batch, device);
}

async function* startEachAsync<T>(batches: AsyncIterable<T>, device: Device): AsyncGenerator<Copies<T>, void, undefined> {
  for await (const batch of batches) yield startCopies(batch, device);
}

/** In the place of copies that could not be started: the error shows when they are asked for, after the batch before them. */
function failed(cause: unknown): Copies<never> {
  return {
    take: () => {
      throw cause;
    },
    discard: () => {},
  };
}

function* ahead<T>(batches: Iterable<T>, device: Device): Generator<T, void, undefined> {
  const started = startEach(batches, device);
  const start = (): Copies<T> | undefined => {
    try {
      // A scope of whoever takes a batch would end before the next one is taken.
      const { done, value } = outsideScopes(() => started.next());
      return done ? undefined : value;
    } catch (cause) {
      return failed(cause);
    }
  };
  let next = start();
  try {
    while (next !== undefined) {
      const copies = next;
      next = start();
      yield copies.take();
    }
  } finally {
    next?.discard();
    started.return();
  }
}

async function* aheadAsync<T>(batches: AsyncIterable<T>, device: Device): AsyncGenerator<T, void, undefined> {
  const started = startEachAsync(batches, device);
  const start = async (): Promise<Copies<T> | undefined> => {
    try {
      const { done, value } = await outsideScopes(() => started.next());
      return done ? undefined : value;
    } catch (cause) {
      return failed(cause);
    }
  };
  let next = await start();
  try {
    while (next !== undefined) {
      const copies = next;
      next = await start();
      yield copies.take();
    }
  } finally {
    next?.discard();
    await started.return();
  }
}

/**
 * Gives each batch as {@link toDevice} does, with the copies of the next one started already: they run while the batch is
 * computed on. One batch more than without lies on the device. An error of the source or of a copy shows after the batches before it.
 *
 *     for (const { images, labels } of prefetch(loader, "cuda")) step(images, labels);
 *
 * The batches belong to no scope, so that one around a step does not free the next, and neither does what the source makes. They are the caller's
 * to free, or the garbage collector's; leaving the loop closes the source and frees what was not given.
 *
 * @param batches tensors, or arrays and plain objects of them, in an iterable or an asynchronous one
 * @throws DgsamError `ERR_ARGUMENT`; while it is iterated over those of {@link toDevice}
 */
export function prefetch<T>(batches: AsyncIterable<T>, device: Device): AsyncGenerator<T, void, undefined>;
export function prefetch<T>(batches: Iterable<T>, device: Device): Generator<T, void, undefined>;
export function prefetch<T>(batches: Iterable<T> | AsyncIterable<T>, device: Device): Generator<T, void, undefined> | AsyncGenerator<T, void, undefined> {
  checkString("prefetch(batches, device): device", device);
  if (typeof batches === "object" && batches !== null && Symbol.asyncIterator in batches) return aheadAsync(batches, device);
  if (typeof batches === "object" && batches !== null && Symbol.iterator in batches) return ahead(batches, device);
  throw argumentError("prefetch(batches, device): batches", "an iterable", batches);
}
