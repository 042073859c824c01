import { cudaDeviceCount, emptyCache, memoryStats, ones, resetPeakMemoryStats, zeros, type DgsamError } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "../optim/support.js";

const withoutCuda = cudaDeviceCount() === 0;

describe("memoryStats", () => {
  test("counts live handles and bytes by device, shared storages once", () => {
    const before = memoryStats();
    const base = zeros([1000]);
    const view = base.narrow(0, 0, 10);
    const after = memoryStats();
    expect(after.handles - before.handles).toBe(2);
    expect(after.bytes.cpu! - (before.bytes.cpu ?? 0)).toBe(4000);
    base.dispose();
    expect(memoryStats().bytes.cpu! - (before.bytes.cpu ?? 0)).toBe(4000);
    view.dispose();
    expect(memoryStats().handles).toBe(before.handles);
  });

  test.runIf(withoutCuda)("tells of no device where there is none", () => expect(memoryStats().devices).toEqual({}));
});

describe.runIf(withoutCuda)("without CUDA", () => {
  test("emptyCache and resetPeakMemoryStats do nothing", () => {
    emptyCache();
    resetPeakMemoryStats();
    resetPeakMemoryStats("cuda");
    resetPeakMemoryStats("cuda:3");
    expect(ones([3]).sum().item()).toBe(3);
  });
});

test("resetPeakMemoryStats takes a CUDA device", () => {
  expectError(() => resetPeakMemoryStats("cpu"), "ERR_DEVICE", /expected a CUDA device such as "cuda:0", got "cpu"/);
  expectError(() => resetPeakMemoryStats("nonsense"), "ERR_DEVICE", /device/);
  expectError(() => resetPeakMemoryStats(0 as never), "ERR_ARGUMENT", /^resetPeakMemoryStats\(device\): expected a string, got the number 0$/);
});

test("what does not fit is an ERR_OOM with sizes, and the process goes on with less", () => {
  let caught: DgsamError | undefined;
  try {
    zeros([2 ** 45]);
  } catch (error) {
    caught = error as DgsamError;
  }
  expect(caught).toMatchObject({ code: "ERR_OOM", memory: { device: "cpu", requested: 2 ** 47 } });
  const { allocated, free, total } = caught!.memory!;
  if (process.platform === "linux") {
    expect(allocated).toBeGreaterThan(2 ** 20);
    expect(free).toBeGreaterThanOrEqual(0);
    expect(total).toBeGreaterThan(free!);
    expect(total).toBeLessThan(2 ** 47);
  }
  expect(caught!.message).toMatch(/^aten::zeros\.default: can't allocate memory: you tried to allocate 140737488355328 bytes \(128\.00 TiB\) on cpu/);
  expect((caught!.cause as Error).message).toContain("can't allocate memory");
  expect(zeros([2 ** 10]).sum().item()).toBe(0);
  // Other errors have no sizes.
  expectError(() => ones([2]).add(ones([3])), "ERR_SHAPE", /size of tensor/);
});
