import {
  Conv2d, currentStream, defaultStream, empty, Event, full, noGrad, ones, prefetch, rand, scope, Sequential, Stream, stream, synchronize, tensor, toDevice, zeros,
} from "dgsam";
import { expect, test } from "vitest";
import { expectError } from "../optim/support.js";
import { describeOnCuda, longWork } from "./support.js";

const device = "cuda:0";

describeOnCuda("streams", () => {
  test("the current stream is the default one, but inside of stream()", () => {
    const side = new Stream({ device });
    expect(side.device).toBe(device);
    expect(currentStream(device).id).toBe(defaultStream(device).id);
    expect(side.id).not.toBe(defaultStream(device).id);
    const inner = new Stream({ device, priority: -1 });
    stream(side, () => {
      expect(currentStream().id).toBe(side.id);
      stream(inner, () => expect(currentStream().id).toBe(inner.id));
      expect(currentStream().id).toBe(side.id);
    });
    expect(() => stream(side, () => { throw new Error("out"); })).toThrow("out");
    expect(currentStream(device).id).toBe(defaultStream(device).id);
    // @ts-expect-error the types refuse a promise too
    expectError(() => stream(side, () => Promise.resolve(1)), "ERR_ARGUMENT", /stream\(fn\): fn returned a promise/);
    expect(currentStream(device).id).toBe(defaultStream(device).id);
  });

  test("a stream is busy while its work runs, and others can wait for it", () => {
    longWork();
    synchronize();
    const side = new Stream({ device });
    const made = stream(side, () => longWork());
    expect(side.query()).toBe(false);
    const user = currentStream(device);
    user.waitStream(side);
    made.recordStream(user);
    expect(made.sum().item()).toBe(4096 * 4096);
    expect(side.query()).toBe(true);
    side.synchronize();
  });

  test("events mark work and keep its time", () => {
    const [start, end] = [new Event({ timing: true }), new Event({ timing: true })];
    expect(start.query()).toBe(true);
    expectError(() => start.elapsedTime(end), "ERR_ARGUMENT", /recorded/);
    longWork();
    synchronize();
    const begun = performance.now();
    start.record();
    longWork();
    end.record();
    expect(end.query()).toBe(false);
    end.synchronize();
    const took = performance.now() - begun;
    const measured = start.elapsedTime(end);
    expect(measured).toBeGreaterThan(0);
    expect(measured).toBeLessThanOrEqual(took + 1);
    expectError(() => start.elapsedTime(new Event()), "ERR_ARGUMENT", /made with \{ timing: true \}/);
    start.dispose();
    start.dispose();
    expectError(() => start.query(), "ERR_DISPOSED", /event/);
    const side = new Stream({ device });
    end.wait(side);
    side.recordEvent().synchronize();
  });

  test("an event belongs to the device of its first stream; tensors are told of streams of theirs", () => {
    expectError(() => ones([2]).recordStream(currentStream(device)), "ERR_DEVICE", /expected a tensor on the stream's device cuda:0, got one on cpu/);
    expectError(() => new Stream({ device: "cuda:99" }), "ERR_DEVICE", /there is no device "cuda:99"/);
  });
});

describeOnCuda("pinned memory and copies", () => {
  test("pinMemory copies into pinned memory, once", () => {
    const x = rand([1000]);
    expect(x.isPinned()).toBe(false);
    const pinned = x.pinMemory();
    expect(pinned.isPinned()).toBe(true);
    expect(pinned.device).toBe("cpu");
    expect(pinned.toArray()).toEqual(x.toArray());
    expectError(() => zeros([1], { device }).pinMemory(), "ERR_DEVICE", /expected a tensor on the CPU, got one on cuda:0/);
    const there = pinned.to(device, { nonBlocking: true });
    synchronize();
    expect(there.cpu().toArray()).toEqual(x.toArray());
  });

  test("toDevice gives the same structure on the device, sources are unchanged, gradients flow", () => {
    const x = rand([1000]);
    const values = x.toArray();
    const moved = toDevice({ x, domain: "photo", list: [x.pinMemory()] }, "cuda");
    expect([moved.x.device, moved.list[0]!.device, moved.domain]).toEqual([device, device, "photo"]);
    expect([moved.x, moved.list[0]!, x].map((each) => each.toArray())).toEqual([values, values, values]);
    const leaf = tensor([1, 2], { requiresGrad: true });
    toDevice(leaf, device).sum().backward();
    expect(leaf.grad!.toArray()).toEqual([1, 1]);
    const sparse = ones([2, 2]).toSparse();
    expect(toDevice(sparse, device).device).toBe(device);
  });

  test("toDevice: the current stream waits for the copy", () => {
    // A copy takes milliseconds, so that a kernel that did not wait would read what lay there before.
    const size = 2 ** 26;
    const source = empty([size]).pinMemory();
    const sumOf = (value: number): number => scope(() => {
      source.fill_(value);
      return toDevice(source, device).sum({ dtype: "float64" }).item();
    });
    // Loading kernels takes time, too.
    sumOf(0);
    for (let round = 1; round <= 5; round++) expect(sumOf(round)).toBe(round * size);
  });

  test("toDevice: memory that a kernel will read is not given to the next copy", () => {
    const size = 2 ** 24;
    const [first, second] = [full([size], 1).pinMemory(), full([size], 2).pinMemory()];
    const round = (): { isLate: boolean; sum: number } => scope(() => {
      const moved = toDevice(first, device);
      longWork();
      const sum = moved.sum({ dtype: "float64" });
      const summed = currentStream(device).recordEvent();
      moved.dispose();
      // The copying stream waits for nobody.
      for (let i = 0; i < 3; i++) toDevice(second, device);
      return { isLate: !summed.query(), sum: sum.item() };
    });
    // Memory and kernels are there from then on, and the copies are not waited for.
    round();
    for (let i = 0; i < 3; i++) expect(round()).toEqual({ isLate: true, sum: size });
  });

  test("toDevice copies views of any layout as they are seen", () => {
    const base = rand([6, 5, 4]);
    const views = [
      base, base.select(1, 2), base.narrow(2, 1, 2), base.permute([2, 0, 1]), base.narrow(0, 1, 3).transpose(0, 2), tensor([1, 2, 3]).expand(4, 3),
      tensor(7).expand(2, 2), base.narrow(0, 0, 0), rand([2, 3, 4, 5]).contiguous({ memoryFormat: "channels_last" }),
    ];
    for (const view of views) {
      const there = toDevice(view, device);
      expect([there.device, there.shape, there.toArray()]).toEqual([device, view.shape, view.toArray()]);
      expect(there.strides).toEqual(view.to(device).strides);
    }
  });

  test("prefetch gives each batch on the device, in order, whatever the stream is busy with", () => {
    const size = 2 ** 20;
    const batches = Array.from({ length: 8 }, (_, i) => ({ x: full([size], i), i }));
    // Read at the end alone: reading one would wait for the kernel that the next copy must not overtake.
    const sums = [];
    for (const { x, i } of prefetch(batches, device)) {
      expect([x.device, i]).toEqual([device, sums.length]);
      scope(() => void longWork());
      sums.push(x.sum({ dtype: "float64" }));
      x.dispose();
    }
    expect(sums.map((each) => each.item())).toEqual(batches.map(({ i }) => i * size));
  });
});

describeOnCuda("channels_last", () => {
  test("a module and its input in channels_last compute what they compute in row-major order", () => {
    const net = new Sequential(new Conv2d(3, 8, 3), new Conv2d(8, 4, 3)).to(device);
    const x = rand([2, 3, 16, 16]).to(device);
    const expected = noGrad(() => net.forward(x)).cpu();
    net.to({ memoryFormat: "channels_last" });
    expect(net.parameters()[0]!.isContiguous("channels_last")).toBe(true);
    const y = noGrad(() => net.forward(x.to({ memoryFormat: "channels_last" })));
    expect(y.isContiguous("channels_last")).toBe(true);
    expect(y.cpu().sub(expected).abs().max().item()).toBeLessThan(1e-2);
  });
});
