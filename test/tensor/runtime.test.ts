import { spawnSync } from "node:child_process";
import { cudaDeviceCount, empty, getNumThreads, ops, runtimeInfo, setNumThreads, tensor, useDeterministicAlgorithms, type Tensor } from "dgsam";
import { afterEach, describe, expect, test } from "vitest";
import { expectError } from "../optim/support.js";

describe("useDeterministicAlgorithms", () => {
  afterEach(() => useDeterministicAlgorithms(false));

  // Which of two values wins at one index is nobody's promise.
  const put = () => ops.aten.put_(tensor([0, 0]), tensor([1n, 1n]), tensor([1, 2]));

  test("an operator that has no deterministic form throws while it is on", () => {
    put();
    useDeterministicAlgorithms(true);
    expectError(put, "ERR_NATIVE", /put_.* does not have a deterministic implementation/);
    useDeterministicAlgorithms(false);
    put();
  });

  test("memory that is not initialised is filled, as in PyTorch", () => {
    useDeterministicAlgorithms(true);
    expect((empty([3]) as Tensor).toArray()).toEqual([NaN, NaN, NaN]);
  });

  test("takes a boolean", () => expectError(() => useDeterministicAlgorithms(1 as never), "ERR_ARGUMENT", /^useDeterministicAlgorithms\(enabled\): expected a boolean, got the number 1$/));
});

test("setNumThreads sets what getNumThreads tells, and takes a count", () => {
  const before = getNumThreads();
  setNumThreads(1);
  expect(getNumThreads()).toBe(1);
  setNumThreads(before);
  for (const count of [0, 1.5, 1025, NaN, "2" as never]) expectError(() => setNumThreads(count), "ERR_ARGUMENT", /^setNumThreads\(count\): expected an integer from 1 to 1024, got /);
  expect(getNumThreads()).toBe(before);
});

test("cudaDeviceCount is 0 without a driver, else at most what the driver tells", () => {
  const { status, stdout } = spawnSync("nvidia-smi", ["--list-gpus"], { encoding: "utf8" });
  const devices = status === 0 ? stdout.trim().split("\n").length : 0;
  expect(cudaDeviceCount()).toBe(runtimeInfo().cudaDevices);
  expect(cudaDeviceCount()).toBeGreaterThanOrEqual(0);
  expect(cudaDeviceCount()).toBeLessThanOrEqual(devices);
});
