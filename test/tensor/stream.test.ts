import {
  cudaDeviceCount, currentStream, defaultStream, Event, memoryStats, ones, prefetch, scope, scopeAsync, setSyncDebugMode, Stream, stream, synchronize, tensor, toDevice, zeros,
  type Tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "../optim/support.js";

describe.runIf(cudaDeviceCount() === 0)("without a CUDA device", () => {
  const missing = /there is no CUDA device: (this LibTorch was built without CUDA|no driver)/;

  test.each<[string, () => unknown]>([
    ["new Stream()", () => new Stream()],
    ["new Stream on a device", () => new Stream({ device: "cuda:0", priority: -1 })],
    ["new Event()", () => new Event()],
    ["new Event with timing", () => new Event({ timing: true })],
    ["currentStream", () => currentStream()],
    ["defaultStream", () => defaultStream("cuda:1")],
    ["synchronize", () => synchronize()],
    ["setSyncDebugMode", () => setSyncDebugMode("warn")],
    ["toDevice", () => toDevice(ones([2]), "cuda")],
    ["prefetch", () => [...prefetch([ones([2])], "cuda:0")]],
  ])("%s is an ERR_DEVICE that says so", (_, fn) => expectError(fn, "ERR_DEVICE", missing));

  test("pinned memory is an ERR_DEVICE, and nothing is pinned", () => {
    expectError(() => ones([2]).pinMemory(), "ERR_DEVICE", /^pinMemory\(\): pinned memory is for copies to a CUDA device, and there is none$/);
    expect(ones([2]).isPinned()).toBe(false);
  });
});

test("devices that are no CUDA devices are refused, but for synchronize", () => {
  synchronize("cpu");
  expectError(() => new Stream({ device: "cpu" }), "ERR_DEVICE", /expected a CUDA device such as "cuda:0", got "cpu"/);
  expectError(() => currentStream("meta"), "ERR_DEVICE", /expected a CUDA device/);
  expectError(() => synchronize("meta"), "ERR_DEVICE", /expected a CUDA device/);
});

test("arguments of other kinds are refused", () => {
  expectError(() => new Stream({ device: 0 as never }), "ERR_ARGUMENT", /^new Stream: device: expected a string, got the number 0$/);
  expectError(() => new Stream({ priority: 1 }), "ERR_ARGUMENT", /^new Stream: priority: expected an integer from -128 to 0, got the number 1$/);
  expectError(() => new Event({ timing: 1 as never }), "ERR_ARGUMENT", /^new Event: timing: expected a boolean, got the number 1$/);
  expectError(() => new Event({ enableTiming: true } as never), "ERR_ARGUMENT", /unknown option 'enableTiming'/);
  expectError(() => stream({} as never, () => 1), "ERR_ARGUMENT", /^stream\(on, fn\): on: expected a Stream, got an object/);
  expectError(() => currentStream(0 as never), "ERR_ARGUMENT", /^currentStream\(device\): expected a string/);
  expectError(() => setSyncDebugMode("warning" as never), "ERR_ARGUMENT", /^setSyncDebugMode\(mode\): expected one of "default", "warn", "error", got the string "warning"/);
  expectError(() => synchronize(0 as never), "ERR_ARGUMENT", /^synchronize\(device\): expected a string/);
  expectError(() => ones([1]).recordStream({} as never), "ERR_ARGUMENT", /^recordStream\(stream\): expected a Stream/);
  expectError(() => toDevice(ones([1]), 0 as never), "ERR_ARGUMENT", /^toDevice\(tensors, device\): device: expected a string/);
  expectError(() => prefetch(5 as never, "cpu"), "ERR_ARGUMENT", /^prefetch\(batches, device\): batches: expected an iterable, got the number 5$/);
});

describe("to the CPU", () => {
  test("toDevice gives the same structure, and hands other values on", () => {
    const x = tensor([1, 2]);
    const moved = toDevice({ domain: "photo", images: x, more: [x, { labels: zeros([1]) }], nothing: null, dates: new Date(0) }, "cpu");
    expect(moved.domain).toBe("photo");
    expect(moved.nothing).toBeNull();
    expect(moved.dates).toEqual(new Date(0));
    expect(moved.images.toArray()).toEqual([1, 2]);
    expect((moved.more[1] as { labels: Tensor }).labels.toArray()).toEqual([0]);
    // As Tensor.to: where nothing changes the memory is shared.
    x.add_(1);
    expect(moved.images.toArray()).toEqual([2, 3]);
    expect((moved.more[0] as Tensor).toArray()).toEqual([2, 3]);
  });

  test("prefetch gives all batches in order, one ahead, and closes its source", () => {
    const log: string[] = [];
    function* source(): Generator<Tensor> {
      try {
        for (let i = 0; i < 3; i++) {
          log.push(`made ${i}`);
          yield tensor(i);
        }
      } finally {
        log.push("closed");
      }
    }
    for (const batch of prefetch(source(), "cpu")) log.push(`used ${batch.item()}`);
    expect(log).toEqual(["made 0", "made 1", "used 0", "made 2", "used 1", "closed", "used 2"]);
    log.length = 0;
    for (const batch of prefetch(source(), "cpu")) {
      log.push(`used ${batch.item()}`);
      break;
    }
    expect(log).toEqual(["made 0", "made 1", "used 0", "closed"]);
    expect([...prefetch([], "cpu")]).toEqual([]);
  });

  test("prefetch takes asynchronous batches", async () => {
    async function* source(): AsyncGenerator<{ x: Tensor }> {
      for (let i = 0; i < 3; i++) yield await Promise.resolve({ x: tensor(i) });
    }
    const seen: unknown[] = [];
    for await (const { x } of prefetch(source(), "cpu")) seen.push(x.item());
    expect(seen).toEqual([0, 1, 2]);
  });

  test("the batches of prefetch belong to no scope: one around a step does not free the next", () => {
    function* source(first: number): Generator<Tensor> {
      const base = tensor(first);
      for (let i = 0; i < 4; i++) yield base.add(i);
    }
    const streams = [0, 10].map((first) => prefetch(source(first), "cpu"));
    const given: Tensor[] = [];
    for (let round = 0; round < 4; round++) scope(() => void given.push(...streams.map((each) => each.next().value as Tensor)));
    expect(given.map((each) => each.item())).toEqual([0, 10, 1, 11, 2, 12, 3, 13]);
  });

  test("asynchronous batches belong to no scope, either", async () => {
    async function* source(first: number): AsyncGenerator<Tensor> {
      const base = tensor(first);
      for (let i = 0; i < 4; i++) {
        await Promise.resolve();
        yield base.add(i);
      }
    }
    const streams = [0, 10].map((first) => prefetch(source(first), "cpu"));
    const given: Tensor[] = [];
    for (let round = 0; round < 4; round++) {
      await scopeAsync(async () => {
        for (const each of streams) given.push((await each.next()).value as Tensor);
      });
    }
    expect(given.map((each) => each.item())).toEqual([0, 10, 1, 11, 2, 12, 3, 13]);
  });

  test("leaving prefetch frees the batch that was not given", async () => {
    const batches = [tensor(0), tensor(1), tensor(2)];
    const before = memoryStats().handles;
    for (const batch of prefetch(batches, "cpu")) {
      expect(memoryStats().handles - before).toBe(2);
      batch.dispose();
      break;
    }
    expect(memoryStats().handles).toBe(before);
    for await (const batch of prefetch((async function* () { yield* batches; })(), "cpu")) {
      batch.dispose();
      break;
    }
    expect(memoryStats().handles).toBe(before);
  });

  describe("an error comes after the batches before it", () => {
    const gone = tensor(0);
    gone.dispose();
    const kept = tensor(1);

    test.each<[string, () => unknown[], RegExp]>([
      ["of the source", () => { throw new Error("no more"); }, /^no more$/],
      // As when memory runs out at the second of two.
      ["of a copy", () => [kept, gone], /disposed/],
    ])("%s", async (_, fail, message) => {
      const log: string[] = [];
      function* source(): Generator<unknown[]> {
        try {
          yield [kept];
          yield fail();
        } finally {
          log.push("closed");
        }
      }
      async function* asynchronous(): AsyncGenerator<unknown[]> {
        for (const each of source()) yield await Promise.resolve(each);
      }
      const use = ([x]: unknown[]): void => {
        log.push(`used ${(x as Tensor).item()}`);
        (x as Tensor).dispose();
      };
      const before = memoryStats().handles;
      expect(() => { for (const each of prefetch(source(), "cpu")) use(each); }).toThrow(message);
      expect(log).toEqual(["closed", "used 1"]);
      log.length = 0;
      await expect((async () => { for await (const each of prefetch(asynchronous(), "cpu")) use(each); })()).rejects.toThrow(message);
      expect(log).toEqual(["closed", "used 1"]);
      expect(memoryStats().handles).toBe(before);
    });

    test("of the first batch: at once", () => {
      expect(() => prefetch([[kept, gone]], "cpu").next()).toThrow(/disposed/);
    });
  });
});
